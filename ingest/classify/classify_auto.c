#include "ingest/classify/classify_auto.h"

#include <string.h>

#include "ingest/classify/classify_date.h"

#define SET(name) CLASSIFY_SEEN(CLASSIFY_SAYS_##name)
/* What a machine says in a person's name, besides that it is one. */
#define TOPICS (SET(ABSENCE) | SET(LEFT) | SET(TICKET) | SET(CHALLENGE) | SET(OTHER))

/* ---- the day back ---- */

/* Sets return_at; true: a return word named the day, so somebody is away. */
static bool find_return(const struct mime_head *h, struct text subject, struct text text,
			int64_t received_at, struct classify_verdict *v)
{
	struct classify_date found;
	/* iCloud tells it: {kind=VACATION,startDate=...,endDate=2020-01-10T14:59:59Z} */
	struct text criteria = mime_head_field(h, "X-Apple-Criteria", 0);
	size_t end = text_ifind(criteria, TEXT("enddate="));

	if (end != SIZE_MAX &&
	    classify_date_plain(text_sub(criteria, end + 8, 10), received_at, false, &found)) {
		classify_verdict_add(v, "return.apple", CLASSIFY_BY_HEADER, criteria);
	} else if (classify_date_return(subject, received_at, &found)) {
		classify_verdict_add(v, "return.subject", CLASSIFY_BY_SUBJECT, found.where);
	} else if (classify_date_return(text, received_at, &found)) {
		classify_verdict_add(v, "return.text", CLASSIFY_BY_TEXT, found.where);
	} else {
		return false;
	}
	memcpy(v->return_at, found.day, sizeof(v->return_at));
	return found.named;
}

/* ---- is it a machine? ---- */

/*
 * Two weak signals from different places; headers alone, however many, are no two.
 * Below a person's "Re:" a weak header and a word are not enough: Exchange puts
 * X-Auto-Response-Suppress on what people write, and people speak of holidays.
 */
static bool agree(const struct classify_seen *s)
{
	bool header = (s->header & (TOPICS | SET(AUTO))) != 0;
	bool subject = (s->subject & (TOPICS | SET(AUTO))) != 0;
	bool topic = (s->text & TOPICS) != 0, stated = s->statements > 0;

	return (subject && (header || topic || stated)) || (header && topic && !s->is_answer) ||
	       (header && stated) || (topic && stated) || s->statements > 1;
}

/*
 * A program sent it, and nothing says that it answered for somebody: a receipt of a
 * shop, or what a person wrote in a help desk's window.
 */
static bool is_only_notice(const struct classify_seen *s)
{
	return !(s->strong & ~SET(NOTICE)) && !agree(s) &&
	       !((s->subject | s->text) & (TOPICS | SET(AUTO)));
}

static bool is_machine(const struct classify_seen *s, bool matched)
{
	if (s->strong & (SET(HUMAN) | SET(UNSUBSCRIBE)))
		return false;
	if (!(s->strong & (TOPICS | SET(AUTO) | SET(NOTICE))))
		return agree(s);
	if (!is_only_notice(s) || !s->has_text)
		return true;
	return matched && !(s->hints & SET(TICKET));
}

/* ---- which? ---- */

static enum classify_kind kind_of(const struct classify_seen *s, bool has_return)
{
	uint32_t front = s->header | s->subject, said = front | s->text;

	if ((said | s->hints) & SET(CHALLENGE))
		return CLASSIFY_CHALLENGE;
	/* a notice of somebody who left speaks of absence too; a return day settles it */
	if ((said & SET(LEFT)) && !has_return)
		return CLASSIFY_LEFT_COMPANY;
	if (has_return)
		return CLASSIFY_OUT_OF_OFFICE;
	if ((front & SET(TICKET)) || ((said | s->hints) & SET(TICKET) && !(said & SET(ABSENCE))))
		return CLASSIFY_TICKET;
	if (said & SET(ABSENCE))
		return CLASSIFY_OUT_OF_OFFICE;
	if ((said | s->hints) & SET(OTHER))
		return CLASSIFY_AUTO_OTHER;
	/* "Automatic reply:", and the vacation command, stand for absences */
	return ((s->hints & SET(ABSENCE)) || (s->subject & SET(AUTO))) ? CLASSIFY_OUT_OF_OFFICE
								       : CLASSIFY_AUTO_OTHER;
}

bool classify_auto_judge(const struct classify_seen *s, const struct mime_head *head,
			 struct text subject, struct text text, bool matched, int64_t received_at,
			 struct classify_verdict *ret)
{
	bool named;

	if (!is_machine(s, matched))
		return false;
	named = find_return(head, subject, text, received_at, ret);
	ret->kind = kind_of(s, named || (ret->return_at[0] && classify_seen_any(s, SET(ABSENCE))));
	ret->confidence = !(s->strong & (TOPICS | SET(AUTO) | SET(NOTICE))) ? 0.75
			  : named || classify_seen_any(s, TOPICS)           ? 0.97
									    : 0.85;
	if (ret->kind != CLASSIFY_OUT_OF_OFFICE)
		ret->return_at[0] = '\0';
	return true;
}
