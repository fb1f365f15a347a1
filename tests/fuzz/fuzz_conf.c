#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "tests/base/conf_shop.h"

/* What a configuration prints, read again, prints the same but for where each value came from. */
static int print(struct text file, struct buf *ret)
{
	struct shop s;
	struct conf *c = conf_new(&table, &s);
	struct conf_at at = { 0 };
	char why[CONF_WHY] = "";
	int r = conf_read(c, "file", file, why);

	if ((r < 0) != (*why != '\0') || memchr(why, '\0', sizeof(why)) == NULL)
		abort();
	while (r == 0 && conf_next(c, &at))
		if (at.is_set && !at.is_secret) /* which no file sets */
			r = conf_add_line(ret, at.name, at.value);
	conf_free(c);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf once, twice;

	buf_init(&once, 16 * LIMIT_CONF);
	buf_init(&twice, 16 * LIMIT_CONF);
	if (n <= LIMIT_CONF && print((struct text){ (const char *)p, n }, &once) == 0 &&
	    (print(text_of_buf(&once), &twice) < 0 ||
	     !text_eq(text_of_buf(&once), text_of_buf(&twice))))
		abort();
	buf_clear(&once);
	buf_clear(&twice);
	return 0;
}
