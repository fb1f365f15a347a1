#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ingest/mime/mime_html.h"
#include "ingest/mime/mime_utf8.h"

static void need(bool holds)
{
	if (!holds)
		abort();
}

/* Whatever page: lines of valid text without control characters, and of less room the front. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf html, whole, cut;
	struct text t;

	buf_init(&html, LIMIT_MIME_PART);
	buf_init(&whole, LIMIT_MIME_TEXT);
	buf_init(&cut, n / 2);
	(void)mime_utf8_add(&html, (struct text){ (const char *)p, n }, /* lines= */ true);
	mime_html_text(text_of_buf(&html), &whole, NULL);
	mime_html_text(text_of_buf(&html), &cut, NULL);
	t = text_of_buf(&whole);
	need(mime_utf8_is_valid(t) && whole.len <= LIMIT_MIME_TEXT);
	need(!whole.len || !memchr(t.at, '\r', t.len));
	need(cut.len <= whole.len && cut.len <= n / 2);
	need(!cut.len || memcmp(cut.data, whole.data, cut.len) == 0);
	buf_clear(&html);
	buf_clear(&whole);
	buf_clear(&cut);
	return 0;
}
