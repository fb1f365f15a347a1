#include "ingest/worker_walk.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_row(struct lease_list *q, const struct lease_inbox *i);
static void on_rows_over(struct lease_list *q);
static void on_taken(struct lease_list *q, const struct lease_inbox *i);
static void on_take_over(struct lease_list *q);
static void on_released(struct lease_release *q);

#define WALK_AGAIN_MS 20
/* While thousands are free: others begin as well, and are to be seen before all is taken. */
#define TAKE_AGAIN_MS 300
#define SUM_EVERY     12  /* walks: once a minute */
#define ALSO_MAX      500 /* held inboxes that are looked at with one walk */

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

void worker_walk_all(struct worker *w)
{
	w->walk.is_all_wanted = true;
	worker_walk_soon(w);
}

void worker_walk_cancel(struct worker *w)
{
	pg_tx_cancel(&w->walk.q.tx);
	pg_tx_cancel(&w->walk.release.tx);
	w->walk.is_under_way = w->walk.is_releasing = false;
}

/* PostgreSQL away is said elsewhere; what it refuses is our mistake. */
static void failed(const struct worker *w, const char *event, const struct outcome *o)
{
	if (o->blame != BLAME_NET)
		log_error(&w->log, event, "blame=%s what=%s said=%s", outcome_blame_name(o->blame),
			  o->what, o->said);
}

/* ---- asking ---- */

/*
 * Who waits for a credential is told by a hint when there is one; and by a look at
 * it, should the hint come too early or not at all.
 */
static size_t pick_held(struct worker *w, const char **ret)
{
	struct worker_walk *k = &w->walk;
	struct seat *s;
	size_t n = 0;

	while (n < ALSO_MAX && (s = worker_seat_next(w, &k->also_at)))
		if (mailbox_state_of(s->mailbox) == MAILBOX_HELD && !s->is_standby)
			ret[n++] = mailbox_inbox(s->mailbox);
	if (n < ALSO_MAX)
		k->also_at = 0;
	return n;
}

static void forget_seen(struct worker *w)
{
	struct seat *s;
	size_t at = 0;

	while ((s = worker_seat_next(w, &at)))
		s->is_seen = false;
}

void worker_walk_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_walk *k = &w->walk;
	const char *also[ALSO_MAX], *dead[LIVENESS_MAX];
	struct lease_walk ask = { .worker = w->p.id, .also = also, .dead = dead };

	/* What a hint is about may have come behind the walk that is under way. */
	k->at_ms = now_ms + (k->is_under_way ? WALK_AGAIN_MS : w->p.janitor_ms);
	if (k->is_under_way)
		return;
	k->is_all = k->is_all_wanted || k->horizon == 0;
	k->is_all_wanted = false;
	if (k->is_all) {
		forget_seen(w);
	} else {
		ask.since = k->horizon;
		ask.n_also = pick_held(w, also);
		ask.with_sum = ++k->since_sum >= SUM_EVERY;
	}
	ask.n_dead = liveness_dead(&w->beat.liveness, now_ms, dead, countof(dead));
	k->is_under_way = lease_walk_start(w->p.mailbox.pg, &k->q, &ask, on_row, on_rows_over) == 0;
}

/* ---- what there is ---- */

/* An inbox that is not to be watched any more is given back. */
static void give_back(struct worker *w, const struct lease_inbox *i, struct seat *s)
{
	if (s)
		worker_seat_leave(s);
	if (w->walk.is_releasing) {
		w->walk.is_all_wanted = true;
		return;
	}
	log_info(&w->log, "lease.given_back", "inbox=%s admin_state=%s", i->inbox, i->admin_state);
	w->walk.is_releasing = lease_release_start(w->p.mailbox.pg, &w->walk.release, w->p.id,
						   i->inbox, on_released) == 0;
}

static void gone(struct seat *s)
{
	struct worker *w = s->worker;

	if (s->is_standby) {
		worker_move_void(s);
		return;
	}
	if (s->is_leaving)
		log_info(&w->log, "lease.handed_over", "inbox=%s epoch=%lld",
			 mailbox_inbox(s->mailbox), (long long)mailbox_epoch(s->mailbox));
	else
		log_warn(&w->log, "lease.gone", "inbox=%s epoch=%lld", mailbox_inbox(s->mailbox),
			 (long long)mailbox_epoch(s->mailbox));
	worker_seat_leave(s);
}

static void on_row(struct lease_list *q, const struct lease_inbox *i)
{
	struct worker *w = container_of(q, struct worker, walk.q);
	struct seat *s = worker_seat_find(w, i->inbox);

	if (!i->is_ours && !i->is_claimed) {
		if (s)
			gone(s);
		return;
	}
	if (!i->is_ours) {
		if (s)
			s->is_seen = true;
		else
			worker_move_stray(w, i->inbox);
		return;
	}
	if (strcmp(i->admin_state, "enabled") != 0) {
		give_back(w, i, s);
		return;
	}
	if (s && s->is_standby)
		worker_move_won(s, i->epoch);
	s = worker_seat_find(w, i->inbox);
	if (s && mailbox_epoch(s->mailbox) != i->epoch) {
		worker_seat_leave(s);
		s = NULL;
	}
	if (!s)
		s = worker_seat_take(w, i);
	else
		mailbox_update(s->mailbox, i);
	s->is_seen = true;
	s->is_leaving = i->is_leaving;
}

