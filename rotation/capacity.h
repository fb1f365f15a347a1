#ifndef ROTATION_CAPACITY_H
#define ROTATION_CAPACITY_H

#include "rotation/pick.h"
#include "rotation/ramp.h"

/*
 * How much an inbox may still send today, what binds it now, and when that lifts.  Pure; the rules
 * are those that give slots (rotation/pick), so that what is told here is what a reservation meets.
 */

/* The day of an inbox that nobody has opened yet, or another day: the cap it would begin with. */
struct capacity_day {
	struct ramp_facts ramp;
	double cap_new_share;
	int64_t starts_us, opens_us, closes_us, ends_us;
};
/* `i` as that day begins: nothing is used, no gap runs.  What is counted over 24 hours stays as it
 * is. */
void capacity_begin(const struct capacity_day *d, struct pick_inbox *i, enum ramp_bound *ret_bound);

struct capacity {
	int left, left_new; /* mails that may still leave by the end of the day */
	/* Of a mail that wants to leave now. */
	enum refusal first, follow_up;
	int64_t first_lifts_us, follow_up_lifts_us; /* PICK_NEVER: not by itself, or not known */
};
struct capacity capacity_of(const struct pick_inbox *i, int64_t now_us);

#endif
