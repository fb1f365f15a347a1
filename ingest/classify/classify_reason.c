#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_reason.h"
#include "ingest/classify/classify_rules.h"

/* RFC 3463.  The longest prefix rules; what is not listed is told by its class alone. */
static const struct {
	const char *status;
	const char *reason;
	bool hard;
} codes[] = {
	{ "5.1.0", "userunknown", true },
	{ "5.1.1", "userunknown", true },
	{ "5.1.2", "hostunknown", true },
	{ "5.1.3", "userunknown", true },
	{ "5.1.6", "hasmoved", true },
	{ "5.1.7", "rejected", false },
	{ "5.1.8", "rejected", false }, /* the sender's address, not the prospect's */
	{ "5.1.9", "undefined", false },
	{ "5.1.10", "notaccept",
	  true }, /* RFC 7505: null MX; Exchange writes it for an unknown recipient */
	{ "5.2.0", "filtered", false },
	{ "5.2.1", "suspend", true },
	{ "5.2.2", "mailboxfull", false },
	{ "5.2.3", "mesgtoobig", false },
	{ "5.2.4", "undefined", false },
	{ "5.3", "systemerror", false },
	{ "5.3.4", "mesgtoobig", false },
	{ "5.4.0", "networkerror", false },
	{ "5.4.1", "userunknown", true }, /* what Exchange Online says of an unknown recipient */
	{ "5.4.310", "hostunknown", true },
	{ "5.4.4", "hostunknown", true },
	{ "5.4.6", "networkerror", false },
	{ "5.4.7", "expired", false },
	{ "5.4", "networkerror", false },
	{ "5.5.4", "systemerror", false },
	{ "5.6", "contenterror", false },
	{ "5.7", "policyviolation", false },
	{ "4.2.2", "mailboxfull", false },
	{ "4.4.7", "expired", false },
	{ "4.4", "networkerror", false },
	{ "4.7", "policyviolation", false },
};

static const char *code_reason(const char *status, bool *ret_hard)
{
	const char *found = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < countof(codes); i++) {
		size_t n = strlen(codes[i].status);

		if (strncmp(status, codes[i].status, n) == 0 &&
		    (status[n] == '\0' || status[n] == '.') && n > longest) {
			longest = n;
			found = codes[i].reason;
			*ret_hard = codes[i].hard;
		}
	}
	return found;
}

struct classify_reason classify_reason_of(enum mime_action action, const char *status,
					  unsigned smtp_code, struct text words)
{
	struct classify_reason r = { false, "undefined", "bounce.unknown" };
	const struct classify_word_rule *says =
		classify_rules_first(classify_rules_now(), CLASSIFY_IN_SERVER, words);
	const char *reason;

	/* What words say comes before what codes say: "5.0.0" and "5.7.1" are written for anything.
	 */
	if (says) {
		r.reason = says->reason;
		r.hard = says->hard;
		r.rule = says->id;
	} else if ((reason = code_reason(status, &r.hard))) {
		r.reason = reason;
		r.rule = "bounce.status";
	}
	/* "5.0.0", "550 rejected": permanent, but nothing says that it is about the address */
	/* 4.x with words about the address is greylisting in disguise, unless the domain itself is
	 * not there */
	if (action == MIME_ACTION_DELAYED ||
	    (status[0] == '4' && strcmp(r.reason, "hostunknown") != 0) ||
	    (!status[0] && smtp_code >= 400 && smtp_code < 500))
		r.hard = false;
	if (action == MIME_ACTION_DELAYED && strcmp(r.reason, "undefined") == 0)
		r.reason = "expired";
	return r;
}

/* ---- codes in words ---- */

static bool is_digit(struct text t, size_t at)
{
	return at < t.len && t.at[at] >= '0' && t.at[at] <= '9';
}

static bool is_edge(struct text t, size_t at)
{
	return at >= t.len ||
	       !((t.at[at] >= 'a' && t.at[at] <= 'z') || is_digit(t, at) || t.at[at] == '.');
}

/* "5.1.1" at `at`: its length, or 0. */
static size_t status_at(struct text t, size_t at)
{
	size_t from = at;

	if (at + 1 >= t.len || (t.at[at] != '4' && t.at[at] != '5') || t.at[at + 1] != '.')
		return 0;
	at += 2;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		while (is_digit(t, at) && digits < 3)
			at++, digits++;
		if (!digits || (part == 0 && (at >= t.len || t.at[at++] != '.')))
			return 0;
	}
	if (at < t.len && t.at[at] == '.' && !is_digit(t, at + 1))
		return at - from; /* the full stop of a sentence */
	return is_edge(t, at) ? at - from : 0;
}

/* "550 " or "550-" or "550:" with a plausible code */
static unsigned smtp_at(struct text t, size_t at)
{
	unsigned code;

	if ((t.at[at] != '4' && t.at[at] != '5') || !is_digit(t, at + 1) || !is_digit(t, at + 2) ||
	    !is_edge(t, at + 3))
		return 0;
	code = (unsigned)(t.at[at] - '0') * 100 + (unsigned)(t.at[at + 1] - '0') * 10 +
	       (unsigned)(t.at[at + 2] - '0');
	return t.at[at + 1] <= '7' ? code : 0;
}

void classify_reason_codes(struct text t, unsigned *ret_smtp_code, char ret_status[MIME_STATUS])
{
	bool status = false, smtp = false;

	for (size_t at = 0; at < t.len && !(status && smtp); at++) {
		size_t n;
		unsigned code;

		if (!is_digit(t, at) || (at > 0 && (!is_edge(t, at - 1))))
			continue;
		n = status ? 0 : status_at(t, at);
		if (n) {
			memcpy(ret_status, t.at + at, n);
			ret_status[n] = '\0';
			status = true;
			at += n - 1;
		} else if (!smtp && (code = smtp_at(t, at)) != 0) {
			*ret_smtp_code = code;
			smtp = true;
		}
	}
}
