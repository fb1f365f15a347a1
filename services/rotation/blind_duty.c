#include "services/rotation/blind_duty.h"

#include "base/mem.h"

static void on_due(struct timer *t);
static void on_swept(struct gap_open *q);

#define EVERY_MS 5000
#define AGAIN_MS 100  /* a portion was opened: perhaps there are more */
#define PORTION  1000 /* gaps in one transaction: a tenth of a second or two */

void blind_duty_open(struct blind_duty *d, struct role *role, struct pg *pg)
{
	d->role = role;
	d->pg = pg;
	timer_open(&d->timer, &role->loop, on_due);
	timer_in(&d->timer, 0);
}

void blind_duty_drop(struct blind_duty *d)
{
	pg_tx_cancel(&d->sweep.tx);
	timer_drop(&d->timer, NULL);
}

/* The workers had time to say what they have proven. */
static bool may_open(const struct blind_duty *d)
{
	int64_t grace_us = (int64_t)d->role->settings->ingest_grace_ms * 1000;

	return d->seen_us && d->up_ms && d->up_ms == pg_up_since_ms(d->pg) &&
	       d->seen_us - d->steady_us >= grace_us;
}

static void on_due(struct timer *t)
{
	struct blind_duty *d = container_of(t, struct blind_duty, timer);

	if (gap_open_start(d->pg, &d->sweep, may_open(d) ? PORTION : 0, d->seen_us, on_swept) != 0)
		timer_in(t, EVERY_MS);
}

static void on_swept(struct gap_open *q)
{
	struct blind_duty *d = container_of(q, struct blind_duty, sweep);
	uint64_t up_ms = pg_up_since_ms(d->pg);
	bool is_broken = !d->seen_us || !q->now_us || up_ms != d->up_ms ||
			 q->now_us - d->seen_us > GAP_PAUSE_S * INT64_C(1000000) ||
			 q->now_us < d->seen_us;

	if (!outcome_ok(&q->outcome))
		log_warn(&d->role->log, "gap.failed", "what=%s said=%s", q->outcome.what,
			 q->outcome.said);
	if (q->opened > 0)
		log_warn(&d->role->log, "gap.opened", "inboxes=%lld", (long long)q->opened);
	if (is_broken)
		d->steady_us = q->now_us;
	d->seen_us = q->now_us;
	d->up_ms = up_ms;
	timer_in(&d->timer, q->opened == PORTION ? AGAIN_MS : EVERY_MS);
}
