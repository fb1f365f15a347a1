#ifndef INGEST_WORKER_RECHECK_H
#define INGEST_WORKER_RECHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "db/lease.h"

/* Mails that an outbound registered late wants looked at again.  A part of the worker
 * (worker_inside.h). */
struct worker;

struct worker_recheck {
	struct lease_rechecks q;
	bool is_under_way;
	uint64_t at_ms;
};

void worker_recheck_init(struct worker *w);
uint64_t worker_recheck_due(const struct worker *w);
void worker_recheck_tick(struct worker *w, uint64_t now_ms);
void worker_recheck_cancel(struct worker *w);
void worker_recheck_soon(struct worker *w);

#endif
