#ifndef INGEST_WATCH_POISON_H
#define INGEST_WATCH_POISON_H

#include "ingest/watch.h"

/*
 * Mails that the server does not give: set aside, asked for again, at last left
 * out.  The watermark of the row stays before the first of a folder, so that a
 * restart asks for it anew.  A part of watch.c.
 */

/* Set this one aside.  false: too many are, the server is unwell. */
bool watch_poison_add(struct watch *w, unsigned folder, uint32_t uid, uint64_t now_ms);
bool watch_poison_has(const struct watch *w, unsigned folder, uint32_t uid);
/* One of this folder that is to be asked for now.  false: none. */
bool watch_poison_due(const struct watch *w, unsigned folder, uint64_t now_ms, uint32_t *ret_uid);
/* When the next one of a folder that is here is due, ms; UINT64_MAX: never. */
uint64_t watch_poison_deadline(const struct watch *w);
/* It was given after all, or is gone. */
void watch_poison_given(struct watch *w, unsigned folder, uint32_t uid);
/* It was refused once more; it may be left out now. */
void watch_poison_refused(struct watch *w, unsigned folder, uint32_t uid, uint64_t now_ms);
/* The server gives other mails: a refusal is about the mail. */
void watch_poison_well(struct watch *w);
/* The folder's mails have other names, or it is left. */
void watch_poison_forget(struct watch *w, unsigned folder);
void watch_poison_moved(struct watch *w, unsigned a, unsigned b);
/* The lowest one of this folder; 0: none. */
uint32_t watch_poison_lowest(const struct watch *w, unsigned folder);

#endif
