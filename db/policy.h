#ifndef DB_POLICY_H
#define DB_POLICY_H

#include "db/pool.h"

/*
 * What an inbox may send, and the ceilings that inboxes share (db/schema/0028_pools.sql).
 *
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().
 */

/* `fields`: JSON, any of the columns that send_policy_set() names; `windows` in minutes and
 * weekdays from 1. */
int policy_set_start(struct pg *pg, struct pool_call *q, const char *workspace, const char *inbox,
		     const char *fields, void (*done)(struct pool_call *));
int policy_show_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox,
		      view_cb done);

/* `kind`: "domain", "tenant". */
int policy_group_set_start(struct pg *pg, struct pool_call *q, const char *workspace,
			   const char *kind, const char *name, int64_t ceiling,
			   void (*done)(struct pool_call *));
/* Behind "kind:name", NULL: from the first: {"groups": [...], "next"}. */
int policy_groups_start(struct pg *pg, struct view *v, const char *workspace, const char *after,
			int64_t limit, view_cb done);
int policy_group_remove_start(struct pg *pg, struct view *v, const char *workspace,
			      const char *kind, const char *name, view_cb done);

#endif
