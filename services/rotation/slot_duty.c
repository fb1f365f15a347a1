#include "services/rotation/slot_duty.h"

#include "base/mem.h"

static void on_due(struct timer *t);
static void on_swept(struct slot_upkeep *q);
static void on_unfit(struct slot_upkeep *q);
static void on_silent(struct slot_upkeep *q);
static void on_found(struct slot_upkeep *q);

#define EVERY_MS    1000
#define SILENCE_MS  (120 * 1000)     /* no word after begin: nobody knows what became of it */
#define PATIENCE_MS (30 * 60 * 1000) /* a copy in Sent has come by then, where they come */
#define GRACE_MS    (30 * 1000)      /* a session that is replaced is not blindness */
#define INBOXES     100              /* in one transaction */

void slot_duty_open(struct slot_duty *d, struct role *role, struct pg *pg)
{
	d->role = role;
	d->pg = pg;
	d->after_us = INT64_MIN;
	timer_open(&d->timer, &role->loop, on_due);
	timer_in(&d->timer, EVERY_MS);
}

void slot_duty_drop(struct slot_duty *d)
{
	pg_tx_cancel(&d->upkeep.tx);
	timer_drop(&d->timer, NULL);
}

static void rest(struct slot_duty *d)
{
	if (d->swept)
		log_info(&d->role->log, "slot.swept", "n=%lld", (long long)d->swept);
	d->swept = 0;
	timer_in(&d->timer, EVERY_MS);
}

/* False: the row ends here, and begins anew after a rest. */
static bool goes_on(struct slot_duty *d)
{
	const struct outcome *o = &d->upkeep.outcome;

	if (outcome_ok(o))
		return true;
	log_warn(&d->role->log, "slot.failed", "what=%s said=%s", o->what, o->said);
	rest(d);
	return false;
}

static void started(struct slot_duty *d, int r)
{
	if (r)
		rest(d);
}

static void on_due(struct timer *t)
{
	struct slot_duty *d = container_of(t, struct slot_duty, timer);

	started(d, slot_upkeep_sweep_start(d->pg, &d->upkeep, SILENCE_MS, on_swept));
}

static void on_swept(struct slot_upkeep *q)
{
	struct slot_duty *d = container_of(q, struct slot_duty, upkeep);

	if (!goes_on(d))
		return;
	if (q->what[0]) {
		d->swept++;
		started(d, slot_upkeep_sweep_start(d->pg, q, SILENCE_MS, on_swept));
	} else {
		started(d, slot_upkeep_unfit_start(d->pg, q, GRACE_MS, INBOXES, on_unfit));
	}
}

static void on_unfit(struct slot_upkeep *q)
{
	struct slot_duty *d = container_of(q, struct slot_duty, upkeep);

	if (!goes_on(d))
		return;
	if (q->n)
		log_info(&d->role->log, "slot.revoked", "n=%lld", (long long)q->n);
	started(d, slot_upkeep_silent_start(d->pg, q, d->after_us, on_silent));
}

static void find_next(struct slot_duty *d)
{
	struct slot_upkeep *q = &d->upkeep;

	if (d->at == d->n) {
		rest(d);
		return;
	}
	d->after_us = q->silent[d->at].begun_us;
	started(d, slot_upkeep_find_start(d->pg, q, q->silent[d->at].workspace,
					  q->silent[d->at].slot, PATIENCE_MS, on_found));
}

static void on_silent(struct slot_upkeep *q)
{
	struct slot_duty *d = container_of(q, struct slot_duty, upkeep);

	if (!goes_on(d))
		return;
	d->at = 0;
	d->n = q->n;
	if (!d->n) /* all were looked at: from the start again */
		d->after_us = INT64_MIN;
	find_next(d);
}

static void on_found(struct slot_upkeep *q)
{
	struct slot_duty *d = container_of(q, struct slot_duty, upkeep);

	if (!goes_on(d))
		return;
	if (q->what[0]) {
		log_info(&d->role->log, "slot.found", "as=%s slot=%s", q->what,
			 q->silent[d->at].slot);
		pg_notify(d->pg, "replyd_recheck");
	}
	d->at++;
	find_next(d);
}
