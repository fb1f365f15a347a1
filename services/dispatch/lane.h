#ifndef SERVICES_DISPATCH_LANE_H
#define SERVICES_DISPATCH_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"

/*
 * How much one endpoint is trusted with, from what it answered (pure; time comes in).
 *
 *   HEALTHY   it takes what it is given: one place more with each success, up to its own
 * concurrency SLOWED    it asked for peace (429, 503) or did not answer in time: half the places,
 * after a wait PROBING   it takes nothing: one post at a time, each after a longer wait, until one
 * succeeds
 *
 *   HEALTHY -> SLOWED    an answer "later", or none
 *   any     -> PROBING   LANE_SILENT answers in a row that did not come, or LANE_REFUSALS that
 *                        refused: then it is the endpoint, not the event
 *   any     -> HEALTHY   a success
 *
 * An event that is refused among others that are taken slows nobody: it has its own schedule
 * (services/dispatch/retry.h).
 */
#define LANE_FIRST       4 /* places of an endpoint of which nothing is known yet */
#define LANE_SILENT      3
#define LANE_REFUSALS    10
#define LANE_WAIT_MS     1000ULL
#define LANE_WAIT_MAX_MS 30000ULL /* an endpoint that is back is found out within this time */
#define LANE_SLOW_MS     1000ULL  /* one that takes longer than this to answer is slow */

enum lane_state { LANE_HEALTHY, LANE_SLOWED, LANE_PROBING };

enum lane_end {
	LANE_OK,
	LANE_REFUSED, /* it answered, and did not want this one */
	LANE_LATER,   /* 429, 503 */
	LANE_NOTHING, /* no answer: timeout, no connection, no TLS */
};

struct lane {
	enum lane_state state;
	int most;               /* places that its endpoint may have */
	int window;             /* places that it has earned, 1 .. most */
	int under_way;          /* deliveries being posted */
	int failures;           /* in a row */
	uint64_t not_before_ms; /* nothing begins before; 0: at once */
	uint64_t wait_ms;       /* the last one */
	uint64_t took_ms;       /* of its answers, smoothed; 0: none yet */
};

/* `state`: as it was known to others. */
void lane_init(struct lane *l, enum lane_state state, int most);
/* Its policy changed, perhaps. */
void lane_allow(struct lane *l, int most);
void lane_began(struct lane *l, int n);
/*
 * A post with `n` deliveries ended.  `asked_ms`: it asked to be left alone for so long, 0: it did
 * not.  Returns how long nothing is to begin, 0: no wait came of this end.
 */
uint64_t lane_ended(struct lane *l, int n, enum lane_end end, uint64_t took_ms, uint64_t asked_ms,
		    uint64_t now_ms, struct rand_gen *g);
/* How many deliveries more may be begun now. */
int lane_room(const struct lane *l, uint64_t now_ms);
/* Not one of those who turn their places over quickly: down, slow, or not known yet. */
bool lane_is_slow(const struct lane *l);

const char *lane_state_word(enum lane_state s);
enum lane_state lane_state_of(const char *word); /* what it does not know is healthy */

#endif
