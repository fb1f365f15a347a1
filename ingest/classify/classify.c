#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/classify/classify.h"
#include "ingest/classify/classify_auto.h"
#include "ingest/classify/classify_bounce.h"
#include "ingest/classify/classify_contact.h"
#include "ingest/classify/classify_wish.h"
#include "ingest/classify/classify_quote.h"
#include "ingest/mime/mime_fold.h"

static struct text text_in(const struct buf *b)
{
	return (struct text){ (const char *)b->data, b->len };
}

#define ENOUGH 4000 /* bytes of new text that are judged: a notice says what it is at once */

/* The newly written text as it stands, and folded: words that are only quoted are not the writer's.
 */
static void take_new_text(const struct classify_input *in, struct buf *ret_raw, struct buf *ret)
{
	const struct classify_quote *q = in->fresh;
	struct classify_quote cut;

	if (!q) {
		classify_quote_cut(in->body, &cut);
		q = &cut;
	}
	for (size_t i = 0; i < q->n && ret->len < ENOUGH; i++) {
		struct text t = text_sub(q->at[i], 0, ENOUGH - ret->len);

		if (i)
			(void)buf_add(ret, "\n", 1);
		mime_fold_add(ret, t);
		(void)text_add(ret_raw, t);
		(void)buf_add(ret_raw, "\n", 1);
	}
}

/* Complaints (RFC 5965) are a person's act: they stop the sequence as a reply does. */
static bool is_complaint(const struct mime_head *h, struct classify_verdict *v)
{
	if (!mime_head_is_type(h, "multipart", "report", "feedback-report"))
		return false;
	classify_verdict_add(v, "header.feedback-report", CLASSIFY_BY_HEADER,
			     mime_head_field(h, "Content-Type", 0));
	v->kind = CLASSIFY_REPLY;
	v->confidence = 0.6;
	return true;
}

static void judge_human(const struct mime_head *h, bool matched, struct classify_verdict *v)
{
	bool weak = v->n_evidence > 0, list = classify_auto_is_list(h, v);

	if (!matched) {
		v->kind = CLASSIFY_UNRELATED;
		v->confidence = list ? 0.95 : 0.8;
		classify_verdict_add(v, "match.none", CLASSIFY_BY_HEADER,
				     TEXT("no outbound is named"));
		return;
	}
	v->kind = CLASSIFY_REPLY;
	v->confidence = weak || list ? 0.75 : 0.95;
	if (h->in_reply_to.n)
		classify_verdict_add(v, "reply.thread", CLASSIFY_BY_HEADER,
				     text_of(h->in_reply_to.at[0]));
	classify_verdict_add(v, "reply.human", CLASSIFY_BY_HEADER,
			     TEXT("nothing says that a machine wrote it"));
}

/* Who stands in for somebody who is away, or comes after him. */
static void find_alternate(const struct classify_input *in, struct text raw,
			   struct classify_verdict *v)
{
	if (classify_contact_of(raw, in->head, &v->contact))
		classify_verdict_add(
			v, "contact.alternate", CLASSIFY_BY_TEXT,
			text_of(v->contact.address[0] ? v->contact.address : v->contact.name));
}

static void judge_intent(const struct classify_input *in, struct text subject, struct buf *fresh,
			 struct text raw, struct classify_verdict *v)
{
	const struct classify_words words = { .head = in->head,
					      .subject = subject,
					      .fresh = fresh,
					      .raw = raw,
					      .received_at = in->received_at };

	if (in->body.len || subject.len)
		classify_wish_judge(&words, v);
}

/* Anybody can write a report: one about no mail of ours may be forged. */
static void doubt_unproven(const struct classify_input *in, struct classify_verdict *v)
{
	if (in->matched || in->matched_by_dsn || v->kind == CLASSIFY_AUTO_OTHER)
		return;
	classify_verdict_add(v, "bounce.unproven", CLASSIFY_BY_DSN,
			     TEXT("it returns no mail of ours"));
	if (v->confidence > 0.5)
		v->confidence = 0.5;
}

void classify_full(const struct classify_input *in, struct classify_verdict *ret)
{
	cleanup_buf struct buf subject, fresh, raw;

	*ret = (struct classify_verdict){ .kind = CLASSIFY_REPLY };
	buf_init(&subject, LIMIT_MIME_SUBJECT);
	buf_init(&fresh, (size_t)ENOUGH * 4);
	buf_init(&raw, (size_t)ENOUGH * 2);
	mime_fold_add(&subject, text_of(in->head->subject));

	if (is_complaint(in->head, ret))
		return;
	if (classify_bounce_judge(in->head, in->dsn, text_in(&subject), in->body, ret)) {
		doubt_unproven(in, ret);
		return;
	}
	take_new_text(in, &raw, &fresh);
	if (!classify_auto_judge(in->head, text_in(&subject), text_in(&fresh), in->received_at,
				 ret)) {
		judge_human(in->head, in->matched, ret);
		judge_intent(in, text_in(&subject), &fresh, text_in(&raw), ret);
	} else if (ret->kind == CLASSIFY_OUT_OF_OFFICE || ret->kind == CLASSIFY_LEFT_COMPANY) {
		find_alternate(in, text_in(&raw), ret);
	}
}

void classify_head(const struct mime_head *head, struct classify_verdict *ret)
{
	struct classify_input in = { .head = head, .matched = true };

	classify_full(&in, ret);
	/* codes in a subject line are no report: the address lives until one was read */
	if (ret->kind == CLASSIFY_BOUNCE_HARD)
		ret->kind = CLASSIFY_BOUNCE_SOFT;
}
