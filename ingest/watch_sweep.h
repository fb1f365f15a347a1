#ifndef INGEST_WATCH_SWEEP_H
#define INGEST_WATCH_SWEEP_H

#include "ingest/watch.h"

/*
 * The list of folders, their counters, and visits to those that are not watched.
 * A part of watch.c.
 */

/* LIST is sent; a folder of it; it is over.  `is_counted`: with counters that prove. */
void watch_sweep_list_begin(struct watch *w);
void watch_sweep_listed(struct watch *w, const struct imap_folder *l);
void watch_sweep_list_over(struct watch *w, bool is_counted, uint64_t now_ms);
/* The server gave reason to list again soon. */
void watch_sweep_relist(struct watch *w, uint64_t now_ms);

/* STATUS, asked for or pushed. */
void watch_sweep_counted(struct watch *w, const struct imap_event *ev, uint64_t now_ms);
/* Whom PROOF asks about beside the main folder. */
void watch_sweep_ask(struct watch *w, struct watch_order *ret);
/* PROOF is answered; bit i of `refused`: asked[i] was not. */
void watch_sweep_answered(struct watch *w, uint32_t refused);
/* It was not, and never will be. */
void watch_sweep_unasked(struct watch *w);

/* Begin the next visit, if it is time. */
void watch_sweep_visit(struct watch *w, uint64_t now_ms);
/* Visits that are over: remember how far, and let go. */
void watch_sweep_leave(struct watch *w);
/* The folder cannot be opened. */
void watch_sweep_refused(struct watch *w, unsigned folder);

#endif
