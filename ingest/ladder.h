#ifndef INGEST_LADDER_H
#define INGEST_LADDER_H

#include <stdint.h>

#include "ingest/classify/classify.h"

/*
 * What a mail's kind means for the gate and for the log: how far the gate
 * closes, until when, and which event tells it.  Pure; one table.
 *
 *   0 open   1 hold   2 provisional (headers only)   3 replied   4 bounced_hard
 */
#define LADDER_HOLD_DAYS 7 /* an absence that does not say its end */

struct ladder_step {
	const char *event_type; /* "reply.received" */
	int level;
	const char *reason;    /* "" at level 0 */
	int64_t hold_until_us; /* INT64_MIN: none */
	int64_t return_at_us;  /* first day back, 00:00 UTC; INT64_MIN: not said */
};

/* `received_us`: when the mail came; `now_us`: an absence that is over by now holds nothing. */
void ladder_of(const struct classify_verdict *v, int64_t received_us, int64_t now_us,
	       struct ladder_step *ret);

/*
 * Only who wrote, or the subject, says that it concerns the prospect: anybody can
 * write that.  It closes the gate as an answer does, and says no more of anybody.
 */
void ladder_doubt(struct ladder_step *step);

#endif
