#include "db/endpoint.h"

#include "base/limits.h"
#include "base/mem.h"

static void on_called(struct pg_tx *tx, const struct pg_answer *a);

/* clang-format off */
#define NONE(set)                                                                                  \
	" not exists (select from jsonb_array_elements_text(case jsonb_typeof(" set "->'inbox_ids')"  \
	"   when 'array' then " set "->'inbox_ids' end) i where not exists (select from inbox n"     \
	"   where n.workspace_id = workspace_now() and n.inbox_id = i::uuid))"
#define TEXTS(set, name)                                                                           \
	"(select array_agg(t) from jsonb_array_elements_text(case jsonb_typeof(" set "->'" name "')" \
	"   when 'array' then " set "->'" name "' end) t)"
/* What is configured; its digest is the ETag. */
#define SET                                                                                        \
	"jsonb_build_object('id', p.endpoint_id, 'url', p.url, 'label', p.label, 'types', p.types,"  \
	" 'inbox_ids', p.inbox_ids, 'state', p.state, 'reason', p.reason,"                           \
	" 'concurrency', p.concurrency, 'rate_per_s', p.rate_per_s, 'timeout_ms', p.timeout_ms,"     \
	" 'batch', p.batch, 'hold_for_s', extract(epoch from p.hold_for)::bigint,"                   \
	" 'has_headers', p.headers_key_id is not null,"                                              \
	" 'has_client_certificate', p.client_key_id is not null,"                                    \
	" 'old_secret_until', instant_text(case when p.old_until > now() then p.old_until end),"     \
	" 'disabled_at', instant_text(p.disabled_at), 'created_at', instant_text(p.created_at))"
#define ETAG "md5((" SET ")::text)"
#define SHOWN                                                                                      \
	"(" SET " || jsonb_build_object('etag', " ETAG ", 'health', jsonb_build_object("                                                             \
	"  'state', case p.state when 'enabled' then l.state else 'disabled' end,"                   \
	"  'failing_since', instant_text(l.failing_since),"                                          \
	"  'last_success_at', instant_text(l.succeeded_at),"                                         \
	"  'last_failure_at', instant_text(l.failed_at), 'last_failure', nullif(l.failed_with, ''),"  \
	"  'owed', (select count(*) from (select from delivery d where d.workspace_id = p.workspace_id" \
	"    and d.endpoint_id = p.endpoint_id and d.state <> 'dead' limit 10001) x),"               \
	"  'dead', (select count(*) from (select from delivery d where d.workspace_id = p.workspace_id" \
	"    and d.endpoint_id = p.endpoint_id and d.state = 'dead' limit 10001) x),"                 \
	"  'lately', endpoint_fared(p.endpoint_id))))"
#define OF_ENDPOINT                                                                                \
	" from endpoint p join endpoint_lane l on l.workspace_id = p.workspace_id"                   \
	"  and l.endpoint_id = p.endpoint_id"                                                        \
	" where p.workspace_id = workspace_now() and p.state <> 'removed'"

/*
 * For the rest of the transaction: is it as the caller knows it?  The lock is waited for, and the row
 * is the one behind it.
 */
static const struct pg_stmt matches = {
	"endpoint_matches",
	"select set_config('replyd.matches', coalesce((select " ETAG " = any(string_to_array($2, ' '))"
	"  from endpoint p where p.workspace_id = workspace_now() and p.endpoint_id = $1"
	"  and p.state <> 'removed' for update), false)::text, true)",
};
#define MATCHES " and current_setting('replyd.matches', true) is distinct from 'false'"

