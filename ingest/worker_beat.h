#ifndef INGEST_WORKER_BEAT_H
#define INGEST_WORKER_BEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "db/lease.h"
#include "ingest/liveness.h"

/* The worker proves itself with one row, and sees who else does.  A part of the worker
 * (worker_inside.h). */
struct worker;

struct worker_beat {
	struct lease_beat q;
	bool is_under_way;
	uint64_t at_ms;
	uint64_t answered_ms; /* last beat that was answered; 0: none, we are not in the table */
	char host[64];
	struct liveness liveness;
	int64_t living_capacity; /* of all workers that are not dead */
};

void worker_beat_init(struct worker *w);
uint64_t worker_beat_due(const struct worker *w);
void worker_beat_tick(struct worker *w, uint64_t now_ms);
void worker_beat_cancel(struct worker *w);
/* At once, and not only when it is due. */
void worker_beat_soon(struct worker *w);
/* PostgreSQL went away: nobody is seen. */
void worker_beat_blind(struct worker *w);

#endif
