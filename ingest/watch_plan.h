#ifndef INGEST_WATCH_PLAN_H
#define INGEST_WATCH_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/watch.h"

/*
 * What the watcher does next, from what it knows: a pure function of its state,
 * in the order of what matters.
 *
 *   1. back to the main folder, if it was left for long
 *   2. the open folder: what has arrived, then mails to be seen again
 *   3. the side folders: open those that moved
 *   4. the main folder open, a proof cycle when it is due
 *   5. all other folders: visit those that moved, list them when it is time
 *   6. IDLE
 */

/* false: nothing now.  `ret->since_unix_s` and the sides of a PROOF are left to the caller. */
bool watch_plan_next(const struct watch *w, uint64_t now_ms, struct watch_order *ret);
/* Is it time to visit a folder that moved, if there is one? */
bool watch_plan_may_visit(const struct watch *w, uint64_t now_ms);
/* The state that an order leads to. */
enum watch_state watch_plan_state(const struct watch *w, enum watch_order_kind kind);
/* When the answer may change by time alone; UINT64_MAX: never. */
uint64_t watch_plan_deadline(const struct watch *w);

#endif
