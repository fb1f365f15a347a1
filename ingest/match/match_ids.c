#include "base/mem.h"
#include "ingest/match/match_ids.h"

static const char *const method_names[] = {
	[MATCH_DSN_ORIGINAL] = "dsn_original",
	[MATCH_IN_REPLY_TO] = "in_reply_to",
	[MATCH_REFERENCES] = "references",
	[MATCH_EXCHANGE_PARENT] = "exchange_parent",
	[MATCH_GMAIL_THREAD] = "gmail_thread",
	[MATCH_THREAD_INDEX] = "thread_index",
	[MATCH_REPLY_TOKEN] = "reply_token",
	[MATCH_BODY_ID] = "body_id",
	[MATCH_BODY_LINK] = "body_link",
	[MATCH_FROM_SUBJECT] = "from_subject",
	[MATCH_FROM] = "from",
	[MATCH_COMPANY] = "company_subject",
	[MATCH_COMPANY_ALONE] = "company",
	[MATCH_SELF] = "self",
};

const char *match_ids_method_name(enum match_method method)
{
	return method_names[method];
}

bool match_ids_is_weak(enum match_method method)
{
	return method == MATCH_FROM_SUBJECT || method == MATCH_FROM || method == MATCH_COMPANY ||
	       method == MATCH_COMPANY_ALONE;
}

size_t match_ids_normal(struct text raw, char ret[MIME_ID])
{
	return mime_id_normal(raw, ret);
}

static void add(struct match_ids *ret, const char *id, enum match_method method, double confidence)
{
	if (!id)
		return;
	for (size_t i = 0; i < ret->n; i++)
		if (ret->at[i].method == method && text_eq(text_of(ret->at[i].id), text_of(id)))
			return;
	if (ret->n < countof(ret->at))
		ret->at[ret->n++] = (struct match_id){ id, method, confidence };
}

/* The nearer to the end of the thread, the surer; the far ones may belong to a mail that was only
 * pasted in. */
static double reference_confidence(size_t from_end)
{
	return from_end == 0 ? 0.95 : from_end < 5 ? 0.9 : 0.8;
}

void match_ids_of(const struct mime_head *head, const struct mime_dsn *dsn, struct match_ids *ret)
{
	ret->n = 0;
	if (dsn) {
		add(ret, dsn->original.message_id, MATCH_DSN_ORIGINAL, 0.99);
		add(ret, dsn->original_id, MATCH_DSN_ORIGINAL, 0.99);
	}
	for (size_t i = 0; i < head->in_reply_to.n; i++)
		add(ret, head->in_reply_to.at[i], MATCH_IN_REPLY_TO, 0.98);
	for (size_t i = head->references.n; i-- > 0;)
		add(ret, head->references.at[i], MATCH_REFERENCES,
		    reference_confidence(head->references.n - 1 - i));
	if (mime_id_normal(mime_head_field(head, "X-MS-Exchange-Parent-Message-Id", 0),
			   ret->parent))
		add(ret, ret->parent, MATCH_EXCHANGE_PARENT, 0.94);
}

void match_ids_add_body(const struct match_body *body, struct match_ids *ret)
{
	for (size_t i = 0; i < body->n_ids; i++)
		add(ret, body->ids[i], MATCH_BODY_ID, 0.9);
}
