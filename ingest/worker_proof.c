#include "ingest/worker_proof.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_gap(struct folder_proofs *q, const char *inbox);
static void on_proven(struct folder_proofs *q);

#define PROOF_MS 1000 /* one statement a second for all inboxes, or sooner */
#define PROOFS   1000 /* rows of it */

void worker_proof_init(struct worker *w)
{
	list_init(&w->proof.prove);
	for (size_t i = 0; i < WORKER_PROOF_SLOTS; i++)
		list_init(&w->proof.later[i]);
	w->proof.at_ms = WORKER_NEVER;
}

void worker_proof_clear(struct worker *w)
{
	free(w->proof.sent);
	w->proof.sent = NULL;
}

uint64_t worker_proof_due(const struct worker *w)
{
	const struct worker_proof *p = &w->proof;
	uint64_t turn_ms = p->n_later ? (p->turned_s + 1) * 1000 : WORKER_NEVER;

	return turn_ms < p->at_ms ? turn_ms : p->at_ms;
}

void worker_proof_cancel(struct worker *w)
{
	pg_tx_cancel(&w->proof.q.tx);
	w->proof.is_under_way = false;
}

/* ---- whose turn it is ---- */

void worker_proof_leave(struct seat *s)
{
	if (s->is_later)
		s->worker->proof.n_later--;
	s->is_later = false;
	list_remove(&s->prove);
}

static void write_soon(struct seat *s)
{
	struct worker_proof *p = &s->worker->proof;

	worker_proof_leave(s);
	list_append(&p->prove, &s->prove);
	if (p->at_ms == WORKER_NEVER && !p->is_under_way) {
		p->at_ms = clock_mono_ms();
		worker_arm(s->worker);
	}
}

static void write_at(struct seat *s, uint64_t at_ms)
{
	struct worker_proof *p = &s->worker->proof;
	uint64_t now_s = clock_mono_ms() / 1000, at_s = at_ms / 1000;

	worker_proof_leave(s);
	if (!p->n_later)
		p->turned_s = now_s;
	if (at_s <= p->turned_s)
		at_s = p->turned_s + 1;
	if (at_s >= p->turned_s + WORKER_PROOF_SLOTS)
		at_s = p->turned_s + WORKER_PROOF_SLOTS - 1;
	list_append(&p->later[at_s % WORKER_PROOF_SLOTS], &s->prove);
	s->is_later = true;
	p->n_later++;
	worker_arm(s->worker);
}

static uint64_t again_ms(const struct seat *s)
{
	return s->proved_ms + s->lane->proof_ms / 10 * 9;
}

void worker_proof_wanted(void *owner)
{
	struct seat *s = owner;

	worker_probe_proven(s->worker);
	if (!list_is_empty(&s->prove))
		return;
	if (!s->proved_ms || again_ms(s) < clock_mono_ms() + 1000)
		write_soon(s);
	else
		write_at(s, again_ms(s));
}

void worker_proof_fresh(struct seat *s)
{
	worker_proof_leave(s);
	s->proved_ms = 0;
	s->is_in_step = true;
}

static void take_turn(struct seat *s)
{
	if (s->is_in_step) {
		s->is_in_step = false;
		s->proved_ms = 0;
		worker_proof_leave(s);
		mailbox_probe(s->mailbox);
	} else {
		write_soon(s);
	}
}

static void turn(struct worker_proof *p, uint64_t now_ms)
{
	struct list *first;

	while (p->n_later && p->turned_s < now_ms / 1000) {
		p->turned_s++;
		while ((first = list_first(&p->later[p->turned_s % WORKER_PROOF_SLOTS])))
			take_turn(container_of(first, struct seat, prove));
	}
}

/* ---- writing ---- */

static void written_of(struct seat *s, uint64_t now_ms)
{
	uint64_t interval_ms = s->lane->proof_ms;

	s->proved_ms = now_ms;
	if (s->is_in_step && interval_ms >= 2000)
		write_at(s, now_ms + rand_gen_below(s->worker->p.mailbox.rand, interval_ms));
}

void worker_proof_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_proof *p = &w->proof;
	struct list *first;

	turn(p, now_ms);
	if (now_ms < p->at_ms)
		return;
	p->at_ms = WORKER_NEVER;
	if (p->is_under_way)
		return;
	if (!p->sent)
		p->sent = mem_new(PROOFS * sizeof(*p->sent));
	p->n_sent = 0;
	while (p->n_sent < PROOFS && (first = list_first(&p->prove))) {
		struct seat *s = container_of(first, struct seat, prove);
		size_t n = mailbox_take_proofs(s->mailbox, p->sent + p->n_sent, PROOFS - p->n_sent);

		worker_proof_leave(s);
		p->n_sent += n;
		if (n)
			written_of(s, now_ms);
	}
	p->q.gap = on_gap;
	p->q.done = on_proven;
	if (p->n_sent > 0)
		p->is_under_way =
			folder_proofs_start(w->p.mailbox.pg, &p->q, p->sent, p->n_sent) == 0;
}

/* The fuller the last one was, the sooner the next: ten thousand that were cut come back in
 * seconds. */
static uint64_t wait_ms(const struct worker_proof *p)
{
	return PROOF_MS * (PROOFS - p->n_sent) / PROOFS;
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
	p->at_ms = list_is_empty(&p->prove) ? WORKER_NEVER : clock_mono_ms() + wait_ms(p);
	worker_arm(w);
}
