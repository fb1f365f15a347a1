#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_identity.h"
#include "ingest/mime/mime_utf8.h"

static void clean(const char *s)
{
	if (s && !mime_utf8_is_valid(text_of(s)))
		abort();
	for (; s && *s; s++)
		if ((uint8_t)*s < 0x20 || *s == 0x7f)
			abort();
}

static void clean_ids(const struct mime_ids *ids)
{
	if (ids->n > LIMIT_MIME_IDS)
		abort();
	for (size_t i = 0; i < ids->n; i++)
		clean(ids->at[i]);
}

/* Everything that comes out can be stored, and folding the block anew changes no id: identity is
 * the mail's, not its lines'. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mime_head h, again;
	struct buf lf, a, b;

	mime_head_init(&h);
	mime_head_init(&again);
	mime_head_read(&h, p, n);
	clean(h.message_id);
	clean(h.subject);
	clean(h.from.address);
	clean(h.from.name);
	clean(h.type.charset);
	clean(h.auto_submitted);
	clean_ids(&h.references);
	clean_ids(&h.in_reply_to);
	if (h.to.n > LIMIT_MIME_ADDRESSES || h.fields.n > LIMIT_MIME_FIELDS ||
	    (h.date != MIME_NO_DATE && h.date < 0))
		abort();

	buf_init(&lf, LIMIT_MIME_HEAD * 2);
	buf_init(&a, LIMIT_MIME_IDENTITY);
	buf_init(&b, LIMIT_MIME_IDENTITY);
	if (n < LIMIT_MIME_HEAD / 2 && n && memchr(p, '\n', n)) {
		for (size_t i = 0; i < n; i++)
			if (p[i] != '\r' &&
			    (buf_add(&lf, p[i] == '\n' ? "\r\n" : (const char *)&p[i],
				     p[i] == '\n' ? 2 : 1) < 0))
				abort();
		mime_head_read(&again, lf.data, lf.len);
		mime_identity_bytes(&h, 1, 1, &a);
		mime_identity_bytes(&again, 1, 1, &b);
		if (!memchr(p, '\r', n) && (a.len != b.len || memcmp(a.data, b.data, a.len) != 0))
			abort();
	}
	buf_clear(&lf);
	buf_clear(&a);
	buf_clear(&b);
	mime_head_clear(&h);
	mime_head_clear(&again);
	return 0;
}
