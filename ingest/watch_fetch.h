#ifndef INGEST_WATCH_FETCH_H
#define INGEST_WATCH_FETCH_H

#include "ingest/watch.h"

/*
 * Headers in windows of UIDs: how large they are, what follows when one is told
 * and what when the server does not give it.  A part of watch.c.
 */

/* The FETCH is sent. */
void watch_fetch_begin(struct watch *w, const struct watch_order *o);
/* All of it was told: a batch, or the end of the folder. */
void watch_fetch_done(struct watch *w);
/* The server would not give these mails. */
void watch_fetch_failed(struct watch *w, uint64_t now_ms);
/* The connection ended during the FETCH. */
void watch_fetch_died(struct watch *w, uint64_t now_ms);
/* UIDs to ask for at once from here on: fewer where a connection died. */
uint32_t watch_fetch_window(const struct watch *w, uint32_t from);
/* Ask for fewer at once. */
void watch_fetch_shrink(struct watch *w, struct watch_folder *f, uint32_t window);

#endif
