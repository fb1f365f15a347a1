#ifndef INGEST_WORKER_TRIM_H
#define INGEST_WORKER_TRIM_H

#include <stdint.h>

/*
 * A part of the worker: what was freed in pieces goes back to the system.  A
 * thousand replies leave holes between what ten thousand idle inboxes keep, and
 * the pages of those holes are ours until somebody says that they are not needed.
 */
struct worker;

struct worker_trim {
	uint64_t at_ms;
};

void worker_trim_init(struct worker *w);
uint64_t worker_trim_due(const struct worker *w);
void worker_trim_tick(struct worker *w, uint64_t now_ms);
void worker_trim_cancel(struct worker *w);

#endif
