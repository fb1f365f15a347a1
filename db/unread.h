#ifndef DB_UNREAD_H
#define DB_UNREAD_H

#include "db/view.h"

/*
 * Mails that are left alone, because processes died at their headers (table mail_unread):
 * whoever was written to before may have answered by one of them, and his gate says so
 * (db/gate.h) until somebody has looked and acknowledges it.
 *
 * [{"folder","uid","left_at","acknowledged_at","acknowledged_by"}], newest first, at most 1000;
 * not found: no such inbox.
 */
int unread_list_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox,
		      view_cb done);
/* Those that were there when this is asked.  {"acknowledged": how many}; `by`: uuid of the API key.
 */
int unread_acknowledge_start(struct pg *pg, struct view *v, const char *workspace,
			     const char *inbox, const char *by, view_cb done);

/* The same for the command line, in a session that has named its workspace. */
extern const char unread_sql_list[];        /* $1: inbox */
extern const char unread_sql_acknowledge[]; /* $1: inbox, $2: key, null: the command line */

#endif
