#include "ingest/classify/classify_wish.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_contact.h"
#include "ingest/classify/classify_day.h"
#include "ingest/classify/classify_followup.h"
#include "ingest/classify/classify_language.h"
#include "ingest/classify/classify_model.h"
#include "ingest/classify/classify_pattern.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/classify/classify_sentence.h"
#include "ingest/mime/mime_subject.h"

#define SHORT   120 /* bytes of a sentence that may be one demand and courtesy */
#define LONG    300 /* bytes of a sentence in which a day and an hour belong together */
#define SOFT    5   /* weight of a referral that must name somebody */
#define NAMES   3   /* words that no rule knows, in a line of courtesy */
#define NEGATED 14  /* bytes between a negation and what it denies */
#define BESIDES 3   /* rules of the winner that are told */
#define SOON    13  /* days: who asks to be called by then makes an appointment */

/* One rule that fits, and where. */
struct sign {
	const struct classify_intent_rule *rule;
	struct text where;
	size_t sentence;
	bool alone; /* needs that the rest of the text is courtesy */
};

#define SIGNS 64

struct signs {
	struct sign at[SIGNS];
	size_t n;
	bool courtesy[CLASSIFY_SENTENCES]; /* the sentence is nothing else */
	size_t n_other;                    /* sentences that are more */
};

static const struct classify_intent_rule *rule_of(const struct classify_pattern_hit *h)
{
	return classify_rules_intent(classify_rules_now(), h->value);
}

/* ---- one sentence ---- */

static bool is_inside(const struct classify_pattern_hit *h, const struct classify_pattern_hit *in)
{
	return in->from <= h->from && in->to >= h->to && in->to - in->from > h->to - h->from;
}

static bool overlap(const struct classify_pattern_hit *a, const struct classify_pattern_hit *b)
{
	return a->from < b->to && b->from < a->to;
}

static bool can_be_denied(enum classify_intent intent)
{
	return intent == CLASSIFY_INTENT_INTERESTED || intent == CLASSIFY_INTENT_MEETING ||
	       intent == CLASSIFY_INTENT_INFORMATION_REQUEST;
}

/* A word of denial that is none: "why not". */
static bool is_figure(const struct classify_pattern_found *f, const struct classify_pattern_hit *no)
{
	for (size_t i = 0; i < f->n; i++)
		if (rule_of(&f->at[i])->means == CLASSIFY_MEANS_INTENT && !f->at[i].has_gap &&
		    can_be_denied(rule_of(&f->at[i])->intent) && is_inside(no, &f->at[i]))
			return true;
	return false;
}

/* "no call please", "have no interest": a denial right before it in the same part of the sentence,
 * or between its pieces. */
static bool is_denied(struct text t, const struct classify_pattern_found *f,
		      const struct classify_pattern_hit *h)
{
	if (!can_be_denied(rule_of(h)->intent))
		return false;
	for (size_t i = 0; i < f->n; i++) {
		const struct classify_pattern_hit *no = &f->at[i];

		if (rule_of(no)->means != CLASSIFY_MEANS_NEGATION || is_figure(f, no))
			continue;
		if (no->to <= h->from && h->from - no->to <= NEGATED &&
		    !memchr(t.at + no->to, ',', h->from - no->to))
			return true;
		if (h->has_gap && is_inside(no, h))
			return true;
	}
	return false;
}

/* Does it stand in a longer pattern that means something else, or touch one that means nothing? */
static bool is_covered(struct text t, const struct classify_pattern_found *f,
		       const struct classify_pattern_hit *h)
{
	const struct classify_intent_rule *rule = rule_of(h);

	for (size_t i = 0; i < f->n; i++) {
		const struct classify_intent_rule *other = rule_of(&f->at[i]);

		if (other->means == CLASSIFY_MEANS_COURTESY ||
		    f->at[i].scope != CLASSIFY_PATTERN_PART)
			continue;
		if (other->means == CLASSIFY_MEANS_NOTHING && overlap(h, &f->at[i]))
			return true;
		if ((other->means != rule->means || other->intent != rule->intent) &&
		    is_inside(h, &f->at[i]) && !is_denied(t, f, &f->at[i]))
			return true;
	}
	return false;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (uint8_t)c >= 0x80;
}

/* Words of the sentence in no pattern of courtesy, nor in `but`. */
static size_t other_words(struct text t, const struct classify_pattern_found *f,
			  const struct classify_pattern_hit *but)
{
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++) {
		bool known = but && i >= but->from && i < but->to;

		if (!is_word(t.at[i]) || (i && is_word(t.at[i - 1])))
			continue;
		for (size_t k = 0; k < f->n && !known; k++)
			known = rule_of(&f->at[k])->means == CLASSIFY_MEANS_COURTESY &&
				i >= f->at[k].from && i < f->at[k].to;
		n += !known;
	}
	return n;
}

