#ifndef ROTATION_JUDGE_H
#define ROTATION_JUDGE_H

#include "rotation/band.h"
#include "rotation/guard.h"
#include "rotation/health.h"

/*
 * An inbox is looked at: its score, then the guards where something is new, then the band.
 *
 * A guard moves once for what it has seen: the same bounces, looked at again, do not make its order
 * last longer.
 *
 * Who is quarantined sends nothing that could show how it fares.  In place of a probation it rises
 * after its time when nothing bad came for a week and what it is remembered for, which fades, would
 * not put it back at once.
 */
struct judge_facts {
	struct health_facts health;
	struct guard_facts guard;
	bool is_news;    /* for the guards */
	unsigned bad_7d; /* hard bounces, blocks and complaints of the last week */
};

struct judge_verdict {
	struct health health;
	enum guard_cause fired;
	const char *reason; /* of a band below healthy: the guard's name, or the signal's that
			       weighs most; "" for neither */
	bool has_changed;   /* the band is another one */
	double volume;      /* what a band that fell leaves of today's cap; 1: it did not */
	double stretch;     /* and what it makes of the gap */
};

/* `reason`: what it was before; borrowed. */
void judge_standing(struct band_state *s, const char *reason, const struct judge_facts *f,
		    int64_t now_us, struct judge_verdict *ret);

#endif
