#include "ingest/classify/classify_reason.h"

#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_rules.h"

static const char *code_reason(const char *status, bool *ret_firm)
{
	size_t n_rules, longest = 0;
	const struct classify_status_rule *rules =
		classify_rules_statuses(classify_rules_now(), &n_rules);
	const char *found = NULL;

	*ret_firm = false;
	for (size_t i = 0; i < n_rules && status[0]; i++) {
		const char *code = rules[i].status;
		size_t n = strlen(code);

		if ((code[0] == 'x' || code[0] == status[0]) &&
		    strncmp(status + 1, code + 1, n - 1) == 0 &&
		    (status[n] == '\0' || status[n] == '.') && n + (code[0] != 'x') > longest) {
			longest = n + (code[0] != 'x');
			found = rules[i].reason;
			*ret_firm = rules[i].is_firm;
		}
	}
	return found;
}

/* What a reply code of SMTP says by itself; NULL: nothing, as most. */
static const char *reply_reason(unsigned code)
{
	const char digits[] = { (char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10),
				(char)('0' + code % 10), '\0' };
	size_t n_rules;
	const struct classify_status_rule *rules =
		classify_rules_statuses(classify_rules_now(), &n_rules);

	for (size_t i = 0; i < n_rules && code; i++)
		if (strcmp(rules[i].status, digits) == 0)
			return rules[i].reason;
	return NULL;
}

/* All else is soft: a wrong "hard" loses a living prospect, a missed one costs another bounce. */
static bool is_hard(const char *reason)
{
	static const char *const dead[] = { "userunknown", "hostunknown", "hasmoved", "notaccept" };

	for (size_t i = 0; i < countof(dead); i++)
		if (strcmp(reason, dead[i]) == 0)
			return true;
	return false;
}

bool classify_reason_is_certain(const struct classify_reason *r)
{
	return r->rule &&
	       (strcmp(r->rule, "bounce.words") == 0 || strcmp(r->rule, "bounce.status") == 0 ||
		strcmp(r->rule, "bounce.reply-code") == 0);
}

/* The first strong or sure row, and the first weak one. */
static void look(struct text words, const struct classify_word_rule **ret_strong,
		 const struct classify_word_rule **ret_weak)
{
	const struct classify_word_rule *rule;
	struct classify_rules_walk w;
	size_t at;

	*ret_strong = *ret_weak = NULL;
	classify_rules_start(&w, classify_rules_now(), CLASSIFY_IN_SERVER, words);
	while ((rule = classify_rules_next(&w, &at))) {
		const struct classify_word_rule **best =
			rule->weight == CLASSIFY_WEAK ? ret_weak : ret_strong;

		if (!*best || rule < *best)
			*best = rule;
	}
}

static struct classify_reason by(const char *reason, const char *rule)
{
	return (struct classify_reason){ reason, rule, is_hard(reason) };
}

/*
 * Was the user unknown when he was named?  RFC 3463 has x.1.y for addresses.  Without an answer of
 * SMTP a status must stand beside the words, and words that do not say of what they speak need
 * more than that nothing speaks against it.
 */
static bool is_at_recipient(const struct classify_answer *a, const struct classify_word_rule *says,
			    const char *by_code)
{
	return a->stage == CLASSIFY_STAGE_RCPT ||
	       (by_code && strcmp(by_code, "userunknown") == 0) ||
	       (!a->smtp_code && a->status[0] && says->weight != CLASSIFY_WEAK);
}

/* Nobody had been named yet: what is unknown is ours, and "access denied" is a block. */
static const char *before_recipient(const struct classify_answer *a,
				    const struct classify_word_rule *says)
{
	static const char *const unknown[] = { "userunknown", "hostunknown", "filtered" };
	bool ours = says->weight == CLASSIFY_WEAK && strcmp(says->reason, "securityerror") == 0;

	for (size_t i = 0; i < countof(unknown); i++)
		ours |= strcmp(says->reason, unknown[i]) == 0;
	if (ours && a->stage == CLASSIFY_STAGE_CONNECT)
		return "blocked";
	return ours && a->stage == CLASSIFY_STAGE_MAIL ? "rejected" : says->reason;
}

static struct classify_reason by_words(const struct classify_answer *a,
				       const struct classify_word_rule *says, const char *by_code)
{
	const char *reason = before_recipient(a, says);

	if (says->weight != CLASSIFY_SURE && strcmp(reason, "userunknown") == 0 &&
	    !is_at_recipient(a, says, by_code))
		reason = "filtered";
	return by(reason, says->id);
}

static struct classify_reason by_stage(const struct classify_answer *a)
{
	bool said = a->smtp_code > 0 || (a->words.len > 0 && !a->is_preamble);

	switch (a->stage) {
	case CLASSIFY_STAGE_CONNECT:
		return by("blocked", "bounce.stage");
	case CLASSIFY_STAGE_MAIL:
		return by("rejected", "bounce.stage");
	case CLASSIFY_STAGE_RCPT:
	case CLASSIFY_STAGE_DATA:
	case CLASSIFY_STAGE_NONE:
		break;
	}
	if (a->action == MIME_ACTION_DELAYED)
		return by("expired", "bounce.delayed");
	return said ? by("onhold", "bounce.unknown") : by("undefined", "bounce.unknown");
}

static struct classify_reason reason_of(const struct classify_answer *a)
{
	const struct classify_word_rule *strong, *weak;
	bool firm;
	const char *by_reply, *by_code = code_reason(a->status, &firm);

	look(a->words, &strong, &weak);
	if (firm)
		return by(by_code, "bounce.status");
	if (strong)
		return by_words(a, strong, by_code);
	if ((by_reply = reply_reason(a->smtp_code)))
		return by(by_reply, "bounce.reply-code");
	/* "5.7.0" is written for anything: words come first */
	if (weak && (!by_code || a->status[2] == '7' || strcmp(a->status + 1, ".3.0") == 0))
		return by_words(a, weak, by_code);
	/* "4.4.0, still trying" says no more than that */
	if (by_code && (a->action != MIME_ACTION_DELAYED || strcmp(a->status + 3, ".0") != 0))
		return by(by_code, "bounce.status");
	return by_stage(a);
}

struct classify_reason classify_reason_of(const struct classify_answer *a)
{
	struct classify_reason r = reason_of(a);

	/* class 4 may pass, but that nobody has this address does not (RFC 3463 section 3.2) */
	if (a->status[0] == '4' && (strcmp(r.reason, "userunknown") != 0 || a->status[2] != '1'))
		r.hard = false;
	return r;
}
