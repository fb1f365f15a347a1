#include "db/policy.h"

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt set = {
	"policy_set", "select said, coalesce(told::text, '') from send_policy_set($1, $2)",
};
static const struct pg_stmt show = {
	"policy_show", "select send_policy_says($1)::text",
};
static const struct pg_stmt group_set = {
	"policy_group_set", "select said, coalesce(told::text, '') from send_group_set($1, $2, $3::bigint::int)",
};
static const struct pg_stmt groups = {
	"policy_groups",
	"select jsonb_build_object('groups', coalesce(jsonb_agg(send_group_says(g.it) order by g.n) filter (where g.n <= $2::bigint), '[]'),"
	"  'next', case when count(*) > $2::bigint then (array_agg((g.it).kind || ':' || (g.it).name order by g.n))[$2::bigint] end)::text"
	" from (select o as it, row_number() over (order by o.kind, o.name) as n from send_group o"
	"  where o.workspace_id = workspace_now() and ($1::text is null"
	"   or (o.kind, o.name) > (split_part($1, ':', 1), substr($1, strpos($1, ':') + 1)))"
	"  order by o.kind, o.name limit $2::bigint + 1) g",
};
static const struct pg_stmt group_remove = {
	"policy_group_remove",
	"delete from send_group where workspace_id = workspace_now() and kind = $1 and name = $2"
	" returning jsonb_build_object('kind', kind, 'name', name, 'removed', true)::text",
};
/* clang-format on */

int policy_set_start(struct pg *pg, struct pool_call *q, const char *workspace, const char *inbox,
		     const char *fields, void (*done)(struct pool_call *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &set, "uj", inbox, fields);
	return pool_call_begin(pg, q, done);
}

int policy_show_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox,
		      view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &show, "u", inbox);
	return view_begin(pg, v, done);
}

int policy_group_set_start(struct pg *pg, struct pool_call *q, const char *workspace,
			   const char *kind, const char *name, int64_t ceiling,
			   void (*done)(struct pool_call *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &group_set, "tti", kind, name, ceiling);
	return pool_call_begin(pg, q, done);
}

int policy_groups_start(struct pg *pg, struct view *v, const char *workspace, const char *after,
			int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &groups, "ti", after, limit);
	return view_begin(pg, v, done);
}

int policy_group_remove_start(struct pg *pg, struct view *v, const char *workspace,
			      const char *kind, const char *name, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &group_remove, "tt", kind, name);
	return view_begin(pg, v, done);
}
