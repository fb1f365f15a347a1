#ifndef ROTATION_RAMP_H
#define ROTATION_RAMP_H

#include <stdbool.h>

#include "rotation/band.h"

/*
 * How much a young inbox may send: its ramp counts good days, not calendar
 * days, so that an inbox that rested does not wake up at the top.
 *
 *   preset       cap on index k                   for
 *   cold         5 + 2k, to the target            a new domain or mailbox
 *   standard     10 + 5k, to the target
 *   geometric    10 * 1.1^k rounded up, to the target
 *   established  the target at once
 *
 * A good day: at least 60 % of the day's cap sent, healthy, no limit hit: k + 1.
 * A bad one: a limit hit, or bounces beyond chance: k - max(2, 30 % of k).
 * Two weeks and more without a mail: k - half of the days.
 */
enum ramp_preset { RAMP_COLD, RAMP_STANDARD, RAMP_GEOMETRIC, RAMP_ESTABLISHED };
#define RAMP_INDEX_MOST 400 /* behind every preset's way to LIMIT_CAP_DAY */

int ramp_cap(enum ramp_preset p, int k, int target); /* 0..target */

struct ramp_day {
	int cap, sent;
	enum band worst; /* of the day */
	bool limit_hit;
	bool bounced; /* a guard fired for bounces */
};
int ramp_after(int k, const struct ramp_day *d); /* the next day's index */
int ramp_after_idle(int k, int days);            /* days in a row without a mail of ours */

const char *ramp_preset_name(enum ramp_preset p);
bool ramp_preset_of(const char *name, enum ramp_preset *ret);

/*
 * The cap of a day, fixed when the day begins; within it, it only falls.  All
 * that limits is combined by the least, and what binds is told.
 */
enum ramp_bound {
	RAMP_BY_POLICY,
	RAMP_BY_RAMP,
	RAMP_BY_HEALTH,
	RAMP_BY_PROVIDER,  /* its 24 h ceiling, less what others sent from the mailbox and a margin
			    */
	RAMP_BY_LIMIT_HIT, /* half, on the day after */
	RAMP_BY_RETURN /* half and three quarters, on the first days back after more than a day away
			*/
};
struct ramp_facts {
	enum ramp_preset preset;
	int k;
	int policy_cap;
	enum band band;
	int provider_24h; /* 0: none is known */
	int external_24h; /* seen in Sent and not ours */
	int margin;
	bool limit_hit_yesterday;
	int days_back; /* 1, 2: the first days after more than a day away; 0 otherwise */
};
int ramp_day_cap(const struct ramp_facts *f, enum ramp_bound *ret_bound);
const char *ramp_bound_name(enum ramp_bound b);

/* The cap of an inbox that comes back in mid-day: what is left of it goes down with what is left of
 * the window, so that nothing that waited goes out in a burst.  Never above `cap`, never below
 * `used`. */
int ramp_cap_on_return(int cap, int used, double window_left_s, double window_s);

#endif
