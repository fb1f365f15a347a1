#ifndef INGEST_WORKER_NOTES_H
#define INGEST_WORKER_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "db/timeline.h"

/*
 * Lines for the timelines of all inboxes, written in one statement a second.
 * Those of a mailbox that goes are taken before.  While PostgreSQL is away the
 * oldest stay with their mailboxes, which have a ceiling of their own.  A part
 * of the worker (worker_inside.h).
 */
struct worker;
struct seat;

struct worker_notes {
	struct timeline_put q;
	bool is_under_way;
	uint64_t at_ms;
	struct list seats;             /* that have something */
	struct timeline_note *waiting; /* taken, not written yet; NULL: none */
	size_t n, n_sent;
};

void worker_notes_init(struct worker *w);
uint64_t worker_notes_due(const struct worker *w);
void worker_notes_tick(struct worker *w, uint64_t now_ms);
void worker_notes_cancel(struct worker *w);
void worker_notes_clear(struct worker *w);
/* mailbox_params.on_note; `owner` is a seat. */
void worker_notes_wanted(void *owner);
/* The seat is about to go. */
void worker_notes_take(struct seat *s);

#endif
