#ifndef ROTATION_VERDICT_H
#define ROTATION_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * May anyone still write to this person?  The rule, pure: what the gate says,
 * what the inboxes concerned have seen, and what time it is.  It fails closed:
 * `open` needs a proof from every inbox that wrote to the prospect.
 *
 *   closed    the gate's level is above 0 (and a hold has not run out)
 *   unknown   the gate is open, but some inbox may hold an answer we have not seen
 *   open      the gate is open and every inbox was seen a moment ago
 *
 * Instants are unix microseconds on PostgreSQL's and the workers' clocks; a proof from
 * the future (clock skew) counts as one from now.
 */
#define VERDICT_NEVER INT64_MIN

struct verdict_inbox {
	bool watched;
	int64_t seen_us; /* gated_through; VERDICT_NEVER */
	bool blind;      /* a gap is open: what came meanwhile is not made up yet */
	bool unread;     /* a mail is there that nobody could read, and that may be the answer */
};

struct verdict_facts {
	int level; /* 0..6, see gate in the schema */
	const char *reason;
	int64_t hold_until_us; /* VERDICT_NEVER: none */
	const struct verdict_inbox *inboxes;
	size_t n_inboxes;
	int64_t now_us;
	uint64_t freshness_ms; /* how old a proof may be */
};

enum verdict_state { VERDICT_OPEN, VERDICT_CLOSED, VERDICT_UNKNOWN };

struct verdict {
	enum verdict_state state;
	int level;                   /* the gate's; 0 when its hold has run out */
	const char *reason;          /* "" when open */
	bool provisional;            /* closed, but the verdict on the reply is still to come */
	int64_t observed_through_us; /* least over the inboxes; VERDICT_NEVER: some inbox was never
					seen, or none wrote */
};

struct verdict verdict_of(const struct verdict_facts *f);
const char *verdict_state_name(enum verdict_state s); /* "open", "closed", "unknown" */

#endif
