#ifndef DB_ARRIVAL_GROUP_H
#define DB_ARRIVAL_GROUP_H

#include "db/arrival.h"
#include "db/gather.h"

/*
 * The questions of db/arrival.h, asked together with those of other inboxes.  The
 * same requests, answers and errors; of an inbox one of each kind at a time.
 *
 * A settle that is told BLAME_REFUSED is to be asked by arrival_settle_start(): what is
 * wrong with it shows there.
 */
int arrival_group_find(struct gather *g, struct arrival_find *q, const struct folder_lease *l,
		       const struct arrival_keys *keys, void (*done)(struct arrival_find *));
int arrival_group_close(struct gather *g, struct arrival_close *q, const struct folder_lease *l,
			const char *folder, int64_t uidvalidity, const struct arrival_item *items,
			size_t n, const struct arrival_mark *mark,
			void (*was)(struct arrival_close *, int64_t uid, enum arrival_was),
			void (*done)(struct arrival_close *));
int arrival_group_settle(struct gather *g, struct arrival_settle *q, const struct folder_lease *l,
			 const struct arrival_verdict *v, const struct arrival_mark *mark,
			 void (*done)(struct arrival_settle *));

#endif
