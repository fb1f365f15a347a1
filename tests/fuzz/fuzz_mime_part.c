#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ingest/mime/mime_part.h"
#include "ingest/mime/mime_utf8.h"

/* First byte: encoding, html, charset; second: the ceiling.  Whatever comes is valid, holds it, and
 * is a prefix of what more room gives. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const charsets[] = { "",           "utf-8",
						"iso-8859-1", "windows-1252",
						"shift_jis",  "iso-2022-jp",
						"utf-7",      "x-none" };
	struct mime_part part = { .encoding = MIME_PLAIN };
	struct buf whole, cut;

	if (n < 2)
		return 0;
	part.encoding = (enum mime_encoding)(p[0] % 4);
	part.html = p[0] & 4;
	(void)strncat(part.charset, charsets[p[0] >> 5], sizeof(part.charset) - 1);
	buf_init(&whole, LIMIT_MIME_TEXT);
	buf_init(&cut, p[1]);
	mime_part_text(&part, p + 2, n - 2, &whole, NULL);
	mime_part_text(&part, p + 2, n - 2, &cut, NULL);
	if (!mime_utf8_is_valid((struct text){ (const char *)whole.data, whole.len }) ||
	    cut.len > p[1] || cut.len > whole.len ||
	    (cut.len && memcmp(whole.data, cut.data, cut.len) != 0) ||
	    (whole.len && memchr(whole.data, 0, whole.len)))
		abort();
	buf_clear(&whole);
	buf_clear(&cut);
	return 0;
}
