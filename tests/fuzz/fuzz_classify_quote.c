#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/classify/classify_quote.h"
#include "ingest/classify/classify_snippet.h"
#include "ingest/mime/mime_utf8.h"

/*
 * Slices lie in the body, in order, none empty, and no line of them is quoted
 * (but for a mail that is kept whole); cut again, nothing of a text without
 * quotes is lost.
 */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf body;
	struct classify_quote q;
	const char *at;
	char snippet[CLASSIFY_SNIPPET];

	buf_init(&body, LIMIT_MIME_TEXT);
	(void)mime_utf8_add(&body, (struct text){ (const char *)p, n }, /* lines= */ true);
	classify_quote_cut((struct text){ (const char *)body.data, body.len }, &q);
	at = (const char *)body.data;
	if (q.n > LIMIT_QUOTE_SLICES)
		abort();
	for (size_t i = 0; i < q.n; i++) {
		struct text rest = q.at[i], line;
		bool more = true,
		     whole = q.n == 1 &&
			     q.at[i].len ==
				     text_trim((struct text){ (const char *)body.data, body.len })
					     .len;

		if (!rest.len || rest.at < at ||
		    rest.at + rest.len > (const char *)body.data + body.len)
			abort();
		at = rest.at + rest.len;
		while (more && !whole) {
			more = text_cut(rest, '\n', &line, &rest);
			if (line.len && line.at[0] == '>')
				abort();
		}
	}
	classify_snippet((struct text){ (const char *)body.data, body.len }, snippet);
	if (!mime_utf8_is_valid(text_of(snippet)) || strlen(snippet) >= sizeof(snippet))
		abort();
	buf_clear(&body);
	return 0;
}
