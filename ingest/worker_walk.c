#include "ingest/worker_walk.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_mine(struct lease_list *q, const struct lease_inbox *i);
static void on_mine_over(struct lease_list *q);
static void on_taken(struct lease_list *q, const struct lease_inbox *i);
static void on_take_over(struct lease_list *q);
static void on_released(struct lease_release *q);

#define WALK_AGAIN_MS 20

void worker_walk_init(struct worker *w)
{
	w->walk.at_ms = WORKER_NEVER;
}

uint64_t worker_walk_due(const struct worker *w)
{
	return w->walk.at_ms;
}

void worker_walk_soon(struct worker *w)
{
	w->walk.at_ms = clock_mono_ms();
	worker_arm(w);
}

void worker_walk_cancel(struct worker *w)
{
	pg_tx_cancel(&w->walk.q.tx);
	pg_tx_cancel(&w->walk.release.tx);
	w->walk.is_under_way = w->walk.is_releasing = false;
}

void worker_walk_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_walk *k = &w->walk;
	struct seat *s;
	size_t at = 0;

	/* What a hint is about may have come behind the walk that is under way. */
	k->at_ms = now_ms + (k->is_under_way ? WALK_AGAIN_MS : w->p.janitor_ms);
	if (k->is_under_way)
		return;
	while ((s = worker_seat_next(w, &at)))
		s->is_seen = false;
	k->is_under_way =
		lease_mine_start(w->p.mailbox.pg, &k->q, w->p.id, on_mine, on_mine_over) == 0;
}

/* An inbox that is not to be watched any more is given back. */
static void give_back(struct worker *w, const struct lease_inbox *i, struct seat *s)
{
	if (s)
		worker_seat_leave(s);
	if (w->walk.is_releasing)
		return; /* the next walk */
	log_info(&w->log, "lease.given_back", "inbox=%s admin_state=%s", i->inbox, i->admin_state);
	w->walk.is_releasing = lease_release_start(w->p.mailbox.pg, &w->walk.release, w->p.id,
						   i->inbox, on_released) == 0;
}

static void on_mine(struct lease_list *q, const struct lease_inbox *i)
{
	struct worker *w = container_of(q, struct worker, walk.q);
	struct seat *s = worker_seat_find(w, i->inbox);

	if (strcmp(i->admin_state, "enabled") != 0) {
		give_back(w, i, s);
		return;
	}
	if (s && mailbox_epoch(s->mailbox) != i->epoch) {
		worker_seat_leave(s);
		s = NULL;
	}
	if (!s) {
		(void)worker_seat_take(w, i);
		return;
	}
	s->is_seen = true;
	mailbox_update(s->mailbox, i);
}

static void on_released(struct lease_release *q)
{
	container_of(q, struct worker, walk.release)->walk.is_releasing = false;
}

static void leave_unseen(struct worker *w)
{
	struct seat *s;
	size_t at = 0;

	while ((s = worker_seat_next(w, &at))) {
		if (s->is_seen)
			continue;
		log_warn(&w->log, "lease.gone", "inbox=%s epoch=%lld", mailbox_inbox(s->mailbox),
			 (long long)mailbox_epoch(s->mailbox));
		worker_seat_leave(s);
	}
}

/*
 * How many more: our share of all there are, by what each living worker can
 * hold.  What nobody takes for as long as a lease is anybody's.
 */
static int64_t more_of(struct worker *w, int64_t watchable, int64_t unheld, uint64_t now_ms)
{
	int64_t all =
		w->beat.living_capacity > w->p.capacity ? w->beat.living_capacity : w->p.capacity;
	int64_t share = (watchable * w->p.capacity + all - 1) / all;

	if (!unheld)
		w->walk.unheld_ms = 0;
	else if (!w->walk.unheld_ms)
		w->walk.unheld_ms = now_ms;
	if (share > w->p.capacity ||
	    (w->walk.unheld_ms && now_ms - w->walk.unheld_ms > w->p.lease_ms))
		share = w->p.capacity;
	return share - (int64_t)map_count(&w->seats);
}

static void on_mine_over(struct lease_list *q)
{
	struct worker *w = container_of(q, struct worker, walk.q);
	const char *dead[LIVENESS_MAX];
	uint64_t now_ms = clock_mono_ms();
	size_t n_dead = 0;
	int64_t more;

	w->walk.is_under_way = false;
	if (!outcome_ok(&q->outcome))
		return;
	leave_unseen(w);
	n_dead = liveness_dead(&w->beat.liveness, now_ms, dead, countof(dead));
	more = more_of(w, q->watchable, q->free, now_ms);
	if (more > 0 && (q->free > 0 || n_dead > 0))
		w->walk.is_under_way = lease_take_start(w->p.mailbox.pg, &w->walk.q, w->p.id, dead,
							n_dead, more, on_taken, on_take_over) == 0;
	worker_arm(w);
}

static void on_taken(struct lease_list *q, const struct lease_inbox *i)
{
	struct worker *w = container_of(q, struct worker, walk.q);

	if (!worker_seat_find(w, i->inbox))
		(void)worker_seat_take(w, i);
	log_info(&w->log, "lease.taken", "inbox=%s epoch=%lld", i->inbox, (long long)i->epoch);
}

static void on_take_over(struct lease_list *q)
{
	struct worker *w = container_of(q, struct worker, walk.q);

	w->walk.is_under_way = false;
	worker_arm(w);
}
