#ifndef INGEST_WATCH_AGAIN_H
#define INGEST_WATCH_AGAIN_H

#include "ingest/watch.h"

/* Mails that are to be looked at again; a part of watch.c, where watch_again() is declared. */

/* It was looked at. */
void watch_again_done(struct watch *w, unsigned folder, uint32_t uid);
/* The folder is not here, or its mails have other names. */
void watch_again_forget(struct watch *w, unsigned folder);
/* Two folders have changed places. */
void watch_again_moved(struct watch *w, unsigned a, unsigned b);
/* One of this folder.  false: none. */
bool watch_again_in(const struct watch *w, unsigned folder, uint32_t *ret_uid);

#endif
