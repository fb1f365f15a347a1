#include "base/limits.h"
#include "base/mem.h"
#include "db/view.h"

static void on_viewed(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
#define INSTANT(t) "to_char(" t " at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* An inbox is seen up to the least of its watched folders; one without folders was never seen. */
#define INBOX_JSON                                                                                                                                                                                                     \
	"jsonb_build_object('id', i.inbox_id, 'address', i.address, 'provider', i.provider, "                                                                                                                          \
	"'admin_state', i.admin_state,"                                                                                                                                                                                \
	" 'state', coalesce(s.state, 'new'), 'reason', coalesce(s.reason, ''), 'detail', "                                                                                                                             \
	"coalesce(s.detail, ''),"                                                                                                                                                                                      \
	" 'since', " INSTANT("s.since") ","                                                                                                                                                                            \
					" 'watermarks', (select "                                                                                                                                                      \
					"jsonb_build_object('gated_through', " INSTANT(                                                                                                                                \
						"min(f.gated_through)") ","                                                                                                                                            \
									"   "                                                                                                                                          \
									"'ingested_through',"                                                                                                                          \
									" " INSTANT(                                                                                                                                   \
										"min(f.ingested_"                                                                                                                      \
										"through)") ") "                                                                                                                       \
											    "from"                                                                                                                     \
											    " fol"                                                                                                                     \
											    "der "                                                                                                                     \
											    "f"                                                                                                                        \
											    "   "                                                                                                                      \
											    "wher"                                                                                                                     \
											    "e "                                                                                                                       \
											    "f."                                                                                                                       \
											    "inbo"                                                                                                                     \
											    "x_"                                                                                                                       \
											    "id "                                                                                                                      \
											    "= "                                                                                                                       \
											    "i."                                                                                                                       \
											    "inbo"                                                                                                                     \
											    "x_"                                                                                                                       \
											    "id "                                                                                                                      \
											    "and "                                                                                                                     \
											    "f."                                                                                                                       \
											    "role"                                                                                                                     \
											    " in "                                                                                                                     \
											    "('"                                                                                                                       \
											    "inbo"                                                                                                                     \
											    "x', "                                                                                                                     \
											    "'jun"                                                                                                                     \
											    "k'))"                                                                                                                     \
											    ","                                                                                                                        \
											    " '"                                                                                                                       \
											    "fold"                                                                                                                     \
											    "ers'"                                                                                                                     \
											    ", "                                                                                                                       \
											    "(sel"                                                                                                                     \
											    "ect "                                                                                                                     \
											    "coal"                                                                                                                     \
											    "esce"                                                                                                                     \
											    "(jso"                                                                                                                     \
											    "nb_"                                                                                                                      \
											    "agg("                                                                                                                     \
											    "json"                                                                                                                     \
											    "b_"                                                                                                                       \
											    "buil"                                                                                                                     \
											    "d_"                                                                                                                       \
											    "obje"                                                                                                                     \
											    "ct('"                                                                                                                     \
											    "name"                                                                                                                     \
											    "', "                                                                                                                      \
											    "f."                                                                                                                       \
											    "name"                                                                                                                     \
											    ", "                                                                                                                       \
											    "'rol"                                                                                                                     \
											    "e', "                                                                                                                     \
											    "f."                                                                                                                       \
											    "role"                                                                                                                     \
											    ","                                                                                                                        \
											    "   "                                                                                                                      \
											    "'gat"                                                                                                                     \
											    "ed_"                                                                                                                      \
											    "thro"                                                                                                                     \
											    "ugh'"                                                                                                                     \
											    ","                                                                                                                        \
											    " " INSTANT("f.gated_through") ", 'ingested_through', " INSTANT(                                                           \
												    "f.ingested_through") ")"                                                                                          \
															  "   order by f.role, f.name), '[]') from folder f where f.inbox_id = i.inbox_id),"           \
															  " 'grant', (select jsonb_build_object('kind', g.kind, 'state', g.state, 'reason', g.reason)" \
															  "   from inbox_grant g where g.inbox_id = i.inbox_id))"

static const struct pg_stmt inboxes = {
	"view_inboxes",
	"select coalesce(jsonb_agg(" INBOX_JSON " order by i.address), '[]')::text"
	" from inbox i left join inbox_state s on s.inbox_id = i.inbox_id where i.admin_state <> "
	"'removed'",
};
static const struct pg_stmt inbox = {
	"view_inbox",
	"select " INBOX_JSON "::text from inbox i left join inbox_state s on s.inbox_id = "
			     "i.inbox_id where i.inbox_id = $1",
};
static const struct pg_stmt endpoints = {
	"view_endpoints",
	"select coalesce(jsonb_agg(jsonb_build_object('id', endpoint_id, 'url', url, 'types', "
	"types, 'state', state,"
	" 'reason', reason, 'created_at', " INSTANT(
		"created_at") ") order by created_at), '[]')::text from endpoint",
};
static const struct pg_stmt events = {
	"view_events",
	"select jsonb_build_object('events', coalesce(jsonb_agg(event_body(e.event_id, e.type, "
	"e.created_at, e.data)::jsonb"
	"   || jsonb_build_object('position', p.position) order by p.position), '[]'),"
	" 'next', coalesce(max(p.position), $2::bigint))::text"
	" from (select position, event_id, event_created_at from feed"
	"   where workspace_id = $1 and position > $2 order by position limit $3) p"
	" join event e on e.workspace_id = $1 and e.event_id = p.event_id and e.created_at = "
	"p.event_created_at",
};
static const struct pg_stmt event = {
	"view_event",
	"select (event_body(e.event_id, e.type, e.created_at, e.data)::jsonb || "
	"jsonb_build_object('attempts',"
	" (select coalesce(jsonb_agg(jsonb_build_object('at', " INSTANT(
		"a.started_at") ", 'endpoint_id', a.endpoint_id,"
				"   'try', a.try, 'status', a.status, 'outcome', a.outcome, "
				"'detail', a.detail, 'took_ms', a.took_ms)"
				"   order by a.started_at), '[]') from attempt a where "
				"a.workspace_id = $1 and a.event_id = $2),"
				" 'owed', (select count(*) from delivery d where d.workspace_id = "
				"$1 and d.event_id = $2)))::text"
				" from event_key k join event e on e.workspace_id = $1 and "
				"e.event_id = k.event_id and e.created_at = k.event_created_at"
				" where k.workspace_id = $1 and k.event_id = $2",
};
static const struct pg_stmt connect_link = {
	"view_connect_link",
	"select jsonb_build_object('id', connect_link_id, 'provider', provider,"
	" 'state', case when state in ('open', 'started') and expires_at < now() then 'failed' "
	"else state end,"
	" 'problem', case when state in ('open', 'started') and expires_at < now() then "
	"'link_expired' else problem end,"
	" 'problem_detail', problem_detail, 'inbox_id', inbox_id, 'expires_at', " INSTANT(
		"expires_at") ")::text"
			      " from connect_link where connect_link_id = $1 and workspace_id = "
			      "workspace_now()",
};
/* clang-format on */

static int begin(struct pg *pg, struct view *v, view_cb done)
{
	v->done = done;
	v->found = false;
	buf_init(&v->json, LIMIT_VIEW);
	return pg_tx_start(pg, &v->tx, on_viewed);
}

static void on_viewed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct view *v = container_of(tx, struct view, tx);

	v->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) > 0 && !pg_row_is_null(a, 0, 0, 0)) {
		struct text t = text_of(pg_row_text(a, 0, 0, 0));

		v->found = true;
		if (text_add(&v->json, t) != 0)
			v->outcome =
				outcome_of(BLAME_US, "answer larger than LIMIT_VIEW", TEXT(""));
	}
	v->done(v);
}

int view_inboxes_start(struct pg *pg, struct view *v, const char *workspace, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &inboxes, "");
	return begin(pg, v, done);
}

int view_inbox_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox_id,
		     view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &inbox, "u", inbox_id);
	return begin(pg, v, done);
}

int view_endpoints_start(struct pg *pg, struct view *v, const char *workspace, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &endpoints, "");
	return begin(pg, v, done);
}

int view_events_start(struct pg *pg, struct view *v, const char *workspace, int64_t after,
		      int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &events, "uii", workspace, after, limit);
	return begin(pg, v, done);
}

int view_event_start(struct pg *pg, struct view *v, const char *workspace, const char *event_id,
		     view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &event, "uu", workspace, event_id);
	return begin(pg, v, done);
}

int view_connect_link_start(struct pg *pg, struct view *v, const char *workspace, const char *link,
			    view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &connect_link, "u", link);
	return begin(pg, v, done);
}

void view_clear(struct view *v)
{
	pg_tx_cancel(&v->tx);
	buf_clear(&v->json);
}
