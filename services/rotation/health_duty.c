#include "services/rotation/health_duty.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "rotation/judge.h"

static void on_due(struct timer *t);
static void on_counted(struct standing *q);
static void on_read(struct standing *q);
static void on_judged(struct standing *q);

#define EVERY_MS 5000
#define TURN_MS  (10 * 60 * 1000) /* of an inbox of which nothing bad is said */
#define TALLIES  10000            /* in one transaction: a tenth of a second or two */

void health_duty_open(struct health_duty *d, struct loop *loop, const struct log *log,
		      struct pg *pg)
{
	d->log = log;
	d->pg = pg;
	timer_open(&d->timer, loop, on_due);
	timer_in(&d->timer, 0);
}

void health_duty_drop(struct health_duty *d)
{
	pg_tx_cancel(&d->standing.tx);
	timer_drop(&d->timer, NULL);
}

static void rest(struct health_duty *d)
{
	d->rows++;
	timer_in(&d->timer, EVERY_MS);
}

/* False: the row ends here, and begins anew after a rest. */
static bool goes_on(struct health_duty *d)
{
	const struct outcome *o = &d->standing.outcome;

	if (outcome_ok(o))
		return true;
	log_warn(d->log, "health.failed", "what=%s said=%s", o->what, o->said);
	rest(d);
	return false;
}

static void started(struct health_duty *d, int r)
{
	if (r)
		rest(d);
}

static void on_due(struct timer *t)
{
	struct health_duty *d = container_of(t, struct health_duty, timer);

	started(d, standing_count_start(d->pg, &d->standing, TALLIES, on_counted));
}

static void look(struct health_duty *d)
{
	started(d, standing_due_start(d->pg, &d->standing, TURN_MS, HEALTH_HALF_LIFE_S, on_read));
}

static void on_counted(struct standing *q)
{
	struct health_duty *d = container_of(q, struct health_duty, standing);

	if (!goes_on(d))
		return;
	if (q->n == TALLIES)
		started(d, standing_count_start(d->pg, q, TALLIES, on_counted));
	else
		look(d);
}

static struct judge_facts facts_of(const struct standing_row *r)
{
	struct judge_facts f = {
		.health = { .sent = r->sent,
			    .happened = { [HEALTH_HARD_BOUNCE] = r->hard,
					  [HEALTH_POLICY_BLOCK] = r->blocked,
					  [HEALTH_COMPLAINT] = r->complained,
					  [HEALTH_UNSUBSCRIBE] = r->unsubscribed },
			    .replies = r->replied,
			    .pool_replies = HEALTH_UNKNOWN,
			    .limit_hits_7d = (double)r->limits_7d,
			    .downtime_24h = HEALTH_UNKNOWN,
			    .placement_lost = HEALTH_UNKNOWN },
		.guard = { .sent = (unsigned)r->sent_7d,
			   .hard_bounces = (unsigned)r->hard_7d,
			   .complaints = (unsigned)r->complained_7d,
			   .blocks_1h = (unsigned)r->blocked_1h },
		.is_news = r->is_news,
		.bad_7d = (unsigned)r->bad_7d,
	};

	for (size_t i = 0; i < countof(f.health.pool_rate); i++)
		f.health.pool_rate[i] = HEALTH_UNKNOWN;
	return f;
}

/* A word that nobody knows is taken for the worst. */
static enum band band_named(const char *name)
{
	int b = BAND_HEALTHY;

	while (b < BAND_QUARANTINED && strcmp(name, band_name((enum band)b)) != 0)
		b++;
	return (enum band)b;
}

#define FACTOR_LEN 96 /* of one, as JSON: two numbers and three words */

static void tell_factors(const struct health *h, char ret[HEALTH_SIGNALS * FACTOR_LEN])
{
	size_t at = 1;

	ret[0] = '[';
	for (size_t i = 0; i < h->n_factors; i++)
		at += (size_t)snprintf(ret + at, FACTOR_LEN,
				       "%s{\"signal\":\"%s\",\"rate\":%.6f,\"factor\":%.4f}",
				       i ? "," : "", health_signal_name(h->factors[i].signal),
				       h->factors[i].rate, h->factors[i].factor);
	(void)snprintf(ret + at, 2, "]");
}

static void judge_next(struct health_duty *d)
{
	const struct standing_row *r = &d->standing.rows[d->at];
	struct judge_facts f = facts_of(r);
	struct band_state s = { .band = band_named(r->band),
				.since_us = r->since_us,
				.fit_us = r->fit_us,
				.until_us = r->until_us };
	char factors[HEALTH_SIGNALS * FACTOR_LEN + 2];
	struct judge_verdict v;

	judge_standing(&s, r->reason, &f, r->now_us, &v);
	tell_factors(&v.health, factors);
	if (v.has_changed)
		log_info(d->log, "health.band", "inbox=%s was=%s band=%s reason=%s", r->inbox,
			 r->band, band_name(s.band), v.reason);
	const struct standing_verdict told = { .band = band_name(s.band),
					       .reason = v.reason,
					       .since_us = s.since_us,
					       .fit_us = s.fit_us,
					       .until_us = s.until_us,
					       .score = v.health.score,
					       .confidence = v.health.confidence,
					       .volume = v.volume,
					       .stretch = v.stretch,
					       .is_guarded = v.fired != GUARD_NONE,
					       .factors = factors };
	started(d, standing_judge_start(d->pg, &d->standing, r, &told, on_judged));
}

static void on_read(struct standing *q)
{
	struct health_duty *d = container_of(q, struct health_duty, standing);

	if (!goes_on(d))
		return;
	d->at = 0;
	d->n = q->n;
	if (d->n)
		judge_next(d);
	else
		rest(d);
}

static void on_judged(struct standing *q)
{
	struct health_duty *d = container_of(q, struct health_duty, standing);

	if (!goes_on(d))
		return;
	if (q->has_changed)
		pg_notify(d->pg, "replyd_event");
	if (++d->at < d->n)
		judge_next(d);
	else if (d->n == STANDING_ROWS)
		look(d);
	else
		rest(d);
}