static bool fits(struct text t, const struct classify_pattern_found *f,
		 const struct classify_pattern_hit *h)
{
	if (rule_of(h)->means != CLASSIFY_MEANS_INTENT)
		return false;
	if (h->scope != CLASSIFY_PATTERN_PART)
		return t.len <= SHORT && other_words(t, f, h) == 0;
	return !is_covered(t, f, h) && !is_denied(t, f, h);
}

/* "Hi Tom,", "Best regards, Ann", a name on a line of its own. */
static bool is_courtesy(struct text t, const struct classify_pattern_found *f)
{
	bool starts = false;

	if (t.len > SHORT)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (rule_of(&f->at[i])->means != CLASSIFY_MEANS_COURTESY)
			return false;
		starts = starts || f->at[i].from == 0;
	}
	return other_words(t, f, NULL) <= (starts ? NAMES : t.at[t.len - 1] == ',' ? 2 : 0);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "9:30", "14h", "15 Uhr", "3pm" at a digit that begins a number. */
static bool is_clock(struct text t, size_t at)
{
	static const char *const behind[] = { "h",  " h",   "uhr", " uhr", "uur",      " uur",
					      "am", " am",  "pm",  " pm",  "a.m.",     "p.m.",
					      "hs", " hrs", "hrs", "ish",  " o'clock", " hs" };
	struct text rest;

	if (text_iends(text_sub(t, 0, at), TEXT(" kl ")) ||
	    text_iends(text_sub(t, 0, at), TEXT(" kl. ")))
		return true;
	for (int n = 0; n < 2 && at < t.len && is_digit(t.at[at]); n++)
		at++;
	rest = text_sub(t, at, t.len);
	if (rest.len > 2 && (rest.at[0] == ':' || rest.at[0] == '.' || rest.at[0] == 'h') &&
	    is_digit(rest.at[1]) && is_digit(rest.at[2]))
		return rest.len == 3 || (!is_digit(rest.at[3]) && rest.at[3] != '.');
	for (size_t i = 0; i < countof(behind); i++)
		if (text_istarts(rest, text_of(behind[i])) &&
		    (rest.len == strlen(behind[i]) || !is_word(rest.at[strlen(behind[i])])))
			return true;
	return false;
}

static bool has_clock(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (is_digit(t.at[i]) && (i == 0 || !is_word(t.at[i - 1])) && is_clock(t, i))
			return true;
	return false;
}

/* "mon 10:00", "fri at 3": French has "mon" for "my", Danish "fri" for "free". */
static bool is_short_day(struct text t, size_t at, size_t n)
{
	struct text behind = text_sub(t, at + n, t.len);

	if (!classify_day_is_short_weekday(text_sub(t, at, n)) || behind.len < 2 ||
	    behind.at[0] != ' ')
		return false;
	return is_digit(behind.at[1]) || text_istarts(behind, TEXT(" at ")) ||
	       text_istarts(behind, TEXT(" around ")) || text_istarts(behind, TEXT(" the "));
}

/* A day of the week and an hour: whatever stands around them, somebody makes an appointment. */
static bool names_time(struct text t)
{
	size_t n;

	if (!has_clock(t))
		return false;
	for (size_t i = 0; i < t.len; i += n ? n : 1) {
		for (n = 0; i + n < t.len && is_word(t.at[i + n]); n++)
			;
		if (n && (classify_day_weekday(text_sub(t, i, n)) >= 0 || is_short_day(t, i, n)))
			return true;
	}
	return false;
}

static const struct classify_intent_rule time_rule = { .id = "meeting.time",
						       .intent = CLASSIFY_INTENT_MEETING,
						       .weight = 5 };

static void look(struct text t, bool is_question, size_t nth, struct signs *ret)
{
	struct classify_pattern_found found;

	classify_pattern_find(classify_rules_intents(classify_rules_now()), t, is_question, &found);
	for (size_t i = 0; i < found.n && ret->n < SIGNS; i++) {
		const struct classify_pattern_hit *h = &found.at[i];

		if (fits(t, &found, h))
			ret->at[ret->n++] =
				(struct sign){ .rule = rule_of(h),
					       .where = text_sub(t, h->from, h->to - h->from),
					       .sentence = nth,
					       .alone = h->scope == CLASSIFY_PATTERN_TEXT };
	}
	if (ret->n < SIGNS && t.len < LONG && names_time(t))
		ret->at[ret->n++] =
			(struct sign){ .rule = &time_rule, .where = t, .sentence = nth };
	ret->courtesy[nth] = is_courtesy(t, &found);
	ret->n_other += !ret->courtesy[nth];
}

