#include <math.h>
#include <string.h>

#include "rotation/ramp.h"

#define GOOD_SHARE 0.6
#define IDLE_DAYS  14

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int index_of(double k)
{
	return k > 0 ? least((int)k, RAMP_INDEX_MOST) : 0;
}

int ramp_cap(enum ramp_preset p, int k, int target)
{
	k = index_of(k);
	switch (p) {
	case RAMP_COLD:
		return least(5 + 2 * k, target);
	case RAMP_STANDARD:
		return least(10 + 5 * k, target);
	case RAMP_GEOMETRIC:
		/* as doubles: 1.1^400 fits there, and not into an int */
		return (int)fmin(ceil(10 * pow(1.1, k) - 1e-9), target);
	case RAMP_ESTABLISHED:
		break;
	}
	return target;
}

int ramp_after(int k, const struct ramp_day *d)
{
	if (d->limit_hit || d->bounced)
		return index_of(k - fmax(2, ceil(0.3 * k)));
	if (d->sent > 0 && d->sent >= GOOD_SHARE * d->cap && d->worst == BAND_HEALTHY)
		return index_of(k + 1.0);
	return index_of(k);
}

int ramp_after_idle(int k, int days)
{
	return days < IDLE_DAYS ? index_of(k) : index_of(k - floor(days / 2.0));
}

static const char *const preset_names[] = {
	[RAMP_COLD] = "cold",
	[RAMP_STANDARD] = "standard",
	[RAMP_GEOMETRIC] = "geometric",
	[RAMP_ESTABLISHED] = "established",
};

const char *ramp_preset_name(enum ramp_preset p)
{
	return preset_names[p];
}

bool ramp_preset_of(const char *name, enum ramp_preset *ret)
{
	for (int p = RAMP_COLD; p <= RAMP_ESTABLISHED; p++)
		if (strcmp(name, preset_names[p]) == 0) {
			*ret = (enum ramp_preset)p;
			return true;
		}
	return false;
}

static void bind(int *cap, int limit, enum ramp_bound by, enum ramp_bound *bound)
{
	if (limit >= *cap)
		return;
	*cap = limit > 0 ? limit : 0;
	*bound = by;
}

int ramp_day_cap(const struct ramp_facts *f, enum ramp_bound *ret_bound)
{
	enum ramp_bound bound = RAMP_BY_POLICY;
	const int policy = f->policy_cap > 0 ? f->policy_cap : 0;
	int cap = policy;

	bind(&cap, ramp_cap(f->preset, f->k, policy), RAMP_BY_RAMP, &bound);
	bind(&cap, (int)floor(band_volume(f->band) * policy), RAMP_BY_HEALTH, &bound);
	if (f->provider_24h > 0)
		bind(&cap, f->provider_24h - f->external_24h - f->margin, RAMP_BY_PROVIDER, &bound);
	if (f->limit_hit_yesterday)
		bind(&cap, cap / 2, RAMP_BY_LIMIT_HIT, &bound);
	if (f->days_back == 1)
		bind(&cap, cap / 2, RAMP_BY_RETURN, &bound);
	else if (f->days_back == 2)
		bind(&cap, cap * 3 / 4, RAMP_BY_RETURN, &bound);
	*ret_bound = bound;
	return cap;
}

const char *ramp_bound_name(enum ramp_bound b)
{
	static const char *const names[] = {
		[RAMP_BY_POLICY] = "policy",       [RAMP_BY_RAMP] = "ramp",
		[RAMP_BY_HEALTH] = "health",       [RAMP_BY_PROVIDER] = "provider",
		[RAMP_BY_LIMIT_HIT] = "limit_hit", [RAMP_BY_RETURN] = "return",
	};

	return names[b];
}

int ramp_cap_on_return(int cap, int used, double window_left_s, double window_s)
{
	const int left = cap > used ? cap - used : 0;
	const double share = window_s > 0 ? fmin(fmax(window_left_s / window_s, 0), 1) : 0;

	return cap > used ? used + (int)floor(left * share) : cap;
}
