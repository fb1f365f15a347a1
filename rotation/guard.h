#ifndef ROTATION_GUARD_H
#define ROTATION_GUARD_H

#include "rotation/band.h"

/*
 * What stops an inbox before its score would: too many bounces, complaints or
 * blocks to be chance.  Rates are judged by the lower end of their Wilson
 * interval (z = 1.28: nine of ten), so one of four never fires, and each has a
 * floor of plain counts besides.
 *
 *   hard bounces  lower end > 3 %, at least 4      throttled
 *                 lower end > 5 %, at least 6      quarantined for 24 h; the sequence is told
 * (`bounce_guard`) complaints    3 in 7 days, or lower end > 0.1 %, at least 2    quarantined
 *   blocks        3 with the same words in 1 h     throttled for 24 h
 *
 * Source: E. B. Wilson, Probable inference, JASA 22 (1927).
 */
struct guard_facts {
	unsigned sent; /* of the last 7 days */
	unsigned hard_bounces,
		complaints; /* proven ones: unauthenticated evidence never feeds this */
	unsigned blocks_1h; /* the most with the same words */
};

enum guard_cause { GUARD_NONE, GUARD_BOUNCES, GUARD_COMPLAINTS, GUARD_BLOCKS };
struct guard {
	enum guard_cause cause;
	enum band band; /* at least this bad */
	int64_t for_us; /* 0: until the score lets it rise */
	double lower;   /* the lower end that fired; 0: a plain count did */
};
struct guard guard_of(const struct guard_facts *f);
const char *guard_cause_name(enum guard_cause c); /* "bounce_guard"...; "" for none */

double guard_wilson_lower(double happened, double of, double z);

#endif
