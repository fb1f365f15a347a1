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

#define JANITOR_MS       5000
#define HANDSHAKES       64
#define SPARE_FILES      100 /* descriptors for everything that is no mailbox */
#define RELEASE_AGAIN_MS 50  /* after it was refused: whoever was in the way is done soon */
#define SECONDS_OF       50 /* of so many inboxes one has two connections: its session is replaced */

static const struct {
	void (*init)(struct worker *w);
	uint64_t (*due)(const struct worker *w);
	void (*tick)(struct worker *w, uint64_t now_ms);
	void (*cancel)(struct worker *w);
} parts[] = {
	{ worker_beat_init, worker_beat_due, worker_beat_tick, worker_beat_cancel },
	{ worker_walk_init, worker_walk_due, worker_walk_tick, worker_walk_cancel },
	{ worker_move_init, worker_move_due, worker_move_tick, worker_move_cancel },
	{ worker_recheck_init, worker_recheck_due, worker_recheck_tick, worker_recheck_cancel },
	{ worker_proof_init, worker_proof_due, worker_proof_tick, worker_proof_cancel },
	{ worker_notes_init, worker_notes_due, worker_notes_tick, worker_notes_cancel },
	{ worker_lane_init, worker_lane_due, worker_lane_tick, worker_lane_cancel },
	{ worker_probe_init, worker_probe_due, worker_probe_tick, worker_probe_cancel },
	{ worker_trim_init, worker_trim_due, worker_trim_tick, worker_trim_cancel },
	{ worker_manual_init, worker_manual_due, worker_manual_tick, worker_manual_cancel },
};

/* ---- open and drop ---- */

int64_t worker_capacity(int64_t wanted)
{
	int64_t room = wanted ? wanted : WORKER_CAPACITY_MAX, files;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY ||
	    limit.rlim_max > INT32_MAX)
		return room;
	files = (int64_t)limit.rlim_max - SPARE_FILES;
	files -= files / SECONDS_OF;
	if (files < 1)
		files = 1;
	return files < room ? files : room;
}

struct worker *worker_open(const struct worker_params *p)
{
	struct worker *w = mem_new(sizeof(*w));

	w->p = *p;
	if (!w->p.janitor_ms)
		w->p.janitor_ms = JANITOR_MS;
	if (!w->p.handshakes)
		w->p.handshakes = HANDSHAKES;
	w->p.capacity = worker_capacity(p->capacity);
	log_child(&w->log, p->mailbox.log, "worker=%s", p->id);
	log_info(&w->log, "worker.begins", "capacity=%lld slot=%s", (long long)w->p.capacity,
		 w->p.slot);
	map_init(&w->seats);
	worker_seat_init(w);
	w->stop_ms = w->release_ms = WORKER_NEVER;
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
	map_clear(&w->lane.by_name);
	worker_beat_clear(w);
	worker_proof_clear(w);
	worker_notes_clear(w);
	worker_probe_clear(w);
	free(w);
}

/* ---- time and hints ---- */

static bool is_working(const struct worker *w)
{
	return w->state == WORKER_RUNNING || w->state == WORKER_DRAINING;
}

void worker_arm(struct worker *w)
{
	uint64_t at_ms = w->stop_ms;

	if (w->state == WORKER_STOPPING && w->release_ms < at_ms)
		at_ms = w->release_ms;
	for (size_t i = 0; is_working(w) && i < countof(parts); i++)
		if (parts[i].due(w) < at_ms)
			at_ms = parts[i].due(w);
	timer_at(&w->timer, at_ms);
}

static void leave(struct worker *w, const char *why);
static void release(struct worker *w, uint64_t now_ms);
static void gone(struct worker *w);

static void on_timer(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, timer);
	uint64_t now_ms = clock_mono_ms();

	if (now_ms >= w->stop_ms) {
		if (w->state == WORKER_STOPPING)
			gone(w);
		else
			leave(w, "time");
		return;
	}
	if (w->state == WORKER_STOPPING && now_ms >= w->release_ms)
		release(w, now_ms);
	for (size_t i = 0; is_working(w) && i < countof(parts); i++)
		if (now_ms >= parts[i].due(w))
			parts[i].tick(w, now_ms);
	worker_arm(w);
}