static const struct pg_stmt none = {
	"endpoint_none",
	"select coalesce(string_agg(i, ' '), '') from jsonb_array_elements_text("
	" case jsonb_typeof($1::jsonb->'inbox_ids') when 'array' then $1::jsonb->'inbox_ids' end) i"
	" where not exists (select from inbox n where n.workspace_id = workspace_now()"
	"  and n.inbox_id = i::uuid)",
};
static const struct pg_stmt create = {
	"endpoint_create",
	"insert into endpoint (workspace_id, endpoint_id, url, sealed_secret)"
	" select workspace_now(), $1, $2::jsonb->>'url', $3 where" NONE("$2::jsonb")
	" and (select count(*) from endpoint where workspace_id = workspace_now()"
	"  and state <> 'removed') < $4::bigint",
};
static const struct pg_stmt change = {
	"endpoint_change",
	"update endpoint p set url = coalesce(s->>'url', url), label = coalesce(s->>'label', label),"
	" types = case when s ? 'types' then " TEXTS("s", "types") " else types end,"
	" inbox_ids = case when s ? 'inbox_ids' then " TEXTS("s", "inbox_ids") "::uuid[]"
	"  else inbox_ids end,"
	" concurrency = coalesce((s->>'concurrency')::int, concurrency),"
	" rate_per_s = case when s ? 'rate_per_s' then (s->>'rate_per_s')::int else rate_per_s end,"
	" timeout_ms = case when s ? 'timeout_ms' then (s->>'timeout_ms')::int else timeout_ms end,"
	" batch = coalesce((s->>'batch')::int, batch),"
	" hold_for = coalesce(make_interval(secs => (s->>'hold_for_s')::double precision), hold_for),"
	" state = coalesce(s->>'state', state),"
	" reason = case when s ? 'state' then '' else reason end,"
	" disabled_at = case when not s ? 'state' then disabled_at"
	"  when s->>'state' = 'disabled' then coalesce(disabled_at, now()) end"
	" from (select $2::jsonb as s) x"
	" where workspace_id = workspace_now() and endpoint_id = $1 and state <> 'removed'" MATCHES " and"
	NONE("$2::jsonb"),
};
static const struct pg_stmt headers = {
	"endpoint_headers",
	"update endpoint set sealed_headers = $2 where workspace_id = workspace_now()"
	" and endpoint_id = $1 and state <> 'removed'" MATCHES,
};
static const struct pg_stmt client = {
	"endpoint_client",
	"update endpoint set sealed_client = $2 where workspace_id = workspace_now()"
	" and endpoint_id = $1 and state <> 'removed'" MATCHES,
};
static const struct pg_stmt wake = {
	"endpoint_wake", /* at another URL it may work: what it waits for is over */
	"update endpoint_lane set not_before = '-infinity', due_at = now() where $2::jsonb ? 'url'"
	" and workspace_id = workspace_now() and endpoint_id = $1" MATCHES,
};
static const struct pg_stmt matched = {
	"endpoint_matched", "select current_setting('replyd.matches', true) is distinct from 'false'",
};
static const struct pg_stmt show = {
	"endpoint_show", "select (" SHOWN ")::text" OF_ENDPOINT " and p.endpoint_id = $1",
};
static const struct pg_stmt list = {
	"endpoint_list",
	"select coalesce(jsonb_agg(" SHOWN " order by p.created_at, p.endpoint_id), '[]')::text"
	OF_ENDPOINT,
};
static const struct pg_stmt remove_stmt = {
	"endpoint_remove",
	"update endpoint p set state = 'removed', reason = '', url = '', sealed_secret = '',"
	" sealed_headers = null, sealed_client = null"
	" where workspace_id = workspace_now() and endpoint_id = $1 and state <> 'removed'"
	" and ($2::text is null or " ETAG " = any(string_to_array($2, ' ')))"
	" returning jsonb_build_object('id', endpoint_id, 'state', state)::text",
};
static const struct pg_stmt rotate = {
	"endpoint_rotate",
	"select jsonb_build_object('id', $1::uuid, 'old_secret_until', instant_text(u))::text"
	" from endpoint_rotate($1, $2, make_interval(secs => $3::bigint)) u where u is not null",
};
static const struct pg_stmt test = {
	"endpoint_test",
	"select jsonb_build_object('event_id', $2::uuid, 'endpoint_id', p.endpoint_id)::text from endpoint p"
	" where p.workspace_id = workspace_now() and p.endpoint_id = $1 and p.state = 'enabled'"
	" and event_put($2::uuid, 'webhook.test', null, null, null, null, jsonb_build_object("
	"  'endpoint_id', p.endpoint_id, 'message', 'It works when you read this and it verifies.'))",
};
static const struct pg_stmt dead_letters = {
	"endpoint_dead_letters",
	"select jsonb_build_object('dead_letters', coalesce(jsonb_agg(jsonb_build_object("
	"  'event_id', d.event_id, 'type', e.type, 'position', d.position, 'prospect', d.prospect_key,"
	"  'tries', d.tries, 'status', d.status, 'outcome', d.failed_with,"
	"  'died_at', instant_text(d.died_at)) order by d.position) filter (where d.position is not null),"
	"  '[]'), 'next', coalesce(max(d.position), $2::bigint))::text"
	" from endpoint p left join lateral (select * from delivery d where d.workspace_id = p.workspace_id"
	"   and d.endpoint_id = p.endpoint_id and d.state = 'dead' and d.position > $2::bigint"
	"   order by d.position limit $3::bigint) d on true"
	" left join event e on e.workspace_id = d.workspace_id and e.event_id = d.event_id"
	"  and e.created_at = d.event_created_at"
	" where p.workspace_id = workspace_now() and p.endpoint_id = $1 and p.state <> 'removed'"
	" group by p.endpoint_id",
};
#define REPLAY                                                                                     \
	"jsonb_build_object('id', y.replay_id, 'endpoint_id', y.endpoint_id, 'what', y.what,"        \
	" 'event_id', y.event_id, 'types', y.types, 'from', instant_text(y.from_at),"                \
	" 'to', instant_text(y.to_at), 'state', y.state, 'queued', y.queued,"                        \
	" 'looked_at', y.position, 'to_position', y.to_position, 'made_at', instant_text(y.made_at),"  \
	" 'ended_at', instant_text(y.ended_at))"