static void on_released(struct lease_release *q)
{
	container_of(q, struct worker, walk.release)->walk.is_releasing = false;
}

static void leave_unseen(struct worker *w)
{
	struct seat *s;
	size_t at = 0;

	while ((s = worker_seat_next(w, &at)))
		if (!s->is_seen)
			gone(s);
}

static bool is_sum_right(const struct worker *w, const struct lease_sum *theirs)
{
	struct lease_sum ours = { 0 };
	struct seat *s;
	size_t at = 0;

	while ((s = worker_seat_next(w, &at)))
		if (!s->is_standby)
			lease_sum_add(&ours, mailbox_inbox(s->mailbox), mailbox_epoch(s->mailbox));
	return ours.n == theirs->n && ours.epochs == theirs->epochs && ours.bits == theirs->bits;
}

/*
 * How many more: our share of all there are, by what each living worker can
 * hold.  What nobody takes for as long as a lease is anybody's.
 */
static int64_t more_of(struct worker *w, int64_t unheld, uint64_t now_ms)
{
	int64_t ours = (int64_t)worker_held(w);
	int64_t all = ours + unheld + worker_beat_others_hold(w);
	int64_t share = worker_beat_share(w, w->p.capacity, all);

	if (!unheld)
		w->walk.unheld_ms = 0;
	else if (!w->walk.unheld_ms)
		w->walk.unheld_ms = now_ms;
	if (share > w->p.capacity ||
	    (w->walk.unheld_ms && now_ms - w->walk.unheld_ms > w->p.lease_ms))
		share = w->p.capacity;
	return share - ours - (int64_t)worker_move_count(w);
}

static void take_more(struct worker *w, uint64_t now_ms)
{
	struct worker_walk *k = &w->walk;
	const char *dead[LIVENESS_MAX];
	size_t n_dead = liveness_dead(&w->beat.liveness, now_ms, dead, countof(dead));
	int64_t more = more_of(w, k->q.free + k->q.dead, now_ms);

	k->is_more = k->q.free >= LEASE_FREE_MAX;

	if (w->state == WORKER_DRAINING)
		return; /* who seems dead may be slow: while its row stands it is waited for */
	if (worker_is_draining(w))
		more = 0; /* but the dead are buried */
	if (n_dead > 0 || (more > 0 && k->q.free > 0))
		k->is_under_way =
			lease_take_start(w->p.mailbox.pg, &k->q, w->p.id, dead, n_dead,
					 more > 0 ? more : 0, on_taken, on_take_over) == 0;
	else if (more > 0)
		worker_move_more(w, more);
	if (k->q.free > more) /* for others; or they are gone: a beat tells */
		worker_beat_soon(w);
}

static void on_rows_over(struct lease_list *q)
{
	struct worker *w = container_of(q, struct worker, walk.q);
	struct worker_walk *k = &w->walk;
	bool with_sum = !k->is_all && k->since_sum >= SUM_EVERY;

	k->is_under_way = false;
	if (!outcome_ok(&q->outcome)) {
		k->is_all_wanted |= k->is_all;
		failed(w, "worker.walk", &q->outcome);
		return;
	}
	if (k->is_all)
		leave_unseen(w);
	if (k->is_all || with_sum)
		k->since_sum = 0;
	if (with_sum && !is_sum_right(w, &q->sum)) {
		worker_walk_all(w);
		return;
	}
	k->horizon = q->horizon;
	take_more(w, clock_mono_ms());
	worker_arm(w);
}

static void on_taken(struct lease_list *q, const struct lease_inbox *i)
{
	struct worker *w = container_of(q, struct worker, walk.q);
	struct seat *s = worker_seat_find(w, i->inbox);

	if (s && s->is_standby)
		worker_move_won(s, i->epoch);
	if (!worker_seat_find(w, i->inbox))
		(void)worker_seat_take(w, i);
	log_info(&w->log, "lease.taken", "inbox=%s epoch=%lld", i->inbox, (long long)i->epoch);
}

static void on_take_over(struct lease_list *q)
{
	struct worker *w = container_of(q, struct worker, walk.q);

	w->walk.is_under_way = false;
	if (!outcome_ok(&q->outcome))
		failed(w, "worker.take", &q->outcome); /* our row was buried: the next beat */
	if (outcome_ok(&q->outcome) && w->walk.is_more) {
		worker_beat_soon(w);
		w->walk.at_ms = clock_mono_ms() + TAKE_AGAIN_MS;
	}
	worker_arm(w);
}