/* ---- the whole ---- */

#define INTENTS (CLASSIFY_INTENT_NEUTRAL + 1)

struct tally {
	unsigned best[INTENTS]; /* weight of the strongest sign */
	unsigned more[INTENTS]; /* how many others */
};

/* Is nothing said but this and courtesy? */
static bool holds(const struct signs *s, const struct sign *one)
{
	return !one->alone || s->n_other == (s->courtesy[one->sentence] ? 0 : 1);
}

static void count(const struct signs *s, struct tally *ret)
{
	*ret = (struct tally){ 0 };
	for (size_t i = 0; i < s->n; i++) {
		const struct classify_intent_rule *r = s->at[i].rule;

		if (!holds(s, &s->at[i]))
			continue;
		ret->more[r->intent] += ret->best[r->intent] > 0;
		if (r->weight > ret->best[r->intent])
			ret->best[r->intent] = r->weight;
	}
}

static unsigned score_of(const struct tally *t, enum classify_intent intent)
{
	unsigned more = t->more[intent] < 3 ? t->more[intent] : 3;

	return t->best[intent] * 100 + more * 30;
}

static enum classify_intent strongest(const struct tally *t)
{
	/* of equals the one whose neglect costs most */
	static const enum classify_intent order[] = {
		CLASSIFY_INTENT_COMPLAINT_THREAT,
		CLASSIFY_INTENT_UNSUBSCRIBE,
		CLASSIFY_INTENT_LEFT_COMPANY,
		CLASSIFY_INTENT_REFERRAL,
		CLASSIFY_INTENT_WRONG_PERSON,
		CLASSIFY_INTENT_NOT_NOW,
		CLASSIFY_INTENT_NOT_INTERESTED,
		CLASSIFY_INTENT_MEETING,
		CLASSIFY_INTENT_INFORMATION_REQUEST,
		CLASSIFY_INTENT_INTERESTED,
		CLASSIFY_INTENT_NEUTRAL,
	};
	enum classify_intent best = CLASSIFY_INTENT_NEUTRAL;

	for (size_t i = countof(order); i-- > 0;)
		if (score_of(t, order[i]) && score_of(t, order[i]) >= score_of(t, best))
			best = order[i];
	return best;
}

static void tell(const struct signs *s, enum classify_intent intent, enum classify_source source,
		 struct classify_verdict *v)
{
	for (size_t i = 0, n = 0; i < s->n && n < BESIDES; i++) {
		if (s->at[i].rule->intent != intent || !holds(s, &s->at[i]))
			continue;
		classify_verdict_add(v, s->at[i].rule->id, source, s->at[i].where);
		n++;
	}
}

/* The mail that a mailto: of List-Unsubscribe sends has its word in the subject. */
static bool judge_subject(const struct classify_words *w, const struct signs *text,
			  struct classify_verdict *v)
{
	struct signs s = { .n = 0 };
	struct tally t;

	if (text->n || text->n_other > 2 || !w->subject.len || mime_subject_is_answer(w->subject))
		return false;
	look(mime_subject_untagged(w->subject), false, 0, &s);
	count(&s, &t);
	if (!t.best[CLASSIFY_INTENT_UNSUBSCRIBE])
		return false;
	v->intent = CLASSIFY_INTENT_UNSUBSCRIBE;
	tell(&s, v->intent, CLASSIFY_BY_SUBJECT, v);
	return true;
}

/* Mail of a list has words like these in its footer. */
static void forget_footers(const struct mime_head *h, struct signs *s)
{
	if (!mime_head_has(h, "List-Id") && !mime_head_has(h, "List-Unsubscribe"))
		return;
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].rule->intent == CLASSIFY_INTENT_UNSUBSCRIBE)
			s->at[i--] = s->at[--s->n];
}

/* No pattern fits: the words together may still say it, but nobody is taken off for good by that.
 */
static void ask_model(const struct classify_words *w, struct classify_verdict *v)
{
	struct text word = { 0 };
	enum classify_intent said = classify_model_ask(classify_rules_model(classify_rules_now()),
						       text_of_buf(w->fresh), &word);

	if (said == CLASSIFY_INTENT_UNSUBSCRIBE || said == CLASSIFY_INTENT_COMPLAINT_THREAT ||
	    said == CLASSIFY_INTENT_LEFT_COMPANY || said == CLASSIFY_INTENT_NEUTRAL)
		return;
	v->intent = said;
	classify_verdict_add(v, "model.words", CLASSIFY_BY_TEXT, word);
}

