#include "db/inbox_admin.h"

static const struct pg_stmt admin = {
	"inbox_admin",
	"update inbox set admin_state = $2 where workspace_id = workspace_now() and inbox_id = $1"
	" and admin_state in ('enabled', 'paused')"
	" returning jsonb_build_object('id', inbox_id, 'admin_state', admin_state)::text",
};

int inbox_admin_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox,
		      bool is_paused, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &admin, "ut", inbox, is_paused ? "paused" : "enabled");
	return view_begin(pg, v, done);
}
