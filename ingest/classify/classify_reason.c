#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_reason.h"

/* What words say comes before what codes say: "5.0.0" and "5.7.1" are written for anything. */
static const struct {
	const char *words; /* folded; a comma parts what must all stand there */
	const char *reason;
	bool hard;
} says[] = {
	/* full, for now */
	{ "mailbox full", "mailboxfull", false },
	{ "mailbox is full", "mailboxfull", false },
	{ "mailbox has exceeded", "mailboxfull", false },
	{ "inbox is full", "mailboxfull", false },
	{ "inbox full", "mailboxfull", false },
	{ "over quota", "mailboxfull", false },
	{ "overquota", "mailboxfull", false },
	{ "quota exceeded", "mailboxfull", false },
	{ "exceeded quota", "mailboxfull", false },
	{ "exceed quota", "mailboxfull", false },
	{ "quota exceed", "mailboxfull", false },
	{ "exceeded the quota", "mailboxfull", false },
	{ "exceeds the quota", "mailboxfull", false },
	{ "over the allowed quota", "mailboxfull", false },
	{ "over the storage quota", "mailboxfull", false },
	{ "storage quota", "mailboxfull", false },
	{ "out of storage", "mailboxfull", false },
	{ "insufficient disk", "mailboxfull", false },
	{ "mailbox size limit", "mailboxfull", false },
	{ "full mailbox", "mailboxfull", false },
	{ "maildir over", "mailboxfull", false },
	{ "mail box full", "mailboxfull", false },
	{ "account is full", "mailboxfull", false },
	{ "not enough storage", "mailboxfull", false },
	{ "no room in mailbox", "mailboxfull", false },
	{ "postfach ist voll", "mailboxfull", false },
	{ "boite pleine", "mailboxfull", false },
	{ "buzon lleno", "mailboxfull", false },
	/* about the message */
	{ "message size exceeds", "mesgtoobig", false },
	{ "message too large", "mesgtoobig", false },
	{ "message too big", "mesgtoobig", false },
	{ "exceeds size limit", "mesgtoobig", false },
	{ "message file too big", "mesgtoobig", false },
	{ "exceeded maximum inbound message size", "mesgtoobig", false },
	{ "virus", "virusdetected", false },
	/* about the sender and his server; before the words for unknown users, since they often
	   name a user too */
	{ "sender address rejected", "rejected", false },
	{ "sender rejected", "rejected", false },
	{ "sender verify failed", "rejected", false },
	{ "domain of sender", "rejected", false },
	{ "sender domain", "rejected", false },
	{ "relay access denied", "norelaying", false },
	{ "relaying denied", "norelaying", false },
	{ "unable to relay", "norelaying", false },
	{ "relay not permitted", "norelaying", false },
	{ "relaying not allowed", "norelaying", false },
	{ "greylist", "expired", false },
	{ "graylist", "expired", false },
	{ "spamhaus", "blocked", false },
	{ "spamcop", "blocked", false },
	{ "barracuda", "blocked", false },
	{ "blacklist", "blocked", false },
	{ "black list", "blocked", false },
	{ "blocklist", "blocked", false },
	{ "block list", "blocked", false },
	{ "blocked using", "blocked", false },
	{ "client host rejected", "blocked", false },
	{ "client host", "blocked", false },
	{ "dnsbl", "blocked", false },
	{ "bad reputation", "badreputation", false },
	{ "poor reputation", "badreputation", false },
	{ "low reputation", "badreputation", false },
	{ "reverse dns", "requireptr", false },
	{ "ptr record", "requireptr", false },
	{ "dmarc", "authfailure", false },
	{ "spf", "authfailure", false },
	{ "dkim", "authfailure", false },
	{ "not authenticated", "authfailure", false },
	{ "authentication required", "securityerror", false },
	{ "too many connections", "toomanyconn", false },
	{ "too many messages", "speeding", false },
	{ "rate limit", "speeding", false },
	{ "receiving mail at a rate", "speeding", false },
	{ "rejected as spam", "spamdetected", false },
	{ "detected as spam", "spamdetected", false },
	{ "considered spam", "spamdetected", false },
	{ "classified as spam", "spamdetected", false },
	{ "looks like spam", "spamdetected", false },
	{ "spam message", "spamdetected", false },
	{ "spam content", "spamdetected", false },
	{ "message contains spam", "spamdetected", false },
	{ "blocked by spam", "spamdetected", false },
	{ "unsolicited", "spamdetected", false },
	/* the domain is dead */
	{ "host unknown", "hostunknown", true },
	{ "unknown host", "hostunknown", true },
	{ "host not found", "hostunknown", true },
	{ "domain not found", "hostunknown", true },
	{ "no such domain", "hostunknown", true },
	{ "unknown domain", "hostunknown", true },
	{ "domain does not exist", "hostunknown", true },
	{ "unrouteable mail domain", "hostunknown", true },
	{ "unrouteable domain", "hostunknown", true },
	{ "illegal host/domain", "hostunknown", true },
	{ "name or domain is too long", "hostunknown", true },
	{ "couldn't find any host named", "hostunknown", true },
	{ "nxdomain", "hostunknown", true },
	{ "non-existent domain", "hostunknown", true },
	{ "non-existent host", "hostunknown", true },
	{ "bad destination system", "hostunknown", true },
	{ "null mx", "notaccept", true },
	{ "nullmx", "notaccept", true },
	{ "does not accept mail", "notaccept", true },
	{ "does not accept email", "notaccept", true },
	{ "no mx record", "notaccept", true },
	/* the address is dead */
	{ "user unknown", "userunknown", true },
	{ "unknown user", "userunknown", true },
	{ "unknown recipient", "userunknown", true },
	{ "recipient unknown", "userunknown", true },
	{ "unknown address", "userunknown", true },
	{ "address unknown", "userunknown", true },
	{ "unknown local part", "userunknown", true },
	{ "unknown local-part", "userunknown", true },
	{ "no such user", "userunknown", true },
	{ "no such recipient", "userunknown", true },
	{ "no such mailbox", "userunknown", true },
	{ "no such address", "userunknown", true },
	{ "no such account", "userunknown", true },
	{ "no such person", "userunknown", true },
	{ "no such email", "userunknown", true },
	{ "no mailbox here", "userunknown", true },
	{ "no mailbox", "userunknown", true },
	{ "no account by that name", "userunknown", true },
	{ "mailbox not found", "userunknown", true },
	{ "user not found", "userunknown", true },
	{ "recipient not found", "userunknown", true },
	{ "recipientnotfound", "userunknown", true },
	{ "address not found", "userunknown", true },
	{ "account not found", "userunknown", true },
	{ "wasn't found", "userunknown", true },
	{ "couldn't be found", "userunknown", true },
	{ "could not be found", "userunknown", true },
	{ "user does not exist", "userunknown", true },
	{ "account does not exist", "userunknown", true },
	{ "address does not exist", "userunknown", true },
	{ "recipient does not exist", "userunknown", true },
	{ "mailbox does not exist", "userunknown", true },
	{ "does not exist", "userunknown", true },
	{ "doesn't exist", "userunknown", true },
	{ "don't have an account", "userunknown", true },
	{ "doesn't have a", "userunknown", true },
	{ "does not have an account", "userunknown", true },
	{ "not a valid mailbox", "userunknown", true },
	{ "invalid mailbox", "userunknown", true },
	{ "invalid recipient", "userunknown", true },
	{ "invalid address", "userunknown", true },
	{ "bad address", "userunknown", true },
	{ "bad destination mailbox", "userunknown", true },
	{ "not a known user", "userunknown", true },
	{ "not our customer", "userunknown", true },
	{ "is not known", "userunknown", true },
	{ "not listed in", "userunknown", true },
	{ "recipient address rejected: access denied", "userunknown", true },
	{ "mailbox unavailable", "userunknown", true },
	{ "unrouteable address", "userunknown", true },
	{ "unroutable address", "userunknown", true },
	{ "user doesn't", "userunknown", true },
	{ "empfanger existiert nicht", "userunknown", true },
	{ "utilisateur inconnu", "userunknown", true },
	{ "usuario desconocido", "userunknown", true },
	{ "utente sconosciuto", "userunknown", true },
	/* the account is closed: as dead as one that never was */
	{ "account is disabled", "suspend", true },
	{ "account has been disabled", "suspend", true },
	{ "account disabled", "suspend", true },
	{ "mailbox disabled", "suspend", true },
	{ "mailbox is disabled", "suspend", true },
	{ "user is disabled", "suspend", true },
	{ "user disabled", "suspend", true },
	{ "account inactive", "suspend", true },
	{ "account is inactive", "suspend", true },
	{ "mailbox is inactive", "suspend", true },
	{ "account has been suspended", "suspend", true },
	{ "account is suspended", "suspend", true },
	{ "account suspended", "suspend", true },
	{ "has been deactivated", "suspend", true },
	{ "account closed", "suspend", true },
	{ "account has been closed", "suspend", true },
	{ "account has been deactivated", "suspend", true },
	{ "no longer available", "suspend", true },
	{ "no longer valid", "suspend", true },
	{ "no longer in use", "suspend", true },
	{ "no longer on server", "suspend", true },
	{ "has moved", "hasmoved", true },
	{ "user has moved", "hasmoved", true },
	{ "has been replaced by", "hasmoved", true },
	/* the day */
	{ "policy", "policyviolation", false },
	{ "spam", "spamdetected", false },
	{ "blocked", "blocked", false },
	{ "prohibited", "blocked", false },
	{ "denied", "blocked", false },
	{ "try again later", "expired", false },
	{ "timed out", "expired", false },
	{ "timeout", "expired", false },
	{ "retry time", "expired", false },
	{ "too long in queue", "expired", false },
	{ "been in the queue too long", "expired", false },
	{ "delivery time expired", "expired", false },
	{ "could not be delivered for more than", "expired", false },
	{ "connection refused", "networkerror", false },
	{ "connection lost", "networkerror", false },
	{ "no route to host", "networkerror", false },
	{ "network unreachable", "networkerror", false },
	{ "loop", "networkerror", false },
	{ "too many hops", "networkerror", false },
	{ "out of memory", "systemerror", false },
	{ "disk full", "systemfull", false },
	{ "temporar", "systemerror", false },
};

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

static const char *words_reason(struct text words, bool *ret_hard, const char **ret_rule)
{
	for (size_t i = 0; i < countof(says); i++) {
		if (classify_phrase_in(words, says[i].words)) {
			*ret_hard = says[i].hard;
			*ret_rule = says[i].words;
			return says[i].reason;
		}
	}
	return NULL;
}

struct classify_reason classify_reason_of(enum mime_action action, const char *status,
					  unsigned smtp_code, struct text words)
{
	struct classify_reason r = { false, "undefined", "bounce.unknown" };
	const char *rule = NULL, *reason = words_reason(words, &r.hard, &rule);

	if (reason) {
		r.reason = reason;
		r.rule = "bounce.words";
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
