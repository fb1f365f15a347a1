#ifndef DB_ERASE_H
#define DB_ERASE_H

#include "db/view.h"

/*
 * A person is erased from a workspace (db/schema/0033_erase.sql), in two steps, since PostgreSQL
 * cannot make the digests under which his stop goes on.
 *
 * Views: `v` is free when `done` is called.  As pg_tx_start().
 */

/* Whom a word means, a key or an address: [{key, addresses}]; not found: nobody. */
int erase_known_start(struct pg *pg, struct view *v, const char *workspace, const char *word,
		      view_cb done);
/*
 * `items`: JSON [{key, alias, addresses, digests}] -> {"result": "done", "erased": [{alias, events,
 * messages, outbounds, stop_kept}]}; "pending": a mail of his is being read, or one to him is
 * promised; "again": he has other addresses meanwhile.  Of the latter two nothing was done.
 */
int erase_start(struct pg *pg, struct view *v, const char *workspace, const char *items,
		view_cb done);

#endif
