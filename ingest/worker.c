#include "ingest/worker.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/worker_inside.h"
#include "ingest/worker_seat.h"

static void on_timer(struct timer *t);
static void on_left(struct lease_release *q);
static void on_closed(struct timer *t);

#define JANITOR_MS  5000
#define CONNECTS    64
#define SPARE_FILES 100 /* descriptors for everything that is no mailbox */

static const struct {
	void (*init)(struct worker *w);
	uint64_t (*due)(const struct worker *w);
	void (*tick)(struct worker *w, uint64_t now_ms);
	void (*cancel)(struct worker *w);
} parts[] = {
	{ worker_beat_init, worker_beat_due, worker_beat_tick, worker_beat_cancel },
	{ worker_walk_init, worker_walk_due, worker_walk_tick, worker_walk_cancel },
	{ worker_recheck_init, worker_recheck_due, worker_recheck_tick, worker_recheck_cancel },
	{ worker_proof_init, worker_proof_due, worker_proof_tick, worker_proof_cancel },
};

/* ---- open and drop ---- */

static int64_t capacity_of(int64_t wanted)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
		int64_t room =
			files.rlim_cur > SPARE_FILES ? (int64_t)files.rlim_cur - SPARE_FILES : 1;

		if (room < wanted)
			return room;
	}
	return wanted;
}

struct worker *worker_open(const struct worker_params *p)
{
	struct worker *w = mem_new(sizeof(*w));

	w->p = *p;
	if (!w->p.janitor_ms)
		w->p.janitor_ms = JANITOR_MS;
	if (!w->p.connects)
		w->p.connects = CONNECTS;
	w->p.capacity = capacity_of(p->capacity);
	log_child(&w->log, p->mailbox.log, "worker=%s", p->id);
	worker_seat_init(w);
	w->stop_ms = WORKER_NEVER;
	for (size_t i = 0; i < countof(parts); i++)
		parts[i].init(w);
	timer_open(&w->timer, p->mailbox.loop, on_timer);
	timer_in(&w->timer, 0);
	return w;
}

static void cancel_parts(struct worker *w)
{
	for (size_t i = 0; i < countof(parts); i++)
		parts[i].cancel(w);
}

void worker_drop(struct worker *w)
{
	if (!w || w->state == WORKER_CLOSING)
		return;
	w->state = WORKER_CLOSING;
	worker_seat_leave_all(w);
	cancel_parts(w);
	pg_tx_cancel(&w->leave.tx);
	timer_drop(&w->timer, on_closed);
}

static void on_closed(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, timer);

	map_clear(&w->seats);
	worker_proof_clear(w);
	free(w);
}

/* ---- time and hints ---- */

void worker_arm(struct worker *w)
{
	uint64_t at_ms = worker_seat_due(w);

	if (w->state != WORKER_RUNNING) {
		timer_at(&w->timer, w->stop_ms);
		return;
	}
	for (size_t i = 0; i < countof(parts); i++)
		if (parts[i].due(w) < at_ms)
			at_ms = parts[i].due(w);
	timer_at(&w->timer, at_ms);
}

static void on_timer(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, timer);
	uint64_t now_ms = clock_mono_ms();

	if (w->state == WORKER_STOPPING && now_ms >= w->stop_ms)
		on_left(&w->leave);
	if (w->state != WORKER_RUNNING)
		return;
	for (size_t i = 0; i < countof(parts); i++)
		if (now_ms >= parts[i].due(w))
			parts[i].tick(w, now_ms);
	worker_seat_admit(w);
	worker_arm(w);
}

void worker_pg_up(struct worker *w)
{
	worker_beat_soon(w);
}

void worker_pg_down(struct worker *w)
{
	worker_beat_blind(w);
}

void worker_hint_inbox(struct worker *w)
{
	struct seat *s;
	size_t at = 0;

	if (w->state != WORKER_RUNNING)
		return;
	while ((s = worker_seat_next(w, &at)))
		if (mailbox_state_of(s->mailbox) == MAILBOX_HELD)
			mailbox_poke(s->mailbox);
	if (w->beat.answered_ms)
		worker_walk_soon(w);
}

void worker_hint_recheck(struct worker *w)
{
	worker_recheck_soon(w);
}

/* ---- the end ---- */

void worker_stop(struct worker *w, void (*stopped)(void *owner), void *owner)
{
	if (w->state != WORKER_RUNNING)
		return;
	w->state = WORKER_STOPPING;
	w->stopped = stopped;
	w->stopped_owner = owner;
	worker_seat_leave_all(w);
	cancel_parts(w);
	w->stop_ms = clock_mono_ms() + WORKER_STOP_MS;
	if (lease_release_start(w->p.mailbox.pg, &w->leave, w->p.id, NULL, on_left))
		w->stop_ms = 0;
	worker_arm(w);
}

static void on_left(struct lease_release *q)
{
	struct worker *w = container_of(q, struct worker, leave);

	if (w->state != WORKER_STOPPING)
		return;
	w->state = WORKER_STOPPED;
	w->stop_ms = WORKER_NEVER;
	w->stopped(w->stopped_owner);
}

size_t worker_held(const struct worker *w)
{
	return map_count(&w->seats);
}

size_t worker_live(const struct worker *w)
{
	const struct seat *s;
	size_t at = 0, n = 0;

	while ((s = worker_seat_next(w, &at)))
		n += mailbox_is_live(s->mailbox);
	return n;
}
