#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/classify/classify.h"
#include "ingest/classify/classify_auth.h"
#include "ingest/classify/classify_auto.h"
#include "ingest/classify/classify_bounce.h"
#include "ingest/classify/classify_contact.h"
#include "ingest/classify/classify_report.h"
#include "ingest/classify/classify_seen.h"
#include "ingest/classify/classify_signs.h"
#include "ingest/classify/classify_wish.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_subject.h"

static struct text text_in(const struct buf *b)
{
	return (struct text){ (const char *)b->data, b->len };
}

#define ENOUGH 4000 /* bytes of new text that are judged: a notice says what it is at once */

static bool names_a_mail(const struct mime_head *h)
{
	return h->in_reply_to.n || h->references.n ||
	       mime_head_has(h, "X-MS-Exchange-Parent-Message-Id") ||
	       mime_head_has(h, "Thread-Index");
}

static void judge_human(const struct classify_input *in, struct text subject,
			struct classify_verdict *v)
{
	const struct mime_head *h = in->head;
	bool weak = v->n_evidence > 0, list = classify_seen_is_list(h, v);

	/* a newsletter of somebody whom we wrote to answers nothing, though it goes to the address
	 * that was made for his answer; his answer through a list does */
	if (list && !(in->is_known && names_a_mail(h)) && !mime_subject_is_answer(subject)) {
		v->kind = CLASSIFY_LIST_MAIL;
		v->confidence = 0.95;
		return;
	}
	if (!in->matched) {
		v->kind = list ? CLASSIFY_LIST_MAIL : CLASSIFY_UNRELATED;
		v->confidence = list ? 0.9 : 0.8;
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

	if (v->kind != CLASSIFY_LIST_MAIL && (in->body.len || subject.len))
		classify_wish_judge(&words, v);
}

/*
 * Anybody can write a report or a wish in somebody's name.  A bounce and a complaint
 * become the milder kind; of a wish is told that nobody vouches for it.
 */
static void doubt_unproven(const struct classify_input *in, struct classify_verdict *v)
{
	struct classify_auth auth;
	char said[CLASSIFY_AUTH_TEXT];
	bool wish = v->kind == CLASSIFY_REPLY && v->intent == CLASSIFY_INTENT_UNSUBSCRIBE;

	if (v->kind != CLASSIFY_BOUNCE_HARD && v->kind != CLASSIFY_COMPLAINT && !wish)
		return;
	if (in->is_known || in->matched_by_dsn)
		return;
	classify_auth_read(in->head, in->authserv, &auth);
	classify_auth_text(&auth, said);
	v->is_unproven = !classify_auth_proves(&auth);
	if (!v->is_unproven) {
		classify_verdict_add(v, "auth.pass", CLASSIFY_BY_HEADER, text_of(said));
		return;
	}
	if (v->confidence > 0.5)
		v->confidence = 0.5;
	classify_verdict_add(v,
			     v->kind == CLASSIFY_BOUNCE_HARD ? "bounce.unproven"
			     : v->kind == CLASSIFY_COMPLAINT ? "complaint.unproven"
							     : "unsubscribe.unproven",
			     CLASSIFY_BY_HEADER, text_of(said));
	classify_verdict_soften(v);
}

/* Recipients in a complaint's or a receipt's text say whom the mail was for, not what failed. */
static bool is_of_delivery(const struct classify_input *in)
{
	const struct mime_report *r = in->report;

	return in->dsn && in->dsn->n_rcpt > 0 && !classify_bounce_is_other(in->head) &&
	       !(r && (r->arf.type != MIME_ARF_NONE || r->mdn.disposition != MIME_MDN_NONE));
}

/* Whether it names the mail that it is about. */
static bool names_original(const struct classify_input *in)
{
	return in->is_head || (in->dsn && (in->dsn->has_original || in->dsn->original_id));
}

static void judge_words(const struct classify_input *in, struct text subject,
			struct classify_verdict *v)
{
	cleanup_buf struct buf fresh, line;
	struct text raw = text_sub(in->fresh, 0, ENOUGH);
	struct classify_seen seen;

	buf_init(&fresh, (size_t)ENOUGH * 4);
	mime_fold_add(&fresh, raw);
	buf_init(&line, ENOUGH);
	(void)buf_add(&line, fresh.data, fresh.len < line.max ? fresh.len : line.max);
	for (size_t i = 0; i < line.len; i++) /* a phrase may run over a line end */
		if (line.data[i] == '\n')
			line.data[i] = ' ';
	classify_seen_look(&seen, in->head, subject, text_in(&line), v);
	if (classify_report_by_words(in->head, &seen, names_original(in), v))
		return;
	if (classify_auto_judge(&seen, in->head, subject, text_in(&fresh), in->matched,
				in->received_at, v)) {
		if (v->kind == CLASSIFY_OUT_OF_OFFICE || v->kind == CLASSIFY_LEFT_COMPANY)
			find_alternate(in, raw, v);
		return;
	}
	judge_human(in, subject, v);
	judge_intent(in, subject, &fresh, raw, v);
	if (seen.strong & CLASSIFY_SEEN(CLASSIFY_SAYS_UNSUBSCRIBE)) {
		v->kind = CLASSIFY_REPLY;
		v->intent = CLASSIFY_INTENT_UNSUBSCRIBE;
	}
}

void classify_full(const struct classify_input *in, struct classify_verdict *ret)
{
	cleanup_buf struct buf subject;

	classify_verdict_init(ret, CLASSIFY_REPLY);
	buf_init(&subject, LIMIT_MIME_SUBJECT);
	mime_fold_add(&subject, text_of(in->head->subject));

	const struct classify_bounce_mail mail = { .head = in->head,
						   .dsn = in->dsn,
						   .subject = text_in(&subject),
						   .text = in->body,
						   .fresh = in->fresh };

	if ((is_of_delivery(in) || !classify_report_by_parts(in->head, in->report, ret)) &&
	    !classify_bounce_judge(&mail, ret))
		judge_words(in, text_in(&subject), ret);
	doubt_unproven(in, ret);
}

void classify_head(const struct mime_head *head, struct classify_verdict *ret)
{
	struct classify_input in = {
		.head = head, .matched = true, .is_known = true, .is_head = true
	};

	classify_full(&in, ret);
	/* codes in a subject line are no report: the address lives until one was read */
	if (ret->kind == CLASSIFY_BOUNCE_HARD)
		classify_verdict_soften(ret);
}

bool classify_head_is_report(const struct mime_head *head)
{
	struct classify_verdict looks;

	if (mime_head_is_type(head, "multipart", "report", NULL))
		return true;
	classify_head(head, &looks);
	return classify_kind_is_bounce(looks.kind) || looks.kind == CLASSIFY_COMPLAINT;
}

enum mime_pick_as classify_head_pick_as(const struct mime_head *head)
{
	cleanup_buf struct buf subject;
	struct classify_signs signs;

	buf_init(&subject, LIMIT_MIME_SUBJECT);
	if (classify_head_is_report(head))
		return MIME_PICK_AS_REPORT;
	mime_fold_add(&subject, text_of(head->subject));
	classify_signs_of(head, text_of_buf(&subject), &signs);
	return classify_signs_allow_fields(&signs) ? MIME_PICK_AS_SERVERS : MIME_PICK_AS_MAIL;
}
