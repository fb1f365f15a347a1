#include "ingest/classify/classify_rules.h"
#include "ingest/classify/classify_seen.h"

#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_sender.h"
#include "ingest/mime/mime_subject.h"

static void note(struct classify_seen *s, uint32_t *where, enum classify_says says,
		 enum classify_weight weight)
{
	uint32_t bit = CLASSIFY_SEEN(says);

	if (weight == CLASSIFY_HINT) {
		s->hints |= bit;
		return;
	}
	*where |= bit;
	if (weight == CLASSIFY_STRONG)
		s->strong |= bit;
}

bool classify_seen_any(const struct classify_seen *s, uint32_t set)
{
	return ((s->header | s->subject | s->text) & set) != 0;
}

/* ---- headers ---- */

static bool header_fits(const struct mime_head *h, const struct classify_header_rule *r,
			struct text *ret_value)
{
	struct text v;

	for (size_t nth = 0; (v = mime_head_field(h, r->header, nth)).at; nth++) {
		struct text want = text_of(r->value);
		bool fits = false;

		if (h->return_path == MIME_PATH_NULL &&
		    text_ieq(text_of(r->header), TEXT("Return-Path")))
			v = TEXT("<>"); /* also written "< >", or empty */

		switch (r->how) {
		case CLASSIFY_HAS:
			fits = true;
			break;
		case CLASSIFY_IS:
			fits = text_ieq(v, want);
			break;
		case CLASSIFY_STARTS:
			fits = text_istarts(v, want);
			break;
		case CLASSIFY_CONTAINS:
			fits = text_ifind(v, want) != SIZE_MAX;
			break;
		}
		*ret_value = v;
		if (fits)
			return true;
	}
	return false;
}

static void look_at_headers(struct classify_seen *s, const struct mime_head *h,
			    struct classify_verdict *v)
{
	size_t n;
	const struct classify_header_rule *rules = classify_rules_headers(classify_rules_now(), &n);
	bool suppress_all = text_ifind(text_of(h->auto_suppress), TEXT("all")) != SIZE_MAX;
	struct text value;

	for (size_t i = 0; i < n; i++) {
		if (rules[i].says == CLASSIFY_SAYS_LIST || !header_fits(h, &rules[i], &value))
			continue;
		classify_verdict_add(v, rules[i].id, CLASSIFY_BY_HEADER, value);
		note(s, &s->header, rules[i].says, rules[i].weight);
	}
	if (suppress_all && mime_head_has(h, "X-MS-Exchange-Inbox-Rules-Loop")) {
		classify_verdict_add(v, "header.exchange-rule-reply", CLASSIFY_BY_HEADER,
				     text_of(h->auto_suppress));
		note(s, &s->header, CLASSIFY_SAYS_AUTO, CLASSIFY_STRONG);
		s->hints |= CLASSIFY_SEEN(CLASSIFY_SAYS_ABSENCE);
	}
	if (classify_sender_of(h) & CLASSIFY_SENDER_NO_REPLY) {
		classify_verdict_add(v, "header.no-reply", CLASSIFY_BY_HEADER,
				     text_of(h->from.address));
		note(s, &s->header, CLASSIFY_SAYS_AUTO, CLASSIFY_WEAK);
	}
}

bool classify_seen_is_list(const struct mime_head *head, struct classify_verdict *ret)
{
	size_t n, seen = 0;
	const struct classify_header_rule *rules = classify_rules_headers(classify_rules_now(), &n);
	struct text value;

	for (size_t i = 0; i < n; i++) {
		if (rules[i].says == CLASSIFY_SAYS_LIST && header_fits(head, &rules[i], &value)) {
			classify_verdict_add(ret, rules[i].id, CLASSIFY_BY_HEADER, value);
			seen++;
		}
	}
	return seen > 0;
}

/* ---- subject ---- */

static void note_subject(struct classify_seen *s, const struct classify_word_rule *r,
			 struct text subject, struct classify_verdict *v)
{
	classify_verdict_add(v, r->id, CLASSIFY_BY_SUBJECT, subject);
	note(s, &s->subject, r->says, r->weight);
}

static void look_at_subject(struct classify_seen *s, struct text subject,
			    struct classify_verdict *v)
{
	const struct classify_rules *rules = classify_rules_now();
	const struct classify_word_rule *rule;
	struct classify_rules_walk walk;
	size_t at;

	subject = mime_subject_untagged(subject);
	s->is_answer = mime_subject_is_answer(subject);
	if (s->is_answer)
		return;
	rule = classify_rules_front(rules, CLASSIFY_IN_SUBJECT, subject);
	if (rule) {
		note_subject(s, rule, subject, v);
		/* nothing but "Automatisch antwoord": no person heads a mail so */
		if (rule->says == CLASSIFY_SAYS_AUTO && text_eq(subject, text_of(rule->phrase)))
			s->strong |= CLASSIFY_SEEN(CLASSIFY_SAYS_AUTO);
	}
	classify_rules_start(&walk, rules, CLASSIFY_INSIDE, subject);
	while ((rule = classify_rules_next(&walk, &at)))
		note_subject(s, rule, subject, v);
}

/* ---- text ---- */

/* "I was out of the office": somebody who is back, and that is a person. */
static bool is_past(struct text t, size_t at)
{
	struct text head = text_sub(t, 0, at);
	size_t n;
	const char *const *before =
		classify_cues_of(classify_rules_cues(classify_rules_now()), CLASSIFY_CUE_PAST, &n);

	if (!head.len || head.at[--head.len] != ' ')
		return false;
	for (size_t i = 0; i < n; i++)
		if (text_iends(head, text_of(before[i])))
			return true;
	return false;
}

static void look_at_text(struct classify_seen *s, struct text t, struct classify_verdict *v)
{
	const struct classify_word_rule *rule, *stated = NULL;
	struct classify_rules_walk walk;
	size_t at;

	s->has_text = t.len > 0;
	classify_rules_start(&walk, classify_rules_now(), CLASSIFY_IN_TEXT, t);
	while ((rule = classify_rules_next(&walk, &at))) {
		if (rule->says == CLASSIFY_SAYS_ABSENCE && is_past(t, at))
			continue;
		classify_verdict_add_hint(v, rule->id, CLASSIFY_BY_TEXT, text_sub(t, at, 80));
		note(s, &s->text, rule->says, rule->weight);
		if (rule->says == CLASSIFY_SAYS_AUTO && rule != stated)
			s->statements++;
		if (rule->says == CLASSIFY_SAYS_AUTO)
			stated = rule;
	}
}

void classify_seen_look(struct classify_seen *s, const struct mime_head *head, struct text subject,
			struct text text, struct classify_verdict *v)
{
	*s = (struct classify_seen){ 0 };
	look_at_headers(s, head, v);
	look_at_subject(s, subject, v);
	look_at_text(s, text, v);
}
