#include "services/dispatch/tender.h"

#include "base/clock.h"
#include "base/mem.h"

#define REST_MS 500 /* nothing was to be done */
#define NEXT_MS 60  /* there may be more: it goes on beside everything else */
#define PORTION 500

static void on_tended(struct delivery_tend *q);

void tender_init(struct tender *t, struct pg *pg, const struct log *log)
{
	*t = (struct tender){ .pg = pg, .log = log };
}

void tender_look(struct tender *t)
{
	if (t->state == TENDER_BUSY || clock_mono_ms() < t->next_ms)
		return;
	if (delivery_tend_start(t->pg, &t->query, PORTION, on_tended) == 0)
		t->state = TENDER_BUSY;
}

static void on_tended(struct delivery_tend *q)
{
	struct tender *t = container_of(q, struct tender, query);

	t->state = TENDER_IDLE;
	t->next_ms = clock_mono_ms() + (q->n > 0 ? NEXT_MS : REST_MS);
	/* PostgreSQL's own outage is said by db/pg. */
	if (!outcome_ok(&q->outcome) && q->outcome.blame != BLAME_NET)
		log_warn(t->log, "deliveries.not_tended", "what=%s said=%s", q->outcome.what,
			 q->outcome.said);
	if (q->n > 0)
		t->found(t->owner);
}

void tender_cancel(struct tender *t)
{
	pg_tx_cancel(&t->query.tx);
}
