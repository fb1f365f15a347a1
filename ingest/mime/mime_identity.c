#include <string.h>

#include "ingest/mime/mime_identity.h"

/* "<length>:<bytes>," as in netstrings: what stands in one field cannot be mistaken for the next.
 */
static void add(struct buf *ret, struct text t)
{
	(void)text_addf(ret, "%zu:", t.len);
	(void)text_add(ret, t);
	(void)text_add(ret, TEXT(","));
}

static void add_number(struct buf *ret, int64_t n)
{
	struct buf digits;

	buf_init(&digits, 24);
	(void)text_addf(&digits, "%lld", (long long)n);
	add(ret, (struct text){ (const char *)digits.data, digits.len });
	buf_clear(&digits);
}

static void add_lower(struct buf *ret, struct text t)
{
	char lower[LIMIT_MIME_ADDRESS];
	size_t n = t.len < sizeof(lower) ? t.len : sizeof(lower);

	for (size_t i = 0; i < n; i++)
		lower[i] = t.at[i] >= 'A' && t.at[i] <= 'Z' ? (char)(t.at[i] - 'A' + 'a') : t.at[i];
	add(ret, (struct text){ lower, n });
}

void mime_identity_bytes(const struct mime_head *h, int64_t internal_date, uint64_t size,
			 struct buf *ret)
{
	(void)text_add(ret,
		       TEXT("mail1")); /* the form of these bytes, in case it must ever change */
	add(ret, text_of(h->message_id));
	add_lower(ret, text_of(h->from.address));
	add_number(ret, h->date);
	add(ret, text_of(h->subject));
	if (!h->message_id) {
		add_number(ret, internal_date);
		add_number(ret, (int64_t)size);
	}
}
