#include "db/explain.h"

#include "base/mem.h"

/* It tears SQL apart. */
/* clang-format off */
/* The gate as the log told it last, by another mail; a correction has kept it. */
#define GATE_BEFORE                                                                                \
	"coalesce((select c.gate_before from correction c where c.workspace_id = $1 and c.event_id = $2)," \
	"  (select b.data -> 'gate' from event b where b.workspace_id = $1 and b.prospect_key = e.prospect_key" \
	"    and b.prospect_seq < e.prospect_seq and b.data ? 'gate'"                                \
	"    and (e.message_id is null or b.message_id is distinct from e.message_id)"               \
	"   order by b.prospect_seq desc limit 1),"                                                  \
	"  '{\"level\": 0, \"reason\": \"\"}')"

/* Gone from what is owed and answered with 2xx: delivered; else as it stands there. */
#define DELIVERIES                                                                                 \
	"(select coalesce(jsonb_agg(jsonb_build_object('endpoint_id', p.endpoint_id, 'url', p.url,"  \
	"   'state', case when d.state is not null then d.state when t.is_delivered then 'delivered' else 'gone' end," \
	"   'tries', t.tries, 'status', t.status, 'outcome', t.outcome, 'tried_at', instant_text(t.tried_at)," \
	"   'due_at', case when d.state = 'due' then instant_text(d.due_at) end) order by p.created_at, p.endpoint_id), '[]')" \
	"  from endpoint p"                                                                          \
	"  left join (select x.endpoint_id, x.state, x.due_at from delivery x"                       \
	"    where x.workspace_id = $1 and x.event_id = $2) d on d.endpoint_id = p.endpoint_id"      \
	"  cross join lateral (select count(*) as tries, coalesce(bool_or(a.outcome = 'delivered'), false) as is_delivered," \
	"    (array_agg(a.status order by a.started_at desc))[1] as status,"                         \
	"    (array_agg(a.outcome order by a.started_at desc))[1] as outcome, max(a.started_at) as tried_at" \
	"   from attempt a where a.workspace_id = $1 and a.event_id = $2 and a.endpoint_id = p.endpoint_id) t" \
	"  where p.workspace_id = $1 and (d.state is not null or t.tries > 0))"

static const struct pg_stmt explain = {
	"explain",
	"select jsonb_build_object('id', e.event_id, 'type', e.type, 'timestamp', instant_text(e.created_at),"
	"  'position', (select x.position from feed x where x.workspace_id = $1"
	"    and x.event_created_at = e.created_at and x.event_id = e.event_id limit 1),"
	"  'erased', coalesce(e.data -> 'erased', 'false'), 'kind', e.data -> 'kind', 'intent', e.data -> 'intent',"
	"  'confidence', e.data -> 'confidence', 'evidence', v.evidence,"
	"  'rules', (select coalesce(jsonb_agg(distinct r.value -> 'rule'), '[]') from jsonb_array_elements(v.evidence) r),"
	"  'matches', coalesce(e.data -> 'matches', '[]'),"
	"  'gate', case when e.data ? 'gate' then jsonb_build_object('before', " GATE_BEFORE ", 'after', e.data -> 'gate') end,"
	"  'deliveries', " DELIVERIES ")::text"
	" from event_key k join event e on e.workspace_id = $1 and e.event_id = k.event_id"
	"  and e.created_at = k.event_created_at,"
	" lateral (select coalesce(e.data -> 'evidence', '[]') as evidence) v"
	" where k.workspace_id = $1 and k.event_id = $2",
};
/* clang-format on */

int explain_start(struct pg *pg, struct view *v, const char *workspace, const char *event,
		  view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &explain, "uu", workspace, event);
	return view_begin(pg, v, done);
}
