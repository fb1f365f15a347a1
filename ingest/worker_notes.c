#include "ingest/worker_notes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_written(struct timeline_put *q);

/* Small ones, often: a line costs PostgreSQL 0.1 ms, and for a thousand of them in one statement
 * gates that are to be closed wait. */
#define NOTES_MS 100
#define NOTES    100 /* lines of a statement: 17,000 inboxes have 17 s to tell of a storm */

void worker_notes_init(struct worker *w)
{
	list_init(&w->notes.seats);
	w->notes.at_ms = WORKER_NEVER;
}

uint64_t worker_notes_due(const struct worker *w)
{
	return w->notes.at_ms;
}

void worker_notes_cancel(struct worker *w)
{
	pg_tx_cancel(&w->notes.q.tx);
	w->notes.is_under_way = false;
}

void worker_notes_clear(struct worker *w)
{
	free(w->notes.waiting);
	w->notes.waiting = NULL;
	w->notes.n = w->notes.n_sent = 0;
}

static void want(struct worker *w)
{
	if (w->notes.at_ms != WORKER_NEVER || w->notes.is_under_way)
		return;
	w->notes.at_ms = clock_mono_ms() + NOTES_MS;
	worker_arm(w);
}

void worker_notes_wanted(void *owner)
{
	struct seat *s = owner;

	list_remove(&s->note);
	list_append(&s->worker->notes.seats, &s->note);
	want(s->worker);
}

/* `waiting` has room for NOTES; what is there beyond stays with its mailbox. */
void worker_notes_take(struct seat *s)
{
	struct worker_notes *t = &s->worker->notes;

	if (list_is_empty(&s->note) || t->n == NOTES)
		return;
	if (!t->waiting)
		t->waiting = mem_new(NOTES * sizeof(*t->waiting));
	t->n += mailbox_take_notes(s->mailbox, t->waiting + t->n, NOTES - t->n);
	if (t->n < NOTES)
		list_remove(&s->note);
	want(s->worker);
}

void worker_notes_tick(struct worker *w, uint64_t now_ms)
{
	struct worker_notes *t = &w->notes;
	struct list *first;

	t->at_ms = WORKER_NEVER;
	if (t->is_under_way)
		return;
	while (t->n < NOTES && (first = list_first(&t->seats)))
		worker_notes_take(container_of(first, struct seat, note));
	t->at_ms = WORKER_NEVER;
	if (!t->n) {
		worker_notes_clear(w);
		return;
	}
	t->n_sent = t->n;
	t->is_under_way =
		timeline_put_start(w->p.mailbox.pg, &t->q, t->waiting, t->n_sent, on_written) == 0;
	if (!t->is_under_way)
		t->at_ms = now_ms + NOTES_MS;
}

static void on_written(struct timeline_put *q)
{
	struct worker *w = container_of(q, struct worker, notes.q);
	struct worker_notes *t = &w->notes;

	t->is_under_way = false;
	/* What PostgreSQL did not take because it was away is written again; what it refused would
	 * be refused for ever. */
	if (q->outcome.blame == BLAME_US || q->outcome.blame == BLAME_AUTH)
		log_error(&w->log, "timeline.not_written", "lines=%zu said=%s", t->n_sent,
			  q->outcome.said);
	else if (!outcome_ok(&q->outcome))
		t->n_sent = 0;
	memmove(t->waiting, t->waiting + t->n_sent, (t->n - t->n_sent) * sizeof(*t->waiting));
	t->n -= t->n_sent;
	if (!t->n)
		worker_notes_clear(w);
	if (t->n || !list_is_empty(&t->seats))
		want(w);
}
