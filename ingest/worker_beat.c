#include "ingest/worker_beat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"

static void on_beaten(struct fleet_beat *q);

#define DRAIN_BEAT_MS 200 /* who leaves wants to know soon that he may */

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

void worker_beat_clear(struct worker *w)
{
	free(w->beat.peers);
	w->beat.peers = NULL;
	w->beat.n_peers = 0;
}

void worker_beat_tick(struct worker *w, uint64_t now_ms)
{
	const struct fleet_self self = {
		.worker = w->p.id,
		.host = w->beat.host,
		.slot = w->p.slot,
		.pid = (int)getpid(),
		.capacity = w->p.capacity,
		.held = worker_held(w),
		.live = (int64_t)worker_live(w),
		.is_draining = w->state == WORKER_DRAINING,
	};
	uint64_t apart_ms = w->p.heartbeat_ms;

	if (w->state == WORKER_DRAINING && apart_ms > DRAIN_BEAT_MS)
		apart_ms = DRAIN_BEAT_MS;
	w->beat.at_ms = now_ms + apart_ms;
	if (w->beat.is_under_way)
		return;
	w->beat.is_of_drain = self.is_draining;
	w->beat.is_under_way = fleet_beat_start(w->p.mailbox.pg, &w->beat.q, &self, on_beaten) == 0;
}

/* ---- who else ---- */

/* Nobody else can be this slot's process: whoever started us vouches for that. */
static bool is_predecessor(const struct worker *w, const struct fleet_worker *f)
{
	return w->p.slot[0] && strcmp(f->slot, w->p.slot) == 0 && strcmp(f->worker, w->p.id) != 0;
}

static void look_round(struct worker *w, const struct fleet_beat *q, uint64_t now_ms)
{
	struct worker_beat *b = &w->beat;
	bool is_first = b->answered_ms == 0;

	liveness_begin(&b->liveness, now_ms);
	for (size_t i = 0; i < q->n_workers; i++) {
		liveness_saw(&b->liveness, q->workers[i].worker, q->workers[i].beat, now_ms);
		if (is_first && is_predecessor(w, &q->workers[i]))
			liveness_told_dead(&b->liveness, q->workers[i].worker);
	}
	liveness_end(&b->liveness);
	worker_beat_clear(w);
	b->peers = mem_new((q->n_workers + 1) * sizeof(*b->peers));
	for (size_t i = 0; i < q->n_workers; i++) {
		const struct fleet_worker *f = &q->workers[i];
		struct worker_peer *p = &b->peers[b->n_peers];

		if (strcmp(f->worker, w->p.id) == 0) {
			b->is_told_to_drain = f->is_draining;
			continue;
		}
		(void)snprintf(p->worker, sizeof(p->worker), "%s", f->worker);
		p->capacity = f->capacity;
		p->held = f->held;
		p->is_draining = f->is_draining;
		p->is_alive = liveness_is_alive(&b->liveness, f->worker, now_ms);
		p->is_replaced = is_predecessor(w, f);
		p->is_neighbour = b->host[0] && strcmp(b->host, f->host) == 0;
		b->n_peers++;
	}
}

/* Who shares our address with us, ourselves too. */
static unsigned neighbours(const struct worker_beat *b)
{
	unsigned n = 1;

	for (size_t i = 0; i < b->n_peers; i++)
		n += b->peers[i].is_alive && b->peers[i].is_neighbour;
	return n;
}

int64_t worker_beat_share(const struct worker *w, int64_t capacity, int64_t all)
{
	int64_t capacities = worker_is_draining(w) ? 0 : w->p.capacity;

	for (size_t i = 0; i < w->beat.n_peers; i++)
		if (w->beat.peers[i].is_alive && !w->beat.peers[i].is_draining)
			capacities += w->beat.peers[i].capacity;
	return capacities ? (all * capacity + capacities - 1) / capacities : all;
}

int64_t worker_beat_others_hold(const struct worker *w)
{
	int64_t held = 0;

	for (size_t i = 0; i < w->beat.n_peers; i++)
		held += w->beat.peers[i].is_alive ? w->beat.peers[i].held : 0;
	return held;
}

bool worker_beat_others_have_room(const struct worker *w)
{
	for (size_t i = 0; i < w->beat.n_peers; i++) {
		const struct worker_peer *p = &w->beat.peers[i];

		if (!p->is_replaced && !p->is_draining && p->held < p->capacity)
			return true;
	}
	return false;
}

static size_t n_dead(const struct worker_beat *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_peers; i++)
		n += !b->peers[i].is_alive;
	return n;
}

static void on_beaten(struct fleet_beat *q)
{
	struct worker *w = container_of(q, struct worker, beat.q);
	struct worker_beat *b = &w->beat;
	uint64_t now_ms = clock_mono_ms();
	size_t dead = n_dead(b), peers = b->n_peers;

	b->is_under_way = false;
	if (!outcome_ok(&q->outcome)) {
		worker_beat_blind(w);
		if (q->outcome.blame != BLAME_NET)
			log_error(&w->log, "worker.beat", "blame=%s what=%s said=%s",
				  outcome_blame_name(q->outcome.blame), q->outcome.what,
				  q->outcome.said);
		return;
	}
	look_round(w, q, now_ms);
	worker_lane_share(w, neighbours(b));
	/* Nobody has seen us beat for as long as a lease lasts: what we hold may be another's. */
	if (b->answered_ms && now_ms - b->answered_ms > w->p.lease_ms) {
		log_warn(&w->log, "worker.was_silent", "ms=%llu",
			 (unsigned long long)(now_ms - b->answered_ms));
		worker_walk_all(w);
	}
	if (!b->answered_ms) {
		worker_walk_all(w);
		worker_recheck_soon(w);
	} else if (n_dead(b) > dead || b->n_peers < peers) {
		worker_walk_soon(w);
	}
	b->answered_ms = now_ms;
	if (b->is_of_drain)
		worker_drained(w);
}