void worker_pg_up(struct worker *w)
{
	worker_beat_soon(w);
	/* Which of our last transactions came through, and what others did meanwhile? */
	if (w->beat.answered_ms)
		worker_walk_all(w);
}

void worker_pg_down(struct worker *w)
{
	worker_beat_blind(w);
}

void worker_hint_inbox(struct worker *w)
{
	struct seat *s;
	size_t at = 0;

	if (!is_working(w))
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

void worker_hint_lease(struct worker *w)
{
	if (w->beat.answered_ms)
		worker_walk_soon(w);
}

void worker_hint_probe(struct worker *w)
{
	worker_probe_soon(w);
}

/* ---- the end ---- */

bool worker_is_draining(const struct worker *w)
{
	return w->state == WORKER_DRAINING || w->beat.is_told_to_drain;
}

void worker_drained(struct worker *w)
{
	if (w->state != WORKER_DRAINING)
		return;
	w->stop_ms = w->drain_ms;
	if (worker_held(w) == 0)
		leave(w, "empty");
	else if (!worker_beat_others_have_room(w))
		leave(w, "no_room");
}

/*
 * Who else there is was told by the last beat, and somebody may have come since:
 * that there is room is believed, that there is none is asked again.
 */
void worker_stop(struct worker *w, void (*stopped)(void *owner), void *owner)
{
	uint64_t now_ms = clock_mono_ms(), ask_ms = now_ms + WORKER_STOP_MS;

	if (w->state != WORKER_RUNNING)
		return;
	w->stopped = stopped;
	w->stopped_owner = owner;
	if (!w->p.drain_ms || worker_held(w) == 0) {
		leave(w, w->p.drain_ms ? "empty" : "no_drain");
		return;
	}
	log_info(&w->log, "worker.drains", "inboxes=%zu for_ms=%llu", worker_held(w),
		 (unsigned long long)w->p.drain_ms);
	w->state = WORKER_DRAINING;
	w->drain_ms = now_ms + w->p.drain_ms;
	w->stop_ms = worker_beat_others_have_room(w) || w->drain_ms < ask_ms ? w->drain_ms : ask_ms;
	worker_beat_soon(w);
}

/* What is left is given back. */
static void leave(struct worker *w, const char *why)
{
	uint64_t now_ms = clock_mono_ms();

	log_info(&w->log, "worker.leaves", "inboxes=%zu why=%s", worker_held(w), why);
	w->state = WORKER_STOPPING;
	worker_seat_leave_all(w);
	cancel_parts(w);
	worker_notes_tick(w, now_ms); /* the last words */
	w->stop_ms = now_ms + WORKER_STOP_MS;
	release(w, now_ms);
	worker_arm(w);
}

static void release(struct worker *w, uint64_t now_ms)
{
	bool is_asked =
		lease_release_start(w->p.mailbox.pg, &w->leave, w->p.id, NULL, on_left) == 0;

	w->release_ms = is_asked ? WORKER_NEVER : now_ms + RELEASE_AGAIN_MS;
}

static void on_left(struct lease_release *q)
{
	struct worker *w = container_of(q, struct worker, leave);

	if (w->state != WORKER_STOPPING)
		return;
	if (outcome_ok(&q->outcome)) {
		gone(w);
		return;
	}
	log_warn(&w->log, "worker.not_released", "blame=%s what=%s said=%s",
		 outcome_blame_name(q->outcome.blame), q->outcome.what, q->outcome.said);
	w->release_ms = clock_mono_ms() + RELEASE_AGAIN_MS;
	worker_arm(w);
}

static void gone(struct worker *w)
{
	w->state = WORKER_STOPPED;
	w->stop_ms = WORKER_NEVER;
	w->stopped(w->stopped_owner);
}

size_t worker_held(const struct worker *w)
{
	return map_count(&w->seats) - worker_move_standbys(w);
}

size_t worker_live(const struct worker *w)
{
	const struct seat *s;
	size_t at = 0, n = 0;

	while ((s = worker_seat_next(w, &at)))
		n += mailbox_is_live(s->mailbox);
	return n;
}
