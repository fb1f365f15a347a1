#include <math.h>

#include "rotation/guard.h"

#define Z      1.28
#define DAY_US 86400000000LL

double guard_wilson_lower(double happened, double of, double z)
{
	double p, mid, half;

	if (!(of > 0) || !(happened > 0))
		return 0;
	p = fmin(happened / of, 1);
	mid = p + z * z / (2 * of);
	half = z * sqrt(p * (1 - p) / of + z * z / (4 * of * of));
	return fmax((mid - half) / (1 + z * z / of), 0);
}

struct guard guard_of(const struct guard_facts *f)
{
	const double bounced = guard_wilson_lower(f->hard_bounces, f->sent, Z);
	const double complained = guard_wilson_lower(f->complaints, f->sent, Z);

	/* Worst first: one order is given. */
	if (f->complaints >= 3 || (f->complaints >= 2 && complained > 0.001))
		return (struct guard){ GUARD_COMPLAINTS, BAND_QUARANTINED, 0,
				       f->complaints >= 3 ? 0 : complained };
	if (f->hard_bounces >= 6 && bounced > 0.05)
		return (struct guard){ GUARD_BOUNCES, BAND_QUARANTINED, DAY_US, bounced };
	if (f->hard_bounces >= 4 && bounced > 0.03)
		return (struct guard){ GUARD_BOUNCES, BAND_THROTTLED, 0, bounced };
	if (f->blocks_1h >= 3)
		return (struct guard){ GUARD_BLOCKS, BAND_THROTTLED, DAY_US, 0 };
	return (struct guard){ GUARD_NONE, BAND_HEALTHY, 0, 0 };
}

const char *guard_cause_name(enum guard_cause c)
{
	switch (c) {
	case GUARD_NONE:
		return "";
	case GUARD_BOUNCES:
		return "bounce_guard";
	case GUARD_COMPLAINTS:
		return "complaints";
	case GUARD_BLOCKS:
		return "policy_blocks";
	}
	return "";
}
