#include <math.h>

#include "rotation/health.h"

static const struct {
	const char *name;
	double lo, hi, weight;
} signals[HEALTH_SIGNALS] = {
	[HEALTH_HARD_BOUNCE] = { "hard_bounce", 0.01, 0.05, 0.60 },
	[HEALTH_POLICY_BLOCK] = { "policy_block", 0.005, 0.03, 0.80 },
	[HEALTH_COMPLAINT] = { "complaint", 0.0005, 0.003, 0.90 },
	[HEALTH_UNSUBSCRIBE] = { "unsubscribe", 0.02, 0.06, 0.30 },
	[HEALTH_REPLY_DEFICIT] = { "reply_deficit", 0.5, 1.0, 0.25 },
	[HEALTH_LIMIT_HIT] = { "limit_hit", 0, 3, 0.50 },
	[HEALTH_DOWNTIME] = { "downtime", 0.005, 0.10, 0.40 },
	[HEALTH_REFRESH_FAILURE] = { "refresh_failure", 0, 5, 0.40 },
	[HEALTH_PLACEMENT] = { "placement", 0.10, 0.40, 0.40 },
};

const char *health_signal_name(enum health_signal s)
{
	return signals[s].name;
}

static double faded(double weight, int64_t from_us, int64_t to_us)
{
	return to_us <= from_us ? weight
				: weight * exp2(-((double)to_us - (double)from_us) /
						(HEALTH_HALF_LIFE_S * 1e6));
}

void health_tally_add(struct health_tally *t, double amount, int64_t at_us)
{
	if (at_us >= t->at_us || t->weight == 0) {
		t->weight = faded(t->weight, t->at_us, at_us) + amount;
		t->at_us = at_us;
	} else {
		t->weight += faded(amount, at_us, t->at_us);
	}
}

double health_tally_at(const struct health_tally *t, int64_t now_us)
{
	return faded(t->weight, t->at_us, now_us);
}

static double clamped(double x)
{
	return x > 0 ? (x < 1 ? x : 1) : 0; /* what is no number is nothing */
}

static double rate_of(const struct health_facts *f, enum health_signal s)
{
	double sent = fmax(f->sent, 0), prior;

	switch (s) {
	case HEALTH_HARD_BOUNCE:
	case HEALTH_POLICY_BLOCK:
	case HEALTH_COMPLAINT:
	case HEALTH_UNSUBSCRIBE:
		prior = fmax(f->pool_rate[s], 0) * HEALTH_PRIOR_MAILS;
		return (f->happened[s] + prior) / (sent + HEALTH_PRIOR_MAILS);
	case HEALTH_REPLY_DEFICIT:
		if (sent < HEALTH_REPLIES_FROM || !(f->pool_replies > 0))
			return HEALTH_UNKNOWN;
		return 1 - f->replies / sent / f->pool_replies;
	case HEALTH_LIMIT_HIT:
		return f->limit_hits_7d;
	case HEALTH_DOWNTIME:
		return f->downtime_24h;
	case HEALTH_REFRESH_FAILURE:
		return f->refresh_failures;
	case HEALTH_PLACEMENT:
		return f->placement_lost;
	case HEALTH_SIGNALS:
		break;
	}
	return HEALTH_UNKNOWN;
}

static void weigh(struct health *h, enum health_signal s, double rate)
{
	const double factor = 1 - signals[s].weight * clamped((rate - signals[s].lo) /
							      (signals[s].hi - signals[s].lo));
	size_t i;

	if (!(factor < 1))
		return;
	h->score *= factor;
	for (i = h->n_factors++; i > 0 && h->factors[i - 1].factor > factor; i--)
		h->factors[i] = h->factors[i - 1];
	h->factors[i] = (struct health_factor){ .signal = s, .rate = rate, .factor = factor };
}

void health_of(const struct health_facts *f, struct health *ret)
{
	const double sent = fmax(f->sent, 0);

	ret->score = 100;
	ret->confidence = sent / (sent + HEALTH_PRIOR_MAILS);
	ret->n_factors = 0;
	for (int s = 0; s < HEALTH_SIGNALS; s++)
		weigh(ret, (enum health_signal)s, rate_of(f, (enum health_signal)s));
}
