#include "ingest/worker_seat.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"

static void on_want(void *owner);
static void on_settled(void *owner, const struct plight *why);
static void on_standby(void *owner);
static void on_lost(void *owner, const char *why);
static bool is_down(void *owner);

void worker_seat_init(struct worker *w)
{
	w->p.mailbox.on_want = on_want;
	w->p.mailbox.on_settled = on_settled;
	w->p.mailbox.on_proof = worker_proof_wanted;
	w->p.mailbox.on_note = worker_notes_wanted;
	w->p.mailbox.on_standby = on_standby;
	w->p.mailbox.on_lost = on_lost;
	w->p.mailbox.is_down = is_down;
}

struct seat *worker_seat_find(const struct worker *w, const char *inbox)
{
	return map_get(&w->seats, text_of(inbox));
}

struct seat *worker_seat_next(const struct worker *w, size_t *at)
{
	struct text key;
	void *seat;

	return map_next(&w->seats, at, &key, &seat) ? seat : NULL;
}

struct seat *worker_seat_take(struct worker *w, const struct lease_inbox *i)
{
	struct seat *s = mem_new(sizeof(*s));
	struct lease_inbox row = *i;

	s->worker = w;
	list_init(&s->want);
	list_init(&s->prove);
	list_init(&s->note);
	s->is_standby = !i->is_ours;
	s->is_seen = true;
	if (s->is_standby)
		row.epoch = 0;
	worker_lane_join(s, i->provider, i->imap_host);
	s->mailbox = mailbox_open(&w->p.mailbox, s, &row);
	map_put(&w->seats, text_of(i->inbox), s);
	if (mailbox_state_of(s->mailbox) == MAILBOX_WAITING)
		worker_lane_want(s);
	return s;
}

void worker_seat_leave(struct seat *s)
{
	struct worker *w = s->worker;

	worker_notes_take(s);
	worker_lane_leave(s);
	worker_proof_leave(s);
	list_remove(&s->note);
	map_remove(&w->seats, text_of(mailbox_inbox(s->mailbox)));
	mailbox_drop(s->mailbox);
	free(s);
}

void worker_seat_leave_all(struct worker *w)
{
	struct seat *s;
	size_t at = 0;

	while ((s = worker_seat_next(w, &at)))
		worker_seat_leave(s);
}

static void on_want(void *owner)
{
	worker_lane_want(owner);
}

static void on_settled(void *owner, const struct plight *why)
{
	struct seat *s = owner;

	worker_lane_settled(s, why);
	if (!why)
		worker_proof_fresh(s);
	if (s->is_standby && why)
		worker_move_failed(s);
}

static void on_standby(void *owner)
{
	worker_move_ready(owner);
}

static void on_lost(void *owner, const char *why)
{
	struct seat *s = owner;
	struct worker *w = s->worker;

	if (s->is_standby) {
		worker_move_failed(s);
		return;
	}
	/* Somebody who said before that he would take it has it now. */
	if (s->is_leaving)
		log_info(&w->log, "lease.handed_over", "inbox=%s epoch=%lld",
			 mailbox_inbox(s->mailbox), (long long)mailbox_epoch(s->mailbox));
	else
		log_warn(&w->log, "lease.lost", "inbox=%s epoch=%lld why=%s",
			 mailbox_inbox(s->mailbox), (long long)mailbox_epoch(s->mailbox), why);
	worker_seat_leave(s);
	worker_walk_soon(w);
}

static bool is_down(void *owner)
{
	return worker_lane_is_down(owner);
}
