#include "ingest/worker_proof.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_gap(struct folder_proofs *q, const char *inbox);
static void on_proven(struct folder_proofs *q);

#define PROOF_MS 1000 /* one statement a second for all inboxes */
#define PROOFS   1000 /* rows of it */

void worker_proof_init(struct worker *w)
{
	list_init(&w->proof.prove);
	w->proof.at_ms = WORKER_NEVER;
}

void worker_proof_clear(struct worker *w)
{
	free(w->proof.sent);
	w->proof.sent = NULL;
}

uint64_t worker_proof_due(const struct worker *w)
{
	return w->proof.at_ms;
}

void worker_proof_cancel(struct worker *w)
{
	pg_tx_cancel(&w->proof.q.tx);
	w->proof.is_under_way = false;
}

void worker_proof_wanted(void *owner)
{
	struct seat *s = owner;
	struct worker_proof *p = &s->worker->proof;

	worker_probe_proven(s->worker);
	list_remove(&s->prove);
	list_append(&p->prove, &s->prove);
	if (p->at_ms == WORKER_NEVER && !p->is_under_way) {
		p->at_ms = clock_mono_ms();
		worker_arm(s->worker);
	}
}

void worker_proof_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_proof *p = &w->proof;
	struct list *first;

	(void)now_ms;
	p->at_ms = WORKER_NEVER;
	if (p->is_under_way)
		return;
	if (!p->sent)
		p->sent = mem_new(PROOFS * sizeof(*p->sent));
	p->n_sent = 0;
	while (p->n_sent < PROOFS && (first = list_first(&p->prove))) {
		struct seat *s = container_of(first, struct seat, prove);

		list_remove(first);
		p->n_sent +=
			mailbox_take_proofs(s->mailbox, p->sent + p->n_sent, PROOFS - p->n_sent);
	}
	p->q.gap = on_gap;
	p->q.done = on_proven;
	if (p->n_sent > 0)
		p->is_under_way =
			folder_proofs_start(w->p.mailbox.pg, &p->q, p->sent, p->n_sent) == 0;
}

/* Somebody took it for blind while it was not, or was so without our knowing. */
static void on_gap(struct folder_proofs *q, const char *inbox)
{
	struct seat *s = worker_seat_find(container_of(q, struct worker, proof.q), inbox);

	if (s)
		mailbox_gap_open(s->mailbox);
}

static void on_proven(struct folder_proofs *q)
{
	struct worker *w = container_of(q, struct worker, proof.q);
	struct worker_proof *p = &w->proof;

	p->is_under_way = false;
	/* A proof that was not written is no harm, there is a later one; but why was it not? */
	if (outcome_ok(&q->outcome) && q->written < (int64_t)p->n_sent)
		worker_walk_soon(w);
	p->at_ms = list_is_empty(&p->prove) ? WORKER_NEVER : clock_mono_ms() + PROOF_MS;
	worker_arm(w);
}
