#ifndef INGEST_WATCH_PLAN_H
#define INGEST_WATCH_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/watch.h"

/*
 * What the watcher does next, from what it knows: a pure function of its state,
 * in the order of what matters.
 *
 *   1. the open folder: what has arrived, then mails to be seen again
 *   2. the other folders: look whether they moved, open those that did
 *   3. INBOX open, a proof cycle when it is due, else IDLE
 */

/* false: nothing now.  `ret->since_unix_s` is left to the caller, who has the clock. */
bool watch_plan_next(const struct watch *w, uint64_t now_ms, struct watch_order *ret);
/* The state that an order leads to. */
enum watch_state watch_plan_state(enum watch_order_kind kind);
/* When the answer may change by time alone; UINT64_MAX: never. */
uint64_t watch_plan_deadline(const struct watch *w);

#endif
