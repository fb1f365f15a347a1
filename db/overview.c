#include "db/overview.h"

#include "db/inbox_row.h"

/* clang-format off */
#define ROWS_MAX 50 /* inboxes that need somebody */
#define WS "workspace_now()"
#define ROWS "$1::bigint"

#define COUNTS                                                                                     \
	"(select coalesce(jsonb_agg(jsonb_build_object('provider', c.provider, 'state', c.state, 'n', c.n)), '[]') from ("\
	"  select i.provider, " INBOX_ROW_STATE " as state, count(*) as n from inbox i left join inbox_state s"\
	"   on s.workspace_id = i.workspace_id and s.inbox_id = i.inbox_id"                            \
	"  where i.workspace_id = " WS " and i.admin_state <> 'removed' group by 1, 2) c)"

/* A connection that is tried again by itself is somebody's when that has lasted; a limit is waited out. */
#define SICK                                                                                       \
	"(select s.rank, s.since, s.inbox_id, s.j from " INBOX_ROW_RANKS " cross join lateral ("       \
	"   select r.rank, s.since, s.inbox_id, " INBOX_ROW_JSON " as j"                                \
	"   from inbox_state s join inbox i on i.workspace_id = s.workspace_id and i.inbox_id = s.inbox_id"\
	"   where s.workspace_id = " WS " and s.state = r.state and i.admin_state = 'enabled'"          \
	"    and (r.rank <= 2 or s.since < now() - interval '15 minutes' and not is_limit(s.reason))"   \
	"   order by s.since, s.inbox_id limit " ROWS " + 1) s where r.rank <= 4 order by s.rank, s.since limit " ROWS " + 1)"
#define NEEDS                                                                                      \
	"jsonb_build_object('inboxes', (select coalesce(jsonb_agg(x.j order by x.rank, x.since) filter (where x.n <= " ROWS "), '[]')"\
	"   from (select *, row_number() over (order by k.rank, k.since) as n from sick k) x),"       \
	"  'more', (select count(*) > " ROWS " from sick),"                                             \
	"  'endpoints', (select coalesce(jsonb_agg(jsonb_build_object('id', p.endpoint_id, 'url', p.url, 'label', p.label,"\
	"    'state', case p.state when 'enabled' then l.state else p.state end, 'reason', p.reason,"  \
	"    'failing_since', instant_text(l.failing_since), 'last_failure', nullif(l.failed_with, '')) order by p.state, l.failing_since), '[]')"\
	"   from endpoint p join endpoint_lane l on l.workspace_id = p.workspace_id and l.endpoint_id = p.endpoint_id"\
	"   where p.workspace_id = " WS " and (p.state = 'disabled' or p.state = 'enabled' and l.state = 'probing')),"\
	"  'unread', (select coalesce(jsonb_agg(jsonb_build_object('id', u.inbox_id, 'address', u.address, 'n', u.n)), '[]') from ("\
	"    select i.inbox_id, i.address, count(*) as n from mail_unread m join inbox i on i.workspace_id = m.workspace_id"\
	"     and i.inbox_id = m.inbox_id where m.workspace_id = " WS " and m.acknowledged_at is null group by 1, 2 limit " ROWS ") u),"\
	"  'domains', (select coalesce(jsonb_agg(jsonb_build_object('id', d.domain_grant_id, 'provider', d.provider, 'tenant', d.tenant,"\
	"    'state', d.state, 'reason', coalesce(nullif(d.reason, ''), d.problem))), '[]') from domain_grant d"\
	"   where d.workspace_id = " WS " and d.state in ('failed', 'reauth_required')))"

#define CHANGED                                                                                    \
	"(select coalesce(jsonb_agg(c.j order by c.since desc, c.inbox_id), '[]') from ("              \
	"  select s.since, s.inbox_id, " INBOX_ROW_JSON " as j from inbox_state s"                      \
	"   join inbox i on i.workspace_id = s.workspace_id and i.inbox_id = s.inbox_id"               \
	"  where s.workspace_id = " WS " and s.since > now() - interval '1 hour' and i.admin_state <> 'removed'"\
	"  order by s.since desc, s.inbox_id limit 20) c)"

static const char overview_sql[] =
	"with sick as materialized " SICK ","
	" late as materialized (select f.position, f.event_id, f.event_created_at, f.type from feed f"
	"  where f.workspace_id = " WS " and f.event_created_at > now() - interval '24 hours'"
	"   and f.position > (select coalesce(max(h.position), 0) - 50000 from feed_head h where h.workspace_id = " WS ")),"
	" told as materialized (select date_trunc('hour', l.event_created_at) as hour,"
	"   case when not coalesce((e.data ->> 'recovered')::boolean, false) then extract(epoch from (e.data ->> 'detected_at')::timestamptz"
	"    - (e.data #>> '{message,received_at}')::timestamptz) * 1000 end as detected,"
	"   extract(epoch from a.at - (e.data ->> 'detected_at')::timestamptz) * 1000 as delivered"
	"  from (select * from late order by position desc limit 1000) l"
	"  join event e on e.workspace_id = " WS " and e.event_id = l.event_id and e.created_at = l.event_created_at"
	"  left join lateral (select min(t.started_at + t.took_ms * interval '1 millisecond') as at from attempt t"
	"   where t.workspace_id = " WS " and t.event_id = l.event_id and t.started_at >= l.event_created_at - interval '1 minute'"
	"    and t.outcome = 'delivered') a on true"
	"  where e.data ? 'detected_at' and e.data #> '{message,received_at}' is not null)"
	"select jsonb_build_object('at', instant_text(now()), 'counts', " COUNTS ", 'needs', " NEEDS ", 'changed', " CHANGED ","
	" 'hours', (select coalesce(jsonb_agg(jsonb_build_object('at', instant_text(h.hour), 'types', h.types) order by h.hour), '[]') from ("
	"   select g.hour, jsonb_object_agg(g.type, g.n) as types from (select date_trunc('hour', event_created_at) as hour, type, count(*) as n"
	"    from late group by 1, 2) g group by 1) h),"
	" 'latency', (select coalesce(jsonb_agg(jsonb_build_object('at', instant_text(t.hour), 'n', t.n,"
	"    'arrived_to_detected', jsonb_build_object('p50', t.d50, 'p95', t.d95),"
	"    'detected_to_delivered', jsonb_build_object('p50', t.p50, 'p95', t.p95)) order by t.hour), '[]') from ("
	"   select hour, count(*) as n, round(greatest(percentile_cont(0.5) within group (order by detected), 0)) as d50,"
	"    round(greatest(percentile_cont(0.95) within group (order by detected), 0)) as d95,"
	"    round(greatest(percentile_cont(0.5) within group (order by delivered), 0)) as p50,"
	"    round(greatest(percentile_cont(0.95) within group (order by delivered), 0)) as p95 from told group by 1) t))::text";
static const struct pg_stmt overview = { "overview", overview_sql };
/*
 * Planned each time by how much there is, since a plan from when there was little joins everybody
 * with everybody; and by one process: others would have to be started first.
 */
static const struct pg_stmt afresh = {
	"overview_afresh",
	"select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('max_parallel_workers_per_gather', '0', true)",
};
/* clang-format on */

int overview_start(struct pg *pg, struct view *v, const char *workspace, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &afresh, "");
	pg_tx_add(&v->tx, &overview, "i", (int64_t)ROWS_MAX);
	return view_begin_behind(pg, v, 1, done);
}
