#ifndef INGEST_WORKER_INSIDE_H
#define INGEST_WORKER_INSIDE_H

#include "base/io/timer.h"
#include "base/list.h"
#include "base/map.h"
#include "ingest/worker.h"
#include "ingest/worker_beat.h"
#include "ingest/worker_lane.h"
#include "ingest/worker_move.h"
#include "ingest/worker_notes.h"
#include "ingest/worker_probe.h"
#include "ingest/worker_manual.h"
#include "ingest/worker_proof.h"
#include "ingest/worker_recheck.h"
#include "ingest/worker_trim.h"
#include "ingest/worker_walk.h"

/*
 * What the files of the worker share; for ingest/worker*.c only.
 *
 * The worker is a timer and a row of parts.  A part is one conversation with
 * PostgreSQL: it has at most one request of a kind under way, and says when it
 * wants to be called next.  worker.c has the table of parts; whoever adds one
 * embeds its struct below and adds its row there.
 *
 *   _init    with the worker; allocates nothing
 *   _due     when next, monotonic ms; WORKER_NEVER: not wanted now
 *   _tick    that time has come
 *   _cancel  what is under way is not answered any more; idempotent
 *   _clear   frees what it holds
 */
#define WORKER_NEVER UINT64_MAX

enum worker_state {
	WORKER_RUNNING,
	WORKER_DRAINING, /* others take what we hold */
	WORKER_STOPPING, /* what is left is given back */
	WORKER_STOPPED,
	WORKER_CLOSING, /* until the timer's handle is gone */
};

struct worker {
	struct worker_params p; /* `mailbox` is what every mailbox borrows */
	enum worker_state state;
	struct log log;
	struct timer timer;
	struct map seats; /* by inbox */

	struct worker_beat beat;
	struct worker_walk walk;
	struct worker_move move;
	struct worker_lane lane;
	struct worker_recheck recheck;
	struct worker_proof proof;
	struct worker_notes notes;
	struct worker_probe probe;
	struct worker_trim trim;
	struct worker_manual manual;

	struct lease_release leave;
	uint64_t release_ms; /* stopping: what was refused is asked for again */
	uint64_t drain_ms;   /* others have so long to take over */
	uint64_t stop_ms;    /* draining: so long; stopping: PostgreSQL is not waited for longer */
	void (*stopped)(void *owner);
	void *stopped_owner;
};

/* Something is due sooner than it was: look again when the loop comes round. */
void worker_arm(struct worker *w);
/* It takes nothing more: it was told to, or it is about to end. */
bool worker_is_draining(const struct worker *w);
/* A beat that said that we drain was answered: is there still somebody to drain to? */
void worker_drained(struct worker *w);

#endif
