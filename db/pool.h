#ifndef DB_POOL_H
#define DB_POOL_H

#include "base/buf.h"
#include "db/view.h"

/*
 * Pools of inboxes and their members (db/schema/0028_pools.sql).
 *
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().
 */

/* Something is set; for db/policy, too. */
enum pool_said {
	POOL_SET,
	POOL_NOT_FOUND,
	POOL_NAME_TAKEN,
	POOL_TOO_MANY,
	POOL_UNKNOWN_INBOX, /* `json` has {"index"} of the item that names it */
	POOL_TIME_ZONE      /* it is none that PostgreSQL knows */
};

struct pool_call {
	struct pg_tx tx;
	struct outcome outcome;
	enum pool_said said;
	struct buf json; /* what is set, as it is now; good until pool_call_clear */
	void (*done)(struct pool_call *q);
};
/* For other files of db: start what was added to q->tx, a function that answers `said` and `told`.
 */
int pool_call_begin(struct pg *pg, struct pool_call *q, void (*done)(struct pool_call *));
void pool_call_clear(struct pool_call *q); /* cancels, too */

/* `fields`: JSON, any of the columns that pool_set() names; of a new one `name` at least. */
int pool_set_start(struct pg *pg, struct pool_call *q, const char *workspace, const char *pool,
		   bool is_new, const char *fields, void (*done)(struct pool_call *));
/* `items`: JSON, [{inbox_id, tier?, weight?}]. */
int pool_members_set_start(struct pg *pg, struct pool_call *q, const char *workspace,
			   const char *pool, const char *items, void (*done)(struct pool_call *));

/* Pages in the order of ids: {"pools" or "members": [...], "next": id or null}; `after` NULL: the
 * first. */
int pool_list_start(struct pg *pg, struct view *v, const char *workspace, const char *after,
		    int64_t limit, view_cb done);
int pool_members_start(struct pg *pg, struct view *v, const char *workspace, const char *pool,
		       const char *after, int64_t limit, view_cb done);
int pool_show_start(struct pg *pg, struct view *v, const char *workspace, const char *pool,
		    view_cb done);
/* Its members serve it no more; what was promised out of it stays promised. */
int pool_remove_start(struct pg *pg, struct view *v, const char *workspace, const char *pool,
		      view_cb done);
int pool_member_remove_start(struct pg *pg, struct view *v, const char *workspace, const char *pool,
			     const char *inbox, view_cb done);

#endif
