#ifndef ROTATION_HEALTH_H
#define ROTATION_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How well an inbox stands with those it mails, 0 to 100, and why.
 *
 *   score = 100 * product over the signals of (1 - weight * clamp((rate - lo) / (hi - lo), 0, 1))
 *
 * A product: no signal that worsens ever raises the score, and each alone takes
 * no more than its weight.  Rates are smoothed with those of the pool, as if 50 mails had gone out
 * at the pool's rate, so that one bounce of four mails says little.  What is not known takes
 * nothing: unknown is not bad, and not good either, which `confidence` says.
 */
#define HEALTH_PRIOR_MAILS  50.0
#define HEALTH_HALF_LIFE_S  (7LL * 24 * 3600)
#define HEALTH_REPLIES_FROM 200.0 /* mails, below which few replies say nothing */
#define HEALTH_UNKNOWN      (-1.0)

/* How often something happened, forgetting half of it in a week.  Zero is "never". */
struct health_tally {
	double weight;
	int64_t at_us; /* what `weight` was true at; unix microseconds */
};
/* In any order: a happening from before weighs what it would by now. */
void health_tally_add(struct health_tally *t, double amount, int64_t at_us);
double health_tally_at(const struct health_tally *t, int64_t now_us);

enum health_signal {
	HEALTH_HARD_BOUNCE,
	HEALTH_POLICY_BLOCK,
	HEALTH_COMPLAINT,
	HEALTH_UNSUBSCRIBE,   /* and hostile replies */
	HEALTH_REPLY_DEFICIT, /* 1 - replies / what the pool gets */
	HEALTH_LIMIT_HIT,
	HEALTH_DOWNTIME,
	HEALTH_REFRESH_FAILURE,
	HEALTH_PLACEMENT, /* 1 - share of test mails that reached the inbox */
	HEALTH_SIGNALS
};
const char *health_signal_name(enum health_signal s); /* "hard_bounce"... */

struct health_facts {
	double sent; /* tallies, as of now */
	double happened[HEALTH_UNSUBSCRIBE + 1];
	double pool_rate[HEALTH_UNSUBSCRIBE + 1]; /* HEALTH_UNKNOWN: as if nothing ever happened */
	double replies;
	double pool_replies;     /* a mail's chance of a reply in the pool; HEALTH_UNKNOWN */
	double limit_hits_7d;    /* plain counts and shares from here on */
	double downtime_24h;     /* 0..1; HEALTH_UNKNOWN */
	double refresh_failures; /* in a row */
	double placement_lost;   /* 0..1; HEALTH_UNKNOWN: nobody measures it */
};

struct health_factor {
	enum health_signal signal;
	double rate;   /* what was looked at */
	double factor; /* what it leaves of the score: 0..1 */
};
struct health {
	double score;      /* 0..100 */
	double confidence; /* 0..1: how much the inbox itself has shown */
	struct health_factor factors[HEALTH_SIGNALS]; /* those below 1, heaviest first */
	size_t n_factors;
};
void health_of(const struct health_facts *f, struct health *ret);

#endif
