#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "db/view.h"

static void on_viewed(struct pg_tx *tx, const struct pg_answer *a);
static void on_inboxes(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */

/* ---- inboxes ---- */

/* A proof holds for every folder that an inbox is judged by, whatever their rows say. */
#define FOLDERS_JSON(which)                                                                        \
	"(select coalesce(jsonb_agg(jsonb_build_object("                                           \
	"  'name', f.name, 'role', f.role,"                                                        \
	"  'gated_through', instant_text(case when f.role in ('inbox', 'junk', 'all')"             \
	"   then greatest(f.gated_through, e.gated_through) else f.gated_through end),"            \
	"  'ingested_through', instant_text(case when f.role in ('inbox', 'junk', 'all')"          \
	"   then greatest(f.ingested_through, e.ingested_through) else f.ingested_through end),"   \
	"  'seen_by', nullif(f.seen_by, ''), 'seen_every_s', nullif(f.seen_every_s, 0))"           \
	"  order by f.role, f.name), '[]') from folder f where f.inbox_id = i.inbox_id" which ")"

#define INBOX_JSON(which)                                                                          \
	"jsonb_build_object('id', i.inbox_id, 'address', i.address, 'provider', i.provider,"       \
	" 'admin_state', i.admin_state, 'state', coalesce(s.state, 'new'),"                        \
	" 'reason', coalesce(s.reason, ''), 'detail', coalesce(s.detail, ''),"                     \
	" 'waiting_for', coalesce(nullif(s.waiting_for, ''), case coalesce(s.state, 'new')"         \
	"  when 'new' then 'a worker' when 'unwatched' then 'a worker' when 'live' then 'mail'"     \
	"  when 'connecting' then 'the connection' when 'catching_up' then 'mails from before'"     \
	"  when 'backing_off' then 'another try' when 'reauth_required' then 'the user''s consent'" \
	"  when 'held' then 'somebody to mend it' end),"                                            \
	" 'progress', case when s.progress_of is not null then"                                    \
	"  jsonb_build_object('done', s.progress_done, 'of', s.progress_of) end,"                  \
	" 'since', instant_text(s.since),"                                                         \
	" 'retry_at', instant_text(s.retry_at),"                                                   \
	" 'watermarks', jsonb_build_object('gated_through', instant_text(e.gated_through),"        \
	"  'ingested_through', instant_text(e.ingested_through)),"                                 \
	" 'gap', (select jsonb_build_object('id', g.gap_id, 'blind_from', instant_text(g.blind_from)," \
	"   'cause', g.cause) from gap g where g.workspace_id = i.workspace_id"                    \
	"  and g.inbox_id = i.inbox_id and g.closed_at is null),"                                  \
	" 'covers', inbox_covers(i.inbox_id),"                                                     \
	" 'folders', " FOLDERS_JSON(which) ","                                                     \
	" 'smtp', coalesce((select jsonb_build_object('state', m.state, 'reason', m.reason, 'detail', m.detail," \
	"   'host', m.host, 'port', nullif(m.port, 0), 'security', nullif(m.security, ''),"        \
	"   'checked_at', instant_text(m.checked_at)) from inbox_smtp m"                           \
	"  where m.workspace_id = i.workspace_id and m.inbox_id = i.inbox_id),"                    \
	"  jsonb_build_object('state', 'not_checked', 'reason', '', 'detail', '', 'host', '',"     \
	"   'port', null, 'security', null, 'checked_at', null)),"                                 \
	" 'removal', (select jsonb_build_object('asked_at', instant_text(x.asked_at),"              \
	"   'state', x.state, 'reason', x.reason, 'ended_at', instant_text(x.ended_at))"       \
	"  from removal x where x.workspace_id = i.workspace_id and x.inbox_id = i.inbox_id"        \
	"   and i.admin_state = 'removed'),"                                                        \
	" 'grant', (select jsonb_build_object('kind', g.kind, 'state', grant_state(g.state, g.dies_of)," \
	"   'reason', case when g.state = 'ok' and g.dies_of <> '' then g.dies_of else g.reason end," \
	"   'dies_at', case when g.state = 'ok' then instant_text(g.dies_at) end)"                \
	"  from inbox_grant g where g.inbox_id = i.inbox_id))"

#define INBOX_FROM INBOX_FROM_OF("inbox")
#define INBOX_FROM_OF(which)                                                                       \
	" from " which " i join inbox_seen e on e.workspace_id = i.workspace_id"                       \
	"  and e.inbox_id = i.inbox_id"                                                            \
	" left join inbox_state s on s.inbox_id = i.inbox_id"

/* In a list only the folders that are watched all the time. */
static const struct pg_stmt inboxes = {
	"view_inboxes",
	"select coalesce(jsonb_agg(" INBOX_JSON(" and f.role <> 'other'") " order by i.address), '[]')::text,"
	" case when count(*) = $2::bigint then max(i.address) end"
	INBOX_FROM_OF("(select * from inbox where workspace_id = workspace_now() and admin_state <> 'removed'"
	"  and address > $1 order by address limit $2::bigint)"),
};
/* Every IMAP command that it was ever sent, by name. */
#define COMMANDS_JSON                                                                              \
	"jsonb_build_object('commands', coalesce((select jsonb_agg(c.value ||"                     \
	"   jsonb_build_object('command', c.key) order by c.key) from inbox_commands k,"           \
	"   jsonb_each(k.commands) c"                                                              \
	"  where k.workspace_id = i.workspace_id and k.inbox_id = i.inbox_id), '[]'))"
const char view_sql_inbox[] =
	"select (" INBOX_JSON("") " || " COMMANDS_JSON ")::text" INBOX_FROM " where i.inbox_id = $1::uuid";
static const struct pg_stmt inbox = { "view_inbox", view_sql_inbox };

/* ---- what happened to an inbox ---- */

/* Newest first; `next` leads to the page before, null: there is none. */
#define LINE_AT "(extract(epoch from t.noted_at) * 1000000)::bigint"
#define TIMELINE(before)                                                                           \
	"select jsonb_build_object('lines', coalesce(jsonb_agg(jsonb_build_object("                \
	"   'at', instant_text(t.noted_at), 'code', t.code, 'words', t.words)"                     \
	"   order by t.noted_at desc, t.line desc) filter (where t.line is not null), '[]'),"      \
	"  'next', case when count(t.line) = $2::bigint then"                                      \
	"   (array_agg(" LINE_AT " || '.' || t.line order by t.noted_at, t.line))[1] end)::text"   \
	" from inbox i left join lateral (select * from timeline t"                                \
	"  where t.workspace_id = i.workspace_id and t.inbox_id = i.inbox_id" before               \
	"  order by t.noted_at desc, t.line desc limit $2::bigint) t on true"                      \
	" where i.inbox_id = $1::uuid group by i.inbox_id"

const char view_sql_timeline[] = TIMELINE("");
static const struct pg_stmt timeline_last = { "view_timeline_last", view_sql_timeline };
static const struct pg_stmt timeline_before = {
	"view_timeline_before",
	TIMELINE(" and (t.noted_at, t.line) <"
		 " (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::bigint)"),
};
const char view_sql_gaps[] =
	"select coalesce(jsonb_agg(jsonb_build_object('id', g.gap_id, 'cause', g.cause,"
	"   'blind_from', instant_text(g.blind_from), 'opened_at', instant_text(g.opened_at),"
	"   'blind_to', instant_text(g.blind_to), 'closed_at', instant_text(g.closed_at),"
	"   'replayed', g.replayed, 'vanished', g.vanished, 'skipped', g.skipped,"
	"   'verified', g.verified) order by g.blind_from desc) filter (where g.gap_id is not null), '[]')::text"
	" from inbox i left join lateral (select * from gap g"
	"  where g.workspace_id = i.workspace_id and g.inbox_id = i.inbox_id"
	"  order by g.blind_from desc limit $2::bigint) g on true"
	" where i.inbox_id = $1::uuid group by i.inbox_id";
static const struct pg_stmt gaps = { "view_gaps", view_sql_gaps };

/* ---- events, links ---- */

static const struct pg_stmt event = {
	"view_event",
	"select (event_told(e.event_id, e.type, e.created_at, e.data, f.inbox_seq)::jsonb || jsonb_build_object("
	"  'position', f.position, 'attempts', (select coalesce(jsonb_agg(jsonb_build_object("
	"    'at', instant_text(a.started_at), 'endpoint_id', a.endpoint_id, 'try', a.try,"
	"    'status', a.status, 'outcome', a.outcome, 'detail', a.detail, 'took_ms', a.took_ms)"
	"    order by a.started_at), '[]')"
	"   from attempt a where a.workspace_id = $1 and a.event_id = $2),"
	"  'owed', (select count(*) from delivery d where d.workspace_id = $1 and d.event_id = $2),"
	/* what became of the mail, instant by instant; what has not happened is not there */
	"  'chain', jsonb_strip_nulls(jsonb_build_object('arrived', e.data #> '{message,received_at}',"
	"    'detected', e.data -> 'detected_at', 'gated', (select instant_text(m.gated_at)"
	"     from message_key n join message m on m.workspace_id = $1 and m.message_id = n.message_id"
	"      and m.created_at = n.message_created_at where n.workspace_id = $1 and n.message_id = e.message_id),"
	"    'logged', instant_text(e.created_at), 'delivered', instant_text(p.posted), 'acknowledged', instant_text(p.answered),"
	/* the stop is told at the commit that did it: a little further on in the feed */
	"    'stopped', case when e.data -> 'newly_stopped' = 'true' then (select instant_text(s.created_at)"
	"     from feed x join event s on s.workspace_id = $1 and s.event_id = x.event_id"
	"      and s.created_at = x.event_created_at"
	"     where x.workspace_id = $1 and x.position > f.position and x.position <= f.position + 2000"
	"      and x.type = 'prospect.stopped' and s.message_id = e.message_id and s.prospect_key = e.prospect_key"
	"     order by x.position limit 1) end))))::text"
	" from event_key k join event e on e.workspace_id = $1 and e.event_id = k.event_id"
	"  and e.created_at = k.event_created_at"
	" left join lateral (select x.position, x.inbox_seq from feed x where x.workspace_id = $1"
	"  and x.event_created_at = e.created_at and x.event_id = e.event_id limit 1) f on true"
	" left join lateral (select min(a.started_at) as posted,"
	"   min(a.started_at + a.took_ms * interval '1 millisecond') as answered"
	"  from attempt a where a.workspace_id = $1 and a.event_id = $2 and a.outcome = 'delivered') p on true"
	" where k.workspace_id = $1 and k.event_id = $2",
};
#define IS_LATE "state in ('open', 'started') and expires_at < now()"

static const struct pg_stmt connect_link = {
	"view_connect_link",
	"select jsonb_build_object('id', connect_link_id, 'provider', nullif(provider, ''),"
	"  'address', expected_address,"
	"  'state', case when " IS_LATE " then 'failed' else state end,"
	"  'problem', case when " IS_LATE " then 'link_expired' else problem end,"
	"  'problem_detail', problem_detail, 'inbox_id', inbox_id, 'offers', offers,"
	"  'smtp', (select jsonb_build_object('state', m.state, 'reason', m.reason,"
	"    'detail', m.detail, 'checked_at', instant_text(m.checked_at)) from inbox_smtp m"
	"   where m.workspace_id = l.workspace_id and m.inbox_id = l.inbox_id),"
	"  'expires_at', instant_text(expires_at))::text"
	" from connect_link l where connect_link_id = $1 and workspace_id = workspace_now()",
};
/* clang-format on */

static int begin(struct pg *pg, struct view *v, int before, view_cb done, pg_tx_cb then)
{
	v->done = done;
	v->behind = before;
	v->found = false;
	v->next[0] = '\0';
	buf_init(&v->json, LIMIT_VIEW);
	return pg_tx_start(pg, &v->tx, then);
}

int view_begin(struct pg *pg, struct view *v, view_cb done)
{
	return begin(pg, v, 0, done, on_viewed);
}

int view_begin_behind(struct pg *pg, struct view *v, int before, view_cb done)
{
	return begin(pg, v, before, done, on_viewed);
}

static void on_viewed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct view *v = container_of(tx, struct view, tx);

	v->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, v->behind) > 0 &&
	    !pg_row_is_null(a, v->behind, 0, 0)) {
		struct text t = text_of(pg_row_text(a, v->behind, 0, 0));

		v->found = true;
		if (text_add(&v->json, t) != 0)
			v->outcome =
				outcome_of(BLAME_US, "answer larger than LIMIT_VIEW", TEXT(""));
	}
	v->done(v);
}

