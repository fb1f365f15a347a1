#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

typedef int (*from_fn)(struct buf *, struct text);
typedef int (*add_fn)(struct buf *, const void *, size_t);

/* One value, one spelling: what a decoder takes, its encoder writes again byte by byte. */
static void check(struct text in, from_fn from, add_fn add, int fold)
{
	cleanup_buf struct buf plain, coded;

	buf_init(&plain, 1 << 16);
	buf_init(&coded, 1 << 17);
	if (from(&plain, in) < 0) {
		if (plain.len)
			abort();
		return;
	}
	if (add(&coded, plain.data, plain.len) < 0 ||
	    !(fold ? text_ieq : text_eq)(text_of_buf(&coded), in))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct text in = { (const char *)p, n };
	cleanup_buf struct buf once, twice;
	char again[CLOCK_TEXT];
	int64_t us, back;

	if (n > 4096)
		return 0;
	check(in, text_from_base64, text_add_base64, 0);
	check(in, text_from_base64url, text_add_base64url, 0);
	check(in, text_from_hex, text_add_hex, 1);
	/* percent escapes have many spellings, but a decoded text survives its own */
	buf_init(&once, 1 << 16);
	buf_init(&twice, 1 << 16);
	if (text_from_percent(&once, in) == 0) {
		cleanup_buf struct buf coded;

		buf_init(&coded, 1 << 16);
		if (text_add_percent(&coded, text_of_buf(&once)) < 0 ||
		    text_from_percent(&twice, text_of_buf(&coded)) < 0 ||
		    !text_eq(text_of_buf(&once), text_of_buf(&twice)))
			abort();
	}
	/* an instant that is read is written as one that reads the same */
	buf_clear(&once);
	if (text_add(&once, in) == 0 && once.len &&
	    clock_from_rfc3339((char *)once.data, &us) == 0) {
		clock_rfc3339(us, again);
		if (us >= INT64_C(-62167219200000000) && us <= INT64_C(253402300799999999) &&
		    (clock_from_rfc3339(again, &back) < 0 || back != us))
			abort();
	}
	return 0;
}
