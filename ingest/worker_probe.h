#ifndef INGEST_WORKER_PROBE_H
#define INGEST_WORKER_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/probe.h"

/*
 * Somebody asks whether an inbox is seen up to now: it is made to prove, and when
 * it has, the answer is written.  A part of the worker (worker_inside.h).
 */
struct worker;
struct worker_probe_asked;

struct worker_probe {
	struct probe_list list;
	struct probe_answers answers;
	bool is_listing, is_answering;
	uint64_t list_ms, answer_ms; /* when next; WORKER_NEVER: not wanted */
	struct worker_probe_asked *asked;
	size_t n_asked, room;
};

void worker_probe_init(struct worker *w);
void worker_probe_clear(struct worker *w);
uint64_t worker_probe_due(const struct worker *w);
void worker_probe_tick(struct worker *w, uint64_t now_ms);
void worker_probe_cancel(struct worker *w);
void worker_probe_soon(struct worker *w);   /* a hint: there are questions */
void worker_probe_proven(struct worker *w); /* some inbox was proven */

#endif
