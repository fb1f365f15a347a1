#include "ingest/classify/classify_report.h"

#include "base/mem.h"

#define SET(name) CLASSIFY_SEEN(CLASSIFY_SAYS_##name)
#define ANSWERS   (SET(ACCEPTED) | SET(DECLINED) | SET(TENTATIVE) | SET(COUNTER))

static bool say(struct classify_verdict *v, enum classify_kind kind, double confidence)
{
	v->kind = kind;
	v->confidence = confidence;
	return true;
}

static bool complain(struct classify_verdict *v, enum mime_arf_type type, const char *recipient,
		     double confidence)
{
	v->complaint.type = mime_arf_type_name(type);
	v->complaint.recipient = recipient;
	return say(v, CLASSIFY_COMPLAINT, confidence);
}

/* RFC 6591: a mail server's report about signatures is no reader's complaint; nor is "not spam". */
static bool judge_feedback(const struct mime_arf *a, struct classify_verdict *v)
{
	classify_verdict_add(v, "complaint.feedback-report", CLASSIFY_BY_DSN,
			     text_of(mime_arf_type_name(a->type)));
	if (a->type == MIME_ARF_NOT_SPAM || a->type == MIME_ARF_AUTH_FAILURE)
		return say(v, CLASSIFY_AUTO_OTHER, 0.95);
	return complain(v, a->type, a->recipient, 0.98);
}

static bool answer(struct classify_verdict *v, enum mime_calendar_answer a, const char *starts_at,
		   double confidence)
{
	v->calendar.answer = mime_calendar_answer_name(a);
	v->calendar.starts_at = starts_at;
	return say(v, CLASSIFY_CALENDAR_REPLY, confidence);
}

bool classify_report_by_parts(const struct mime_head *h, const struct mime_report *r,
			      struct classify_verdict *v)
{
	struct text type = mime_head_field(h, "Content-Type", 0);

	if (r && r->arf.type != MIME_ARF_NONE)
		return judge_feedback(&r->arf, v);
	if (mime_head_is_type(h, "multipart", "report", "feedback-report")) {
		classify_verdict_add(v, "header.feedback-report", CLASSIFY_BY_HEADER, type);
		return complain(v, MIME_ARF_OTHER, "", 0.8);
	}
	if (r && r->mdn.disposition != MIME_MDN_NONE) {
		classify_verdict_add(v, "receipt.disposition", CLASSIFY_BY_DSN,
				     text_of(mime_mdn_name(r->mdn.disposition)));
		return say(v, CLASSIFY_READ_RECEIPT, 0.98);
	}
	if (mime_head_is_type(h, "multipart", "report", "disposition-notification")) {
		classify_verdict_add(v, "header.read-receipt", CLASSIFY_BY_HEADER, type);
		return say(v, CLASSIFY_READ_RECEIPT, 0.95);
	}
	if (r && r->calendar.answer != MIME_CALENDAR_NONE) {
		classify_verdict_add(v, "calendar.answer", CLASSIFY_BY_DSN,
				     text_of(mime_calendar_answer_name(r->calendar.answer)));
		return answer(v, r->calendar.answer, r->calendar.starts_at, 0.98);
	}
	return false;
}

/* ---- by words ---- */

static bool judge_complaint(const struct classify_seen *s, bool names_original,
			    struct classify_verdict *v)
{
	bool in_front = ((s->header | s->subject) & SET(COMPLAINT)) != 0;
	bool machine = (s->strong & (SET(AUTO) | SET(NOTICE))) != 0;

	/* people write "spam" when they are angry: only who reports a mail by its id reports one */
	if (!in_front || !names_original || s->is_answer ||
	    !(machine || (s->text & SET(COMPLAINT)) || (s->strong & SET(COMPLAINT))))
		return false;
	return complain(v, MIME_ARF_ABUSE, "", 0.85);
}

static bool judge_receipt(const struct classify_seen *s, struct classify_verdict *v)
{
	bool machine = (s->strong & (SET(AUTO) | SET(NOTICE))) != 0;

	if (!(s->subject & SET(READ)) || !(machine || (s->text & SET(READ))))
		return false;
	return say(v, CLASSIFY_READ_RECEIPT, 0.85);
}

static enum mime_calendar_answer answer_in(uint32_t set)
{
	return set & SET(COUNTER)     ? MIME_CALENDAR_COUNTER
	       : set & SET(TENTATIVE) ? MIME_CALENDAR_TENTATIVE
	       : set & SET(DECLINED)  ? MIME_CALENDAR_DECLINED
	       : set & SET(ACCEPTED)  ? MIME_CALENDAR_ACCEPTED
				      : MIME_CALENDAR_NONE;
}

static bool judge_calendar(const struct mime_head *h, const struct classify_seen *s,
			   struct classify_verdict *v)
{
	bool by_type = h->type.method && mime_head_is_type(h, "text", "calendar", NULL) &&
		       !text_ieq(text_of(h->type.method), TEXT("request"));
	uint32_t said = s->subject & ANSWERS;

	if (!said || !(by_type || (s->header & SET(CALENDAR)) || (s->text & said)))
		return false;
	return answer(v, answer_in(said), "", 0.85);
}

bool classify_report_by_words(const struct mime_head *h, const struct classify_seen *s,
			      bool names_original, struct classify_verdict *v)
{
	if (s->strong & (SET(HUMAN) | SET(UNSUBSCRIBE)))
		return false;
	return judge_complaint(s, names_original, v) || judge_receipt(s, v) ||
	       judge_calendar(h, s, v);
}
