#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_auto.h"
#include "ingest/classify/classify_date.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/mime/mime_fold.h"

/* What was seen, by where it stood and by what it says. */
struct seen {
	bool human;  /* the mail says so itself */
	bool strong; /* a machine, for certain */
	bool header, subject, text,
		statement; /* weak signals, by source; `statement`: "this is an automatic reply" */
	bool absence;      /* somebody is away */
	bool other;        /* a ticket, someone who left */
	bool prefix;       /* "Automatic reply:", which Exchange writes for absences */
};

static void note(struct seen *s, enum classify_says says, enum classify_weight weight)
{
	switch (says) {
	case CLASSIFY_SAYS_HUMAN:
		s->human = true;
		return;
	case CLASSIFY_SAYS_ABSENCE:
		s->absence = true;
		break;
	case CLASSIFY_SAYS_OTHER:
		s->other = true;
		break;
	case CLASSIFY_SAYS_AUTO:
		break;
	case CLASSIFY_SAYS_LIST:
	case CLASSIFY_SAYS_BOUNCE:
	case CLASSIFY_SAYS_DELAY:
		return;
	}
	if (weight == CLASSIFY_STRONG)
		s->strong = true;
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

static bool is_automaton(const struct mime_head *h)
{
	static const char *const locals[] = { "no-reply", "noreply", "donotreply", "do-not-reply",
					      "no_reply" };
	struct text local, domain;

	(void)text_cut(text_of(h->from.address), '@', &local, &domain);
	for (size_t i = 0; i < countof(locals); i++)
		if (text_ieq(local, text_of(locals[i])))
			return true;
	return false;
}

static void look_at_headers(const struct mime_head *h, struct seen *s, struct classify_verdict *v)
{
	size_t n;
	const struct classify_header_rule *rules = classify_rules_headers(classify_rules_now(), &n);
	bool suppress_all = text_ifind(text_of(h->auto_suppress), TEXT("all")) != SIZE_MAX;
	struct text value;

	for (size_t i = 0; i < n; i++) {
		if (rules[i].says == CLASSIFY_SAYS_LIST || !header_fits(h, &rules[i], &value))
			continue;
		classify_verdict_add(v, rules[i].id, CLASSIFY_BY_HEADER, value);
		note(s, rules[i].says, rules[i].weight);
		s->header = s->header || rules[i].says != CLASSIFY_SAYS_HUMAN;
	}
	if (suppress_all && mime_head_has(h, "X-MS-Exchange-Inbox-Rules-Loop")) {
		classify_verdict_add(v, "header.exchange-rule-reply", CLASSIFY_BY_HEADER,
				     text_of(h->auto_suppress));
		note(s, CLASSIFY_SAYS_ABSENCE, CLASSIFY_STRONG);
	}
	if (mime_head_is_type(h, "multipart", "report", "disposition-notification")) {
		classify_verdict_add(v, "header.read-receipt", CLASSIFY_BY_HEADER,
				     mime_head_field(h, "Content-Type", 0));
		note(s, CLASSIFY_SAYS_OTHER, CLASSIFY_STRONG);
	}
	if (is_automaton(h)) {
		classify_verdict_add(v, "header.no-reply", CLASSIFY_BY_HEADER,
				     text_of(h->from.address));
		s->header = true;
	}
}

bool classify_auto_is_list(const struct mime_head *head, struct classify_verdict *ret)
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

/* "[External] ", "[EXT]", "***SPAM***": what gateways put in front.  Never Re: or AW:, which a
 * person's client wrote. */
static struct text without_tags(struct text t)
{
	static const char *const tags[] = {
		"[external]", "[ext]",      "[extern]", "[externe]",     "[externo]",
		"[esterno]",  "***spam***", "[spam]",   "[extern mail]", "[external email]",
		"external:",  "ext:",
	};

	for (size_t i = 0; i < countof(tags); i++) {
		if (text_istarts(t, text_of(tags[i]))) {
			t = text_trim(text_sub(t, strlen(tags[i]), t.len));
			i = SIZE_MAX; /* from the first again: gateways stack */
		}
	}
	return t;
}

bool classify_auto_is_answer(struct text t)
{
	static const char *const prefixes[] = {
		"re:", "re :", "aw:",  "antw:", "antwort:", "sv:",   "vs:",   "odp:",
		"r:",  "rif:", "res:", "rv:",   "ynt:",     "fw:",   "fwd:",  "wg:",
		"tr:", "i:",   "enc:", "vb:",   "回复:",    "答复:", "回覆:", "отв:",
		"ha:", "tl:",  "bls:", "va:",   "re[",      "pd:",
	};

	for (size_t i = 0; i < countof(prefixes); i++)
		if (text_istarts(t, text_of(prefixes[i])))
			return true;
	return false;
}

static void note_subject(const struct classify_word_rule *r, struct text subject, struct seen *s,
			 struct classify_verdict *v)
{
	classify_verdict_add(v, r->id, CLASSIFY_BY_SUBJECT, subject);
	note(s, r->says, r->weight);
	s->subject = true;
}

static void look_at_subject(struct text subject, struct seen *s, struct classify_verdict *v)
{
	const struct classify_rules *rules = classify_rules_now();
	const struct classify_word_rule *rule;
	struct classify_rules_walk walk;
	size_t at;

	subject = without_tags(subject);
	if (classify_auto_is_answer(subject))
		return;
	rule = classify_rules_front(rules, CLASSIFY_IN_SUBJECT, subject);
	if (rule) {
		note_subject(rule, subject, s, v);
		/* nothing but "Automatisch antwoord": no person heads a mail so */
		if (rule->says == CLASSIFY_SAYS_AUTO && text_eq(subject, text_of(rule->phrase)))
			s->strong = true;
		s->prefix = s->prefix || rule->says == CLASSIFY_SAYS_AUTO;
	}
	classify_rules_start(&walk, rules, CLASSIFY_INSIDE, subject);
	while ((rule = classify_rules_next(&walk, &at)))
		note_subject(rule, subject, s, v);
}

/* ---- text ---- */

/* "I was out of the office": somebody who is back, and that is a person. */
static bool is_past(struct text t, size_t at)
{
	static const char *const before[] = { "was ",   "were ",  "been ",   "war ",
					      "waren ", "etais ", "estuve ", "ero " };
	struct text head = text_sub(t, 0, at);

	for (size_t i = 0; i < countof(before); i++)
		if (text_iends(head, text_of(before[i])))
			return true;
	return false;
}

static void look_at_text(struct text t, struct seen *s, struct classify_verdict *v)
{
	const struct classify_word_rule *rule;
	struct classify_rules_walk walk;
	size_t at;

	classify_rules_start(&walk, classify_rules_now(), CLASSIFY_IN_TEXT, t);
	while ((rule = classify_rules_next(&walk, &at))) {
		if (is_past(t, at))
			continue;
		classify_verdict_add(v, rule->id, CLASSIFY_BY_TEXT, text_sub(t, at, 80));
		note(s, rule->says, rule->weight);
		if (rule->says == CLASSIFY_SAYS_AUTO)
			s->statement = true;
		else
			s->text = true;
	}
}

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

/* ---- verdict ---- */

/* Two weak signals from different places; headers alone, however many, are no two. */
static bool agree(const struct seen *s)
{
	bool words = s->text || s->statement;

	return (s->subject && (s->header || words)) || (s->header && words) ||
	       (s->text && s->statement);
}

static enum classify_kind kind_of(const struct seen *s, bool has_return)
{
	/* a notice of somebody who left speaks of absence too; a return day settles it */
	if (s->other && !has_return)
		return CLASSIFY_AUTO_OTHER;
	return s->absence || s->prefix ? CLASSIFY_OUT_OF_OFFICE : CLASSIFY_AUTO_OTHER;
}

bool classify_auto_judge(const struct mime_head *head, struct text subject, struct text text,
			 int64_t received_at, struct classify_verdict *ret)
{
	struct seen s = { 0 };
	cleanup_buf struct buf line;

	look_at_headers(head, &s, ret);
	look_at_subject(subject, &s, ret);
	buf_init(&line, 2000);
	(void)buf_add(&line, text.at, text.len < line.max ? text.len : line.max);
	for (size_t i = 0; i < line.len; i++) /* a phrase may run over a line end */
		if (line.data[i] == '\n')
			line.data[i] = ' ';
	look_at_text((struct text){ (const char *)line.data, line.len }, &s, ret);

	if (s.human || !(s.strong || agree(&s)))
		return false;
	s.absence = find_return(head, subject, text, received_at, ret) || s.absence;
	ret->kind = kind_of(&s, ret->return_at[0] != '\0');
	ret->confidence = !s.strong ? 0.75 : s.absence || s.other ? 0.97 : 0.85;
	if (ret->kind != CLASSIFY_OUT_OF_OFFICE)
		ret->return_at[0] = '\0';
	return true;
}