static const struct pg_stmt replay_ask = {
	"endpoint_replay",
	"select jsonb_build_object('problem', r.problem, 'replay_id', r.replay)::text"
	" from replay_ask($1, $2, $3, $4,"
	"  (select array_agg(t) from jsonb_array_elements_text($5::jsonb) t), $6, $7, $8) r"
	" where r.problem <> 'no endpoint'",
};
static const struct pg_stmt replay_show = {
	"endpoint_replay_show",
	"select (" REPLAY ")::text from replay y where y.workspace_id = workspace_now()"
	" and y.endpoint_id = $1 and y.replay_id = $2",
};
/* clang-format on */

/* ---- create and change ---- */

static void add_sealed(struct endpoint_call *q, const struct pg_stmt *s, const char *endpoint,
		       const struct endpoint_sealed *box)
{
	if (box->is_given)
		pg_tx_add(&q->tx, s, "ub", endpoint, box->at, box->n);
}

static int start(struct pg *pg, struct endpoint_call *q, const char *endpoint,
		 const struct endpoint_set *set, void (*done)(struct endpoint_call *))
{
	pg_tx_add(&q->tx, &change, "uj", endpoint, set->fields);
	add_sealed(q, &headers, endpoint, &set->headers);
	add_sealed(q, &client, endpoint, &set->client);
	pg_tx_add(&q->tx, &wake, "uj", endpoint, set->fields);
	pg_tx_add(&q->tx, &matched, "");
	pg_tx_add(&q->tx, &show, "u", endpoint);
	q->done = done;
	q->is_there = false;
	q->is_other = false;
	buf_init(&q->none, LIMIT_PG_PARAMS);
	buf_init(&q->json, LIMIT_VIEW);
	return pg_tx_start(pg, &q->tx, on_called);
}

int endpoint_create_start(struct pg *pg, struct endpoint_call *q, const char *workspace,
			  const char *endpoint, const struct endpoint_set *set, const void *sealed,
			  size_t sealed_len, void (*done)(struct endpoint_call *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &none, "j", set->fields);
	pg_tx_add(&q->tx, &create, "ujbi", endpoint, set->fields, sealed, sealed_len,
		  (int64_t)ENDPOINT_MOST);
	return start(pg, q, endpoint, set, done);
}

int endpoint_change_start(struct pg *pg, struct endpoint_call *q, const char *workspace,
			  const char *endpoint, const char *known, const struct endpoint_set *set,
			  void (*done)(struct endpoint_call *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &none, "j", set->fields);
	if (known)
		pg_tx_add(&q->tx, &matches, "ut", endpoint, known);
	return start(pg, q, endpoint, set, done);
}

static void on_called(struct pg_tx *tx, const struct pg_answer *a)
{
	struct endpoint_call *q = container_of(tx, struct endpoint_call, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		(void)text_add(&q->none, text_of(pg_row_text(a, 0, 0, 0)));
		q->is_other = !pg_row_bool(a, a->n - 2, 0, 0);
		q->is_there = pg_rows(a, a->n - 1) > 0;
		if (q->is_there)
			(void)text_add(&q->json, text_of(pg_row_text(a, a->n - 1, 0, 0)));
	}
	q->done(q);
}

void endpoint_call_clear(struct endpoint_call *q)
{
	pg_tx_cancel(&q->tx);
	buf_clear(&q->none);
	buf_clear(&q->json);
}

/* ---- views ---- */

int endpoint_show(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
		  view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &show, "u", endpoint);
	return view_begin(pg, v, done);
}

int endpoint_list(struct pg *pg, struct view *v, const char *workspace, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &list, "");
	return view_begin(pg, v, done);
}

int endpoint_remove(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
		    const char *known, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &remove_stmt, "ut", endpoint, known);
	return view_begin(pg, v, done);
}

int endpoint_rotate(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
		    const void *sealed, size_t sealed_len, int64_t both_for_s, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &rotate, "ubi", endpoint, sealed, sealed_len, both_for_s);
	return view_begin(pg, v, done);
}

int endpoint_test(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
		  const char *event, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &test, "uu", endpoint, event);
	return view_begin(pg, v, done);
}

int endpoint_dead_letters(struct pg *pg, struct view *v, const char *workspace,
			  const char *endpoint, int64_t after, int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &dead_letters, "uii", endpoint, after, limit);
	return view_begin(pg, v, done);
}

int endpoint_replay_start(struct pg *pg, struct view *v, const char *workspace,
			  const struct endpoint_replay *r, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &replay_ask, "uutujTTt", r->replay, r->endpoint, r->what, r->event,
		  r->types, r->from_us, r->to_us, r->asked);
	return view_begin(pg, v, done);
}

int endpoint_replay_show(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
			 const char *replay, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &replay_show, "uu", endpoint, replay);
	return view_begin(pg, v, done);
}
