#ifndef INGEST_WORKER_WALK_H
#define INGEST_WORKER_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "db/lease.h"

/*
 * The walk: what is leased to us, what is free, whose worker is dead; the
 * mailboxes are made to fit.  A part of the worker (worker_inside.h).
 */
struct worker;

struct worker_walk {
	struct lease_list q; /* mine, then take */
	struct lease_release release;
	bool is_under_way, is_releasing;
	uint64_t at_ms;
	uint64_t unheld_ms; /* since when there are inboxes that nobody holds; 0: there are none */
};

void worker_walk_init(struct worker *w);
uint64_t worker_walk_due(const struct worker *w);
void worker_walk_tick(struct worker *w, uint64_t now_ms);
void worker_walk_cancel(struct worker *w);
/* Something changed.  Not before the first beat: leases name our row. */
void worker_walk_soon(struct worker *w);

#endif
