#ifndef INGEST_FAREWELL_H
#define INGEST_FAREWELL_H

#include <stdint.h>

#include "ingest/line.h"

/*
 * A line that nobody needs any more: IDLE is ended, LOGOUT said and answered,
 * then it is dropped; after FAREWELL_MS without all that.  Providers count
 * sessions, and one that said goodbye counts no more.
 */
#define FAREWELL_MS 5000

struct farewell;

/* Takes `l`.  `on_over` comes once, from the loop: drop it. */
struct farewell *farewell_open(struct line *l, uint64_t now_ms, void *owner,
			       void (*on_over)(void *owner));
void farewell_drop(struct farewell *f); /* NULL too */
uint64_t farewell_deadline(const struct farewell *f);
/* Its time is over: the owner drops it. */
bool farewell_is_late(struct farewell *f, uint64_t now_ms);

#endif
