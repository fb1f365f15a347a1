#ifndef INGEST_WORKER_MANUAL_H
#define INGEST_WORKER_MANUAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "db/sent.h"

/*
 * Mails to prospects that nobody has registered within their time were written by
 * hand: event outbound.manual.  Whichever worker comes first tells them, also those of
 * inboxes that it does not hold.  A part of the worker (worker_inside.h).
 */
struct worker;

struct worker_manual {
	struct sent_dues dues;
	struct sent_tell tell;
	json_t *due; /* by workspace: what is to be told, in the order of sending; NULL: none */
	bool is_under_way, is_full;
	uint64_t at_ms;
};

void worker_manual_init(struct worker *w);
uint64_t worker_manual_due(const struct worker *w);
void worker_manual_tick(struct worker *w, uint64_t now_ms);
void worker_manual_cancel(struct worker *w);

#endif
