#include "ingest/worker_beat.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"

static void on_beaten(struct lease_beat *q);

void worker_beat_init(struct worker *w)
{
	const struct worker_params *p = &w->p;
	const struct liveness_params lp = {
		.silence_ms = p->lease_ms,
		.grace_ms = p->grace_ms,
		.blind_ms = p->lease_ms / 2 > 2 * p->heartbeat_ms ? p->lease_ms / 2
								  : 2 * p->heartbeat_ms,
	};

	liveness_init(&w->beat.liveness, &lp);
	(void)gethostname(w->beat.host, sizeof(w->beat.host) - 1); /* for people; "" does too */
}

uint64_t worker_beat_due(const struct worker *w)
{
	return w->beat.at_ms;
}

void worker_beat_soon(struct worker *w)
{
	w->beat.at_ms = clock_mono_ms();
	worker_arm(w);
}

void worker_beat_blind(struct worker *w)
{
	liveness_blind(&w->beat.liveness);
}

void worker_beat_cancel(struct worker *w)
{
	pg_tx_cancel(&w->beat.q.tx);
	w->beat.is_under_way = false;
}

void worker_beat_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_beat *b = &w->beat;

	b->at_ms = now_ms + w->p.heartbeat_ms;
	if (!b->is_under_way)
		b->is_under_way = lease_beat_start(w->p.mailbox.pg, &b->q, w->p.id, b->host,
						   (int)getpid(), w->p.capacity, on_beaten) == 0;
}

/* Who beats, and how much they can hold together. */
static void look_round(struct worker_beat *b, const struct lease_beat *q, uint64_t now_ms)
{
	liveness_begin(&b->liveness, now_ms);
	for (size_t i = 0; i < q->n_workers; i++)
		liveness_saw(&b->liveness, q->workers[i].worker, q->workers[i].beat, now_ms);
	liveness_end(&b->liveness);
	b->living_capacity = 0;
	for (size_t i = 0; i < q->n_workers; i++)
		if (liveness_is_alive(&b->liveness, q->workers[i].worker, now_ms))
			b->living_capacity += q->workers[i].capacity;
}

static void on_beaten(struct lease_beat *q)
{
	struct worker *w = container_of(q, struct worker, beat.q);
	struct worker_beat *b = &w->beat;
	uint64_t now_ms = clock_mono_ms();

	b->is_under_way = false;
	if (!outcome_ok(&q->outcome)) {
		worker_beat_blind(w);
		if (q->outcome.blame != BLAME_NET)
			log_error(&w->log, "worker.beat", "blame=%s what=%s said=%s",
				  outcome_blame_name(q->outcome.blame), q->outcome.what,
				  q->outcome.said);
		return;
	}
	/* Nobody has seen us beat for as long as a lease lasts: what we hold may be another's. */
	if (b->answered_ms && now_ms - b->answered_ms > w->p.lease_ms) {
		log_warn(&w->log, "worker.was_silent", "ms=%llu",
			 (unsigned long long)(now_ms - b->answered_ms));
		worker_walk_soon(w);
	}
	if (!b->answered_ms) {
		worker_walk_soon(w);
		worker_recheck_soon(w);
	}
	b->answered_ms = now_ms;
	look_round(b, q, now_ms);
}
