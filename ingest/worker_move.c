#include "ingest/worker_move.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_claimed(struct lease_list *q, const struct lease_inbox *i);
static void on_claim_over(struct lease_list *q);
static void on_won(struct lease_succeed *q, const struct lease_inbox *i);
static void on_succeeded(struct lease_succeed *q);
static void on_unclaimed(struct lease_release *q);

#define STANDBY_MS 60000 /* a standby that is not logged in by then will not be */
#define AGAIN_MS   1000  /* after PostgreSQL did not answer */
#define SLACK      50    /* a worker gives when it has a fiftieth more than its share */

void worker_move_init(struct worker *w)
{
	w->move.at_ms = WORKER_NEVER;
}

uint64_t worker_move_due(const struct worker *w)
{
	return w->move.at_ms;
}

void worker_move_cancel(struct worker *w)
{
	pg_tx_cancel(&w->move.claim.tx);
	pg_tx_cancel(&w->move.succeed.tx);
	pg_tx_cancel(&w->move.unclaim.tx);
	w->move.is_claiming = w->move.is_taking = w->move.is_giving_up = false;
	memset(w->move.claims, 0, sizeof(w->move.claims));
}

static void soon(struct worker *w)
{
	w->move.at_ms = clock_mono_ms();
	worker_arm(w);
}

/* ---- claims ---- */

static struct worker_move_claim *find_claim(struct worker *w, const char *inbox)
{
	for (size_t i = 0; i < WORKER_MOVES; i++)
		if (w->move.claims[i].phase != MOVE_NONE &&
		    strcmp(w->move.claims[i].inbox, inbox) == 0)
			return &w->move.claims[i];
	return NULL;
}

static struct worker_move_claim *free_claim(struct worker *w)
{
	for (size_t i = 0; i < WORKER_MOVES; i++)
		if (w->move.claims[i].phase == MOVE_NONE)
			return &w->move.claims[i];
	return NULL;
}

size_t worker_move_count(const struct worker *w)
{
	size_t n = 0;

	for (size_t i = 0; i < WORKER_MOVES; i++)
		n += w->move.claims[i].phase != MOVE_NONE;
	return n;
}

size_t worker_move_standbys(const struct worker *w)
{
	size_t n = 0;

	for (size_t i = 0; i < WORKER_MOVES; i++)
		n += w->move.claims[i].phase != MOVE_NONE && w->move.claims[i].has_standby;
	return n;
}

static void drop_standby(struct worker *w, struct worker_move_claim *c)
{
	struct seat *s = c->has_standby ? worker_seat_find(w, c->inbox) : NULL;

	c->has_standby = false;
	if (s)
		worker_seat_leave(s);
}

/* ---- whom to relieve ---- */

struct donor {
	const struct worker_peer *peer; /* NULL: nobody */
	int64_t keep, excess;           /* its share, and what it has beyond */
};

static struct donor donor_of(const struct worker *w, const struct worker_peer *p, int64_t all)
{
	struct donor d = { p, 0, p->held };

	if (p->is_draining)
		return d;
	d.keep = worker_beat_share(w, p->capacity, all);
	d.excess = p->held - d.keep > d.keep / SLACK ? p->held - d.keep : 0;
	return d;
}

/* Who leaves comes first, then who has most beyond its share. */
static struct donor pick_donor(const struct worker *w, int64_t all)
{
	struct donor best = { 0 };

	for (size_t i = 0; i < w->beat.n_peers; i++) {
		const struct worker_peer *p = &w->beat.peers[i];
		struct donor d = donor_of(w, p, all);
		bool is_better =
			!best.peer || p->is_draining > best.peer->is_draining ||
			(p->is_draining == best.peer->is_draining && d.excess > best.excess);

		if (p->is_alive && d.excess > 0 && is_better)
			best = d;
	}
	return best;
}

void worker_move_more(struct worker *w, int64_t more)
{
	struct worker_move *m = &w->move;
	int64_t room = WORKER_MOVES - (int64_t)worker_move_count(w);
	struct donor d = pick_donor(w, (int64_t)worker_held(w) + worker_beat_others_hold(w));

	more = more < room ? more : room;
	more = more < d.excess ? more : d.excess;
	if (m->is_claiming || more <= 0)
		return;
	m->must_go = d.peer->is_draining;
	m->is_claiming =
		lease_claim_start(w->p.mailbox.pg, &m->claim, w->p.id, d.peer->worker, m->must_go,
				  d.keep, more, on_claimed, on_claim_over) == 0;
}

static void on_claimed(struct lease_list *q, const struct lease_inbox *i)
{
	struct worker *w = container_of(q, struct worker, move.claim);
	struct worker_move_claim *c = free_claim(w);
	struct seat *s;

	if (!c || worker_seat_find(w, i->inbox))
		return; /* ours meanwhile: the walk knows better */
	*c = (struct worker_move_claim){ .phase = MOVE_READY, .must_go = w->move.must_go };
	(void)snprintf(c->inbox, sizeof(c->inbox), "%s", i->inbox);
	c->end_ms = clock_mono_ms() + STANDBY_MS;
	if (!i->has_session)
		return;
	c->phase = MOVE_CLAIMED;
	c->has_standby = true;
	s = worker_seat_take(w, i);
	if (s->lane->connections == 1) { /* no second session beside the other worker's */
		drop_standby(w, c);
		c->phase = MOVE_READY;
	}
}

static void on_claim_over(struct lease_list *q)
{
	struct worker *w = container_of(q, struct worker, move.claim);

	w->move.is_claiming = false;
	if (outcome_ok(&q->outcome))
		soon(w);
}

