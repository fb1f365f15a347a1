#include "ingest/worker_seat.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"

static void on_want(void *owner);
static void on_settled(void *owner, const struct plight *why);
static void on_lost(void *owner, const char *why);

/* ---- seats ---- */

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

void worker_seat_init(struct worker *w)
{
	map_init(&w->seats);
	list_init(&w->want);
	w->p.mailbox.on_want = on_want;
	w->p.mailbox.on_settled = on_settled;
	w->p.mailbox.on_proof = worker_proof_wanted;
	w->p.mailbox.on_note = NULL;
	w->p.mailbox.on_lost = on_lost;
	w->p.mailbox.on_standby = NULL;
	w->p.mailbox.is_down = NULL;
}

struct seat *worker_seat_take(struct worker *w, const struct lease_inbox *i)
{
	struct seat *s = mem_new(sizeof(*s));

	s->worker = w;
	list_init(&s->want);
	list_init(&s->prove);
	s->mailbox = mailbox_open(&w->p.mailbox, s, i);
	s->is_seen = true;
	map_put(&w->seats, text_of(i->inbox), s);
	list_append(&w->want, &s->want);
	return s;
}

void worker_seat_leave(struct seat *s)
{
	struct worker *w = s->worker;

	if (s->is_admitted)
		w->admitted--;
	list_remove(&s->want);
	list_remove(&s->prove);
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

static void on_lost(void *owner, const char *why)
{
	struct seat *s = owner;
	struct worker *w = s->worker;

	log_warn(&w->log, "lease.lost", "inbox=%s epoch=%lld why=%s", mailbox_inbox(s->mailbox),
		 (long long)mailbox_epoch(s->mailbox), why);
	worker_seat_leave(s);
	worker_walk_soon(w);
}

/* ---- admission ---- */

static void on_want(void *owner)
{
	struct seat *s = owner;

	list_remove(&s->want);
	list_append(&s->worker->want, &s->want);
	worker_arm(s->worker);
}

static void on_settled(void *owner, const struct plight *why)
{
	struct seat *s = owner;

	(void)why;

	if (!s->is_admitted)
		return;
	s->is_admitted = false;
	s->worker->admitted--;
	worker_arm(s->worker);
}

void worker_seat_admit(struct worker *w)
{
	struct list *first;

	while (w->admitted < w->p.connects && (first = list_first(&w->want))) {
		struct seat *s = container_of(first, struct seat, want);

		list_remove(first);
		s->is_admitted = true;
		w->admitted++;
		mailbox_admit(s->mailbox);
	}
}

uint64_t worker_seat_due(const struct worker *w)
{
	return list_is_empty(&w->want) || w->admitted >= w->p.connects ? WORKER_NEVER : 0;
}
