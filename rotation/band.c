#include "rotation/band.h"

#define HOUR_US 3600000000LL

static const struct {
	const char *name;
	double from; /* the least score that may stay in it */
	double volume, gap;
	double rise_at;  /* the score that leads upward, */
	int64_t rise_us; /* held for so long */
} bands[] = {
	[BAND_HEALTHY] = { "healthy", 85, 1.0, 1.0, 0, 0 },
	[BAND_WATCH] = { "watch", 70, 0.7, 1.5, 88, 24 * HOUR_US },
	[BAND_THROTTLED] = { "throttled", 50, 0.5, 2.0, 75, 72 * HOUR_US },
	/* Who sends nothing earns no score: the time and the probation lead out. */
	[BAND_QUARANTINED] = { "quarantined", 0, 0.0, 2.0, 0, 7 * 24 * HOUR_US },
};

void band_init(struct band_state *s, int64_t now_us)
{
	*s = (struct band_state){ .band = BAND_HEALTHY,
				  .since_us = now_us,
				  .fit_us = BAND_NEVER,
				  .until_us = BAND_NEVER };
}

static enum band band_of(double score)
{
	int b = BAND_HEALTHY;

	while (b < BAND_QUARANTINED && !(score >= bands[b].from))
		b++;
	return (enum band)b;
}

static bool enter(struct band_state *s, enum band b, int64_t now_us)
{
	band_init(s, now_us);
	s->band = b;
	return true;
}

bool band_sink(struct band_state *s, enum band to, int64_t for_us, int64_t now_us)
{
	const bool worse = to > s->band;

	if (to < s->band)
		return false;
	if (worse)
		enter(s, to, now_us);
	/* The same order again lasts longer; it never turns a band that the score gave into one
	 * that ends. */
	if (for_us > 0 && (worse || s->until_us != BAND_NEVER) && now_us + for_us > s->until_us)
		s->until_us = now_us + for_us;
	return worse;
}

/* Has it been in the band, and fit to leave it, for long enough? */
static bool earned(struct band_state *s, double score, bool probed, int64_t now_us)
{
	if (s->until_us != BAND_NEVER) {
		if (now_us < s->until_us)
			return false;
		s->until_us = BAND_NEVER;
		return band_of(score) < s->band;
	}
	if (!(score >= bands[s->band].rise_at)) {
		s->fit_us = BAND_NEVER;
		return false;
	}
	if (s->fit_us == BAND_NEVER || s->fit_us > now_us)
		s->fit_us = now_us;
	return now_us - s->fit_us >= bands[s->band].rise_us &&
	       (s->band != BAND_QUARANTINED || probed);
}

bool band_note(struct band_state *s, double score, bool probed, int64_t now_us)
{
	if (band_sink(s, band_of(score), 0, now_us))
		return true;
	return s->band != BAND_HEALTHY && earned(s, score, probed, now_us) &&
	       enter(s, (enum band)(s->band - 1), now_us);
}

double band_volume(enum band b)
{
	return bands[b].volume;
}

double band_gap(enum band b)
{
	return bands[b].gap;
}

const char *band_name(enum band b)
{
	return bands[b].name;
}