void worker_move_stray(struct worker *w, const char *inbox)
{
	struct worker_move_claim *c = find_claim(w, inbox) ? NULL : free_claim(w);

	if (!c)
		return;
	*c = (struct worker_move_claim){ .phase = MOVE_GIVING_UP };
	(void)snprintf(c->inbox, sizeof(c->inbox), "%s", inbox);
	soon(w);
}

/* ---- the standby ---- */

void worker_move_ready(struct seat *s)
{
	struct worker_move_claim *c = find_claim(s->worker, mailbox_inbox(s->mailbox));

	if (!c || c->phase != MOVE_CLAIMED)
		return;
	c->phase = MOVE_READY;
	soon(s->worker);
}

static void give_up_standby(struct worker *w, struct worker_move_claim *c)
{
	log_info(&w->log, "handover.failed", "inbox=%s must_go=%d", c->inbox, c->must_go);
	c->phase = c->must_go ? MOVE_READY : MOVE_GIVING_UP;
	soon(w);
}

/* Its seat is left by the next tick: this is told from inside its mailbox. */
void worker_move_failed(struct seat *s)
{
	struct worker_move_claim *c = find_claim(s->worker, mailbox_inbox(s->mailbox));

	if (!c || (c->phase != MOVE_CLAIMED && c->phase != MOVE_READY))
		return;
	c->phase = MOVE_CLAIMED;
	c->end_ms = 0;
	soon(s->worker);
}

void worker_move_void(struct seat *s)
{
	struct worker *w = s->worker;
	struct worker_move_claim *c = find_claim(w, mailbox_inbox(s->mailbox));

	log_info(&w->log, "handover.void", "inbox=%s", mailbox_inbox(s->mailbox));
	if (c && c->phase != MOVE_TAKING)
		c->phase = MOVE_NONE;
	if (c)
		c->has_standby = false;
	worker_seat_leave(s);
}

void worker_move_won(struct seat *s, int64_t epoch)
{
	struct worker *w = s->worker;
	struct worker_move_claim *c = find_claim(w, mailbox_inbox(s->mailbox));
	bool can_begin = mailbox_state_of(s->mailbox) == MAILBOX_STANDBY;

	if (c && c->phase != MOVE_TAKING)
		c->phase = MOVE_NONE;
	if (c)
		c->has_standby = false;
	if (!can_begin) {
		worker_seat_leave(s);
		return;
	}
	s->is_standby = false;
	mailbox_begin(s->mailbox, epoch);
}

/* ---- taking and giving up ---- */

static void start_take(struct worker *w, struct worker_move_claim *c)
{
	w->move.is_taking = lease_succeed_start(w->p.mailbox.pg, &w->move.succeed, w->p.id,
						c->inbox, on_won, on_succeeded) == 0;
	if (w->move.is_taking)
		c->phase = MOVE_TAKING;
}

/* It is ours and has its seat from here on: nobody has to find it first. */
static void on_won(struct lease_succeed *q, const struct lease_inbox *i)
{
	struct worker *w = container_of(q, struct worker, move.succeed);
	struct seat *s = worker_seat_find(w, i->inbox);

	log_info(&w->log, "lease.taken_over", "inbox=%s epoch=%lld standby=%d", i->inbox,
		 (long long)i->epoch, s && s->is_standby);
	if (s && s->is_standby)
		worker_move_won(s, i->epoch);
	if (!worker_seat_find(w, i->inbox))
		(void)worker_seat_take(w, i);
}

static void on_succeeded(struct lease_succeed *q)
{
	struct worker *w = container_of(q, struct worker, move.succeed);
	struct worker_move_claim *c = find_claim(w, q->inbox);
	struct seat *s = worker_seat_find(w, q->inbox);

	w->move.is_taking = false;
	if (!c)
		return;
	if (!outcome_ok(&q->outcome)) { /* it may be ours or not: asking again says which */
		c->phase = MOVE_READY;
		w->move.at_ms = clock_mono_ms() + AGAIN_MS;
		worker_walk_all(w);
		return;
	}
	c->phase = MOVE_NONE;
	if (s && s->is_standby)
		worker_move_void(s);
	/* The other one hears of it, and the walk brings the next to move. */
	if (q->epoch)
		pg_notify(w->p.mailbox.pg, "replyd_lease");
	worker_walk_soon(w);
	soon(w);
}

static void start_give_up(struct worker *w, struct worker_move_claim *c)
{
	drop_standby(w, c);
	w->move.is_giving_up = lease_unclaim_start(w->p.mailbox.pg, &w->move.unclaim, w->p.id,
						   c->inbox, on_unclaimed) == 0;
	if (w->move.is_giving_up)
		c->phase = MOVE_NONE; /* should it not be written, the walk finds it */
}

static void on_unclaimed(struct lease_release *q)
{
	struct worker *w = container_of(q, struct worker, move.unclaim);

	w->move.is_giving_up = false;
	soon(w);
}

void worker_move_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_move *m = &w->move;
	uint64_t next_ms = WORKER_NEVER;

	for (size_t i = 0; i < WORKER_MOVES; i++) {
		struct worker_move_claim *c = &m->claims[i];

		if (c->phase == MOVE_CLAIMED && now_ms >= c->end_ms) {
			give_up_standby(w, c);
			drop_standby(w, c);
		}
		if (c->phase != MOVE_NONE && c->phase != MOVE_TAKING && worker_is_draining(w))
			c->phase = MOVE_GIVING_UP; /* who leaves takes nothing over */
		if (c->phase == MOVE_READY && !m->is_taking)
			start_take(w, c);
		if (c->phase == MOVE_GIVING_UP && !m->is_giving_up)
			start_give_up(w, c);
		if (c->phase == MOVE_CLAIMED && c->end_ms < next_ms)
			next_ms = c->end_ms;
	}
	m->at_ms = next_ms;
}
