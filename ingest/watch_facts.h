#ifndef INGEST_WATCH_FACTS_H
#define INGEST_WATCH_FACTS_H

#include "ingest/watch.h"

/* What the watcher has come to know for certain; parts of watch.c. */

/* What the command sent at `us` showed of the folder is durable. */
void watch_facts_prove(struct watch *w, unsigned folder, int64_t us);
/* The open folder was fetched to the end of what was shown; it is behind again if more came
 * meanwhile. */
void watch_facts_end(struct watch *w, struct watch_folder *f);
/* Mails of a window are durable: they count for what a gap says of itself. */
void watch_facts_count(struct watch *w, struct watch_folder *f, const struct watch_batch *b);
/* EXAMINE or LIST shows a mail of the main folder that neither IDLE nor NOOP told.  Once may be
 * chance: it came just before. */
void watch_facts_untold(struct watch *w);
/* They do tell. */
void watch_facts_heard(struct watch *w);
/* Its mails have other names than before, or were never seen: look back from the date. */
int64_t watch_facts_since_s(const struct watch *w, int64_t now_us);

#endif
