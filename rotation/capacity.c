#include "rotation/capacity.h"

#include <math.h>

void capacity_begin(const struct capacity_day *d, struct pick_inbox *i, enum ramp_bound *ret_bound)
{
	i->cap = ramp_day_cap(&d->ramp, ret_bound);
	/* A share that is kept as a float is a little beside itself: 0.6 of 5 are 3. */
	i->cap_new = (int)ceil(i->cap * d->cap_new_share - 1e-6);
	i->used = i->used_new = 0;
	i->next_allowed_us = PICK_NEVER;
	i->opens_us = d->opens_us;
	i->closes_us = d->closes_us;
	i->day_ends_us = d->ends_us;
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int at_least_0(int n)
{
	return n > 0 ? n : 0;
}

/* It will not send any more today, whatever is left of its cap. */
static bool is_over(const struct pick_inbox *i, enum refusal r, int64_t lifts_us, int64_t now_us)
{
	if (i->opens_us >= i->closes_us || now_us >= i->closes_us)
		return true;
	if (r == REFUSAL_NONE)
		return false;
	return lifts_us == PICK_NEVER || lifts_us >= i->closes_us;
}

struct capacity capacity_of(const struct pick_inbox *i, int64_t now_us)
{
	struct pick_ask ask = { .kind = SENDABLE_FIRST, .provider = PICK_ANY, .now_us = now_us };
	struct capacity c = { 0 };
	int left = least(i->cap - i->used,
			 least(i->rolling_left, least(i->domain_left, i->tenant_left)));

	c.first = pick_refusal(&ask, i, &c.first_lifts_us);
	ask.kind = SENDABLE_FOLLOWUP;
	c.follow_up = pick_refusal(&ask, i, &c.follow_up_lifts_us);
	if (!is_over(i, c.follow_up, c.follow_up_lifts_us, now_us))
		c.left = at_least_0(left);
	if (!is_over(i, c.first, c.first_lifts_us, now_us))
		c.left_new = at_least_0(least(left, i->cap_new - i->used_new));
	return c;
}
