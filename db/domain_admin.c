#include "db/domain_admin.h"

/* It tears SQL apart. */
/* clang-format off */
#define DOMAIN_JSON                                                                                \
	"jsonb_build_object('id', d.domain_grant_id, 'provider', d.provider, 'kind', d.kind,"      \
	" 'tenant', d.tenant, 'client_id', d.client_id, 'check_address', d.check_address,"         \
	" 'state', case when d.state = 'ok' and d.told_of <> '' then 'expiring' else d.state end," \
	" 'reason', case when d.state = 'ok' and d.told_of <> '' then 'client_secret_ends'"        \
	"  else d.reason end, 'detail', d.evidence,"                                               \
	" 'secret_ends_at', instant_text(case when d.is_offered and d.version = 0"                 \
	"  then d.offer_ends_at else d.secret_ends_at end),"                                       \
	" 'secret', case when d.is_offered then 'checking' when d.problem <> '' then 'refused'"     \
	"  when d.version > 0 then 'accepted' else 'none' end,"                                    \
	" 'problem', d.problem, 'problem_detail', d.problem_detail,"                               \
	" 'inboxes', coalesce((select jsonb_object_agg(n.state, n.n) from ("                       \
	"   select coalesce(s.state, 'new') as state, count(*) as n from inbox_grant g"            \
	"    join inbox i on i.workspace_id = g.workspace_id and i.inbox_id = g.inbox_id"          \
	"    left join inbox_state s on s.workspace_id = g.workspace_id and s.inbox_id = g.inbox_id" \
	"   where g.workspace_id = d.workspace_id and g.domain_grant_id = d.domain_grant_id"       \
	"    and i.admin_state <> 'removed' group by 1) n), '{}'),"                                \
	" 'created_at', instant_text(d.created_at), 'updated_at', instant_text(d.updated_at))::text"

#define ENDS(unix_s) "case when " unix_s "::bigint > 0 then to_timestamp(" unix_s "::bigint) end"

const char domain_admin_sql_add[] =
	"insert into domain_grant as d (workspace_id, domain_grant_id, provider, kind, tenant, client_id,"
	"  check_address, sealed_offer, offer_ends_at) values (workspace_now(), $1, $2, $3, $4, $5, $6, $7, " ENDS("$8") ")"
	" on conflict (workspace_id, provider, tenant, client_id) where state <> 'removed' do nothing"
	" returning " DOMAIN_JSON;
const char domain_admin_sql_renew[] =
	"update domain_grant d set sealed_offer = $2, offer_no = d.offer_no + 1,"
	"  check_address = coalesce(nullif($3, ''), d.check_address),"
	"  client_id = coalesce(nullif($4, ''), d.client_id), problem = '', problem_detail = '',"
	"  state = case when d.state = 'failed' then 'checking' else d.state end,"
	"  offer_ends_at = " ENDS("$5") ", next_try_at = now(), updated_at = now()"
	" where d.workspace_id = workspace_now() and d.domain_grant_id = $1 and d.state <> 'removed'"
	"  and not exists (select from domain_grant o where o.workspace_id = d.workspace_id"
	"   and o.provider = d.provider and o.tenant = d.tenant and o.client_id = $4"
	"   and o.state <> 'removed' and o.domain_grant_id <> d.domain_grant_id)"
	" returning " DOMAIN_JSON;
const char domain_admin_sql_remove[] =
	"update domain_grant d set state = 'removed', sealed = null, sealed_offer = null,"
	"  token_sealed = null, updated_at = now()"
	" where d.workspace_id = workspace_now() and d.domain_grant_id = $1 and d.state <> 'removed'"
	" returning " DOMAIN_JSON;
const char domain_admin_sql_list[] =
	"select coalesce(jsonb_agg((" DOMAIN_JSON ")::jsonb order by d.created_at), '[]')::text"
	" from domain_grant d where d.workspace_id = workspace_now() and d.state <> 'removed'";
const char domain_admin_sql_show[] =
	"select " DOMAIN_JSON " from domain_grant d"
	" where d.workspace_id = workspace_now() and d.domain_grant_id = $1 and d.state <> 'removed'";
/* No row where there is no such domain, however few of the addresses can be used. */
const char domain_admin_sql_import[] =
	"select (select coalesce(jsonb_agg(jsonb_build_object('item', r.item, 'result', r.result,"
	"  'connect_link_id', r.connect_link_id, 'inbox_id', r.inbox_id) order by r.item), '[]')"
	"  from domain_import(d.domain_grant_id, $2::jsonb, $3::jsonb) r)::text"
	" from domain_grant d where d.workspace_id = workspace_now() and d.domain_grant_id = $1"
	"  and d.state <> 'removed'";
const char domain_admin_sql_settled[] =
	"select x.at - 1, l.state, l.problem, l.problem_detail, coalesce(l.inbox_id::text, '')"
	" from jsonb_array_elements_text($1::jsonb) with ordinality x (id, at)"
	" join connect_link l on l.workspace_id = workspace_now() and l.connect_link_id = x.id::uuid"
	" where l.state in ('connected', 'failed') order by x.at";
/* clang-format on */

static const struct pg_stmt add_stmt = { "domain_admin_add", domain_admin_sql_add };
static const struct pg_stmt renew_stmt = { "domain_admin_renew", domain_admin_sql_renew };
static const struct pg_stmt remove_stmt = { "domain_admin_remove", domain_admin_sql_remove };
static const struct pg_stmt list_stmt = { "domain_admin_list", domain_admin_sql_list };
static const struct pg_stmt show_stmt = { "domain_admin_show", domain_admin_sql_show };
static const struct pg_stmt import_stmt = { "domain_admin_import", domain_admin_sql_import };

int domain_admin_add_start(struct pg *pg, struct view *v, const struct domain_admin_new *n,
			   view_cb done)
{
	pg_tx_init(&v->tx, n->workspace);
	pg_tx_add(&v->tx, &add_stmt, "utttttbi", n->id, n->provider, n->kind, n->tenant,
		  n->client_id, n->check_address, n->sealed, n->sealed_len, n->secret_ends_s);
	return view_begin(pg, v, done);
}

int domain_admin_renew_start(struct pg *pg, struct view *v, const struct domain_admin_new *n,
			     view_cb done)
{
	pg_tx_init(&v->tx, n->workspace);
	pg_tx_add(&v->tx, &renew_stmt, "ubtti", n->id, n->sealed, n->sealed_len, n->check_address,
		  n->client_id, n->secret_ends_s);
	return view_begin(pg, v, done);
}

int domain_admin_remove_start(struct pg *pg, struct view *v, const char *workspace, const char *id,
			      view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &remove_stmt, "u", id);
	return view_begin(pg, v, done);
}

int domain_admin_list_start(struct pg *pg, struct view *v, const char *workspace, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &list_stmt, "");
	return view_begin(pg, v, done);
}

int domain_admin_show_start(struct pg *pg, struct view *v, const char *workspace, const char *id,
			    view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &show_stmt, "u", id);
	return view_begin(pg, v, done);
}

int domain_admin_import_start(struct pg *pg, struct view *v, const char *workspace, const char *id,
			      const char *addresses, const char *places, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &import_stmt, "ujj", id, addresses, places);
	return view_begin(pg, v, done);
}
