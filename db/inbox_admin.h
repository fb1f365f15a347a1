#ifndef DB_INBOX_ADMIN_H
#define DB_INBOX_ADMIN_H

#include "db/view.h"

/*
 * What people want of an inbox: watched, or left alone for a while.  {"id", "admin_state"}; of one
 * that was disconnected there is nothing to say: not found.  Afterwards notify replyd_inbox.
 */
int inbox_admin_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox,
		      bool is_paused, view_cb done);

#endif
