#ifndef OAUTH_BREAKER_H
#define OAUTH_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"
#include "oauth/policy.h"

/*
 * One provider's fuse.  Pure.
 *
 *   CLOSED --- our client is refused, or nothing answers --> OPEN --- time --> PROBING --- one good
 * answer --> CLOSED
 *                                                             ^------- it failed again ---------'
 *
 * Open: no grant of this provider is refreshed, and none of them is touched.
 * Probing: one at a time is.
 *
 * It also keeps a mass failure from looking like ten thousand revocations:
 * when most of many recent answers say "ask the user again", the provider is
 * broken, not the users, and the verdict becomes POLICY_LATER, until a refresh
 * works again, or for BREAKER_DOUBT_MS: then the provider means it.
 */
enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

#define BREAKER_FAILURES 20 /* answers in a row that say "later" or "us" open it */
#define BREAKER_MASS     20 /* so many "ask the user" in one window ... */
#define BREAKER_WINDOW_MS                                                                          \
	(5 * 60 * 1000) /* ... of this length, and more than half of all answers */
#define BREAKER_DOUBT_MS (60 * 60 * 1000)

struct breaker {
	enum breaker_state state;
	uint64_t probe_at_ms; /* BREAKER_OPEN: when it may be probed */
	unsigned opened;      /* times in a row, for the wait */
	unsigned bad_in_row;
	uint64_t window_ms;                   /* where the counts begin */
	unsigned users, others;               /* verdicts in this window */
	unsigned users_before, others_before; /* and in the one before */
	uint64_t doubt_since_ms;              /* of the mass failure; 0: none */
	const char *why;                      /* reason code; "" when closed */
};

void breaker_init(struct breaker *b);
/* The state at `now_ms`; an open one whose time has come turns to probing. */
enum breaker_state breaker_look(struct breaker *b, uint64_t now_ms);
/*
 * An answer came.  May change `a` from "user" to "later" (mass failure, reason
 * "mass_refusal").  true: the breaker has just opened, which deserves an alarm.
 */
bool breaker_heard(struct breaker *b, struct policy_answer *a, uint64_t now_ms, struct rand_gen *g);

#endif
