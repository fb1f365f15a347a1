#ifndef INGEST_WORKER_WALK_H
#define INGEST_WORKER_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/lease.h"

/*
 * The walk: what is leased to us, what is free, whose worker is dead; the
 * mailboxes are made to fit.  A part of the worker (worker_inside.h).
 *
 * The first one, and each after PostgreSQL was away, reads everything.  The
 * others read what has changed since the one before, by a horizon of transactions
 * that lets nothing through; and now and then the sum of all leases is compared
 * with what is held here, so that whatever was missed all the same is found.
 */
struct worker;

struct worker_walk {
	struct lease_list q; /* mine, then take */
	struct lease_release release;
	bool is_under_way, is_releasing;
	bool is_all_wanted;
	bool is_all;  /* the one under way reads everything */
	bool is_more; /* there are more free ones than one look tells */
	uint64_t at_ms;
	uint64_t unheld_ms; /* since when there are inboxes that nobody holds; 0: there are none */
	int64_t horizon;    /* of the last one; 0: there was none */
	unsigned since_sum; /* walks since the sum was compared */
	size_t also_at;     /* where among the seats the next look for held ones begins */
};

void worker_walk_init(struct worker *w);
uint64_t worker_walk_due(const struct worker *w);
void worker_walk_tick(struct worker *w, uint64_t now_ms);
void worker_walk_cancel(struct worker *w);
/* Something changed.  Not before the first beat: leases name our row. */
void worker_walk_soon(struct worker *w);
/* Something may have changed unseen. */
void worker_walk_all(struct worker *w);

#endif