static void tell_contact(const struct classify_contact *c, struct classify_verdict *v)
{
	classify_verdict_add(v, c->address[0] ? "contact.address" : "contact.name",
			     CLASSIFY_BY_TEXT, text_of(c->address[0] ? c->address : c->name));
}

static bool agrees(enum classify_intent intent)
{
	return intent == CLASSIFY_INTENT_MEETING || intent == CLASSIFY_INTENT_INTERESTED ||
	       intent == CLASSIFY_INTENT_INFORMATION_REQUEST;
}

/* "Please try again", "ask" ...: words that refer only where somebody is named.  And who decides is
 * no referral of one who is not the right person. */
static void forget_referral(const struct tally *t, struct classify_verdict *v)
{
	struct tally rest = *t;

	if (t->best[CLASSIFY_INTENT_REFERRAL] > SOFT && !t->best[CLASSIFY_INTENT_WRONG_PERSON])
		return;
	rest.best[CLASSIFY_INTENT_REFERRAL] = 0;
	rest.more[CLASSIFY_INTENT_REFERRAL] = 0;
	v->intent = strongest(&rest);
}

/* Whom they point to.  A person who says that he is the wrong one and names an address refers us;
 * one who only says who decides, and is not the one, does not. */
static void find_contact(const struct classify_words *w, const struct tally *t,
			 struct classify_verdict *v)
{
	bool sign = t->best[CLASSIFY_INTENT_REFERRAL] > 0, found;

	if (v->intent == CLASSIFY_INTENT_UNSUBSCRIBE ||
	    v->intent == CLASSIFY_INTENT_COMPLAINT_THREAT)
		return;
	found = sign || v->intent == CLASSIFY_INTENT_LEFT_COMPANY
			? classify_contact_of(w->raw, w->head, &v->contact)
			: classify_contact_by_address(w->raw, w->head, &v->contact);
	/* who agrees may give another address of his own: one without a name is no other person */
	if (found && agrees(v->intent) && !v->contact.name[0]) {
		v->contact = (struct classify_contact){ .name = "" };
		return;
	}
	if (found)
		tell_contact(&v->contact, v);
	if (found &&
	    (v->intent == CLASSIFY_INTENT_WRONG_PERSON || v->intent == CLASSIFY_INTENT_NEUTRAL))
		v->intent = CLASSIFY_INTENT_REFERRAL;
	if (!found && v->intent == CLASSIFY_INTENT_REFERRAL)
		forget_referral(t, v);
}

/* "Yes, gladly. Call me on Monday": another time, but a near one, and nothing said against it. */
static bool is_appointment(const struct classify_words *w, const struct signs *s)
{
	bool again = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct classify_intent_rule *r = s->at[i].rule;

		if (!holds(s, &s->at[i]))
			continue;
		if (r->intent == CLASSIFY_INTENT_NOT_INTERESTED ||
		    (r->intent == CLASSIFY_INTENT_NOT_NOW && !r->is_again))
			return false;
		again = again || r->is_again;
	}
	return again && classify_followup_within(text_of_buf(w->fresh), w->received_at, SOON);
}

static void find_followup(const struct classify_words *w, struct classify_verdict *v)
{
	struct classify_date found;

	if (v->intent != CLASSIFY_INTENT_NOT_NOW ||
	    !classify_followup_of(text_of_buf(w->fresh), w->received_at, &found))
		return;
	memcpy(v->followup_at, found.day, sizeof(v->followup_at));
	classify_verdict_add(v, "followup.text", CLASSIFY_BY_TEXT, found.where);
}

void classify_wish_judge(const struct classify_words *w, struct classify_verdict *v)
{
	struct classify_sentences sentences;
	struct signs s = { .n = 0 };
	struct tally t;

	(void)snprintf(v->lang, sizeof(v->lang), "%s", classify_language_of(w->raw));
	classify_sentence_cut(w->fresh, &sentences);
	for (size_t i = 0; i < sentences.n; i++)
		look(sentences.at[i].words, sentences.at[i].is_question, i, &s);
	forget_footers(w->head, &s);
	if (judge_subject(w, &s, v))
		return;
	count(&s, &t);
	v->intent = strongest(&t);
	if (v->intent == CLASSIFY_INTENT_NOT_NOW && is_appointment(w, &s)) {
		v->intent = CLASSIFY_INTENT_MEETING;
		classify_verdict_add(v, "meeting.soon", CLASSIFY_BY_TEXT, text_of_buf(w->fresh));
	}
	find_contact(w, &t, v);
	if (v->intent == CLASSIFY_INTENT_NEUTRAL && !score_of(&t, v->intent))
		ask_model(w, v);
	tell(&s, v->intent, CLASSIFY_BY_TEXT, v);
	find_followup(w, v);
}
