#include "db/unread.h"

/* clang-format off */
const char unread_sql_list[] =
	"select (select coalesce(jsonb_agg(jsonb_build_object('folder', f.name, 'uid', u.uid, 'left_at', instant_text(u.left_at),"
	"  'acknowledged_at', instant_text(u.acknowledged_at), 'acknowledged_by', u.acknowledged_by) order by u.left_at desc, u.uid desc), '[]')"
	"  from (select * from mail_unread m where m.workspace_id = i.workspace_id and m.inbox_id = i.inbox_id"
	"   order by m.left_at desc, m.uid desc limit 1000) u"
	"  left join folder f on f.workspace_id = u.workspace_id and f.folder_id = u.folder_id)::text"
	" from inbox i where i.workspace_id = workspace_now() and i.inbox_id = $1::uuid";
const char unread_sql_acknowledge[] =
	"with seen as (update mail_unread set acknowledged_at = now(), acknowledged_by = $2::uuid"
	"  where workspace_id = workspace_now() and inbox_id = $1::uuid and acknowledged_at is null returning 1)"
	" select jsonb_build_object('acknowledged', (select count(*) from seen))::text"
	" from inbox i where i.workspace_id = workspace_now() and i.inbox_id = $1::uuid";
/* clang-format on */

static const struct pg_stmt list_stmt = { "unread_list", unread_sql_list };
static const struct pg_stmt acknowledge_stmt = { "unread_acknowledge", unread_sql_acknowledge };

int unread_list_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox,
		      view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &list_stmt, "u", inbox);
	return view_begin(pg, v, done);
}

int unread_acknowledge_start(struct pg *pg, struct view *v, const char *workspace,
			     const char *inbox, const char *by, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &acknowledge_stmt, "uu", inbox, by);
	return view_begin(pg, v, done);
}
