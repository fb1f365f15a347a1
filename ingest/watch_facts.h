#ifndef INGEST_WATCH_FACTS_H
#define INGEST_WATCH_FACTS_H

#include "ingest/watch.h"

/* What the watcher has come to know for certain; parts of watch.c. */

/* What the command sent at `us` showed of the folder is durable.  A later proof of the same folder
 * replaces an earlier one. */
void watch_facts_prove(struct watch *w, unsigned folder, int64_t us);
/* The open folder was fetched to the end of what was shown; it is behind again if more came
 * meanwhile. */
void watch_facts_end(struct watch *w, struct watch_folder *f);

#endif