int view_inboxes_start(struct pg *pg, struct view *v, const char *workspace, const char *after,
		       int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &inboxes, "ti", after, limit);
	return begin(pg, v, 0, done, on_inboxes);
}

static void on_inboxes(struct pg_tx *tx, const struct pg_answer *a)
{
	struct view *v = container_of(tx, struct view, tx);

	if (outcome_ok(&a->outcome) && pg_rows(a, 0) > 0)
		(void)snprintf(v->next, sizeof(v->next), "%s", pg_row_text(a, 0, 0, 1));
	on_viewed(tx, a);
}

int view_inbox_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox_id,
		     view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &inbox, "u", inbox_id);
	return view_begin(pg, v, done);
}

int view_timeline_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox_id,
			const struct view_page *page, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	if (page->before_us == INT64_MAX)
		pg_tx_add(&v->tx, &timeline_last, "ui", inbox_id, page->limit);
	else
		pg_tx_add(&v->tx, &timeline_before, "uiii", inbox_id, page->limit, page->before_us,
			  page->before_line);
	return view_begin(pg, v, done);
}

int view_gaps_start(struct pg *pg, struct view *v, const char *workspace, const char *inbox_id,
		    int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &gaps, "ui", inbox_id, limit);
	return view_begin(pg, v, done);
}

int view_event_start(struct pg *pg, struct view *v, const char *workspace, const char *event_id,
		     view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &event, "uu", workspace, event_id);
	return view_begin(pg, v, done);
}

int view_connect_link_start(struct pg *pg, struct view *v, const char *workspace, const char *link,
			    view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &connect_link, "u", link);
	return view_begin(pg, v, done);
}

void view_clear(struct view *v)
{
	pg_tx_cancel(&v->tx);
	buf_clear(&v->json);
}
