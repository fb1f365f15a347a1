#include "ingest/worker_recheck.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_recheck(struct lease_rechecks *q, const struct lease_recheck *r);
static void on_over(struct lease_rechecks *q);

#define RECHECK_MS 30000

void worker_recheck_init(struct worker *w)
{
	w->recheck.at_ms = WORKER_NEVER; /* after the first beat */
}

uint64_t worker_recheck_due(const struct worker *w)
{
	return w->recheck.at_ms;
}

void worker_recheck_soon(struct worker *w)
{
	w->recheck.at_ms = clock_mono_ms();
	worker_arm(w);
}

void worker_recheck_cancel(struct worker *w)
{
	pg_tx_cancel(&w->recheck.q.tx);
	w->recheck.is_under_way = false;
}

void worker_recheck_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_recheck *r = &w->recheck;

	r->at_ms = now_ms + RECHECK_MS;
	if (!r->is_under_way)
		r->is_under_way = lease_rechecks_start(w->p.mailbox.pg, &r->q, w->p.id, on_recheck,
						       on_over) == 0;
}

static void on_recheck(struct lease_rechecks *q, const struct lease_recheck *r)
{
	struct seat *s = worker_seat_find(container_of(q, struct worker, recheck.q), r->inbox);

	if (s)
		mailbox_recheck(s->mailbox, r->folder, r->uidvalidity, r->uid);
}

static void on_over(struct lease_rechecks *q)
{
	container_of(q, struct worker, recheck.q)->recheck.is_under_way = false;
}
