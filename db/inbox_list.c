#include "db/inbox_list.h"

#include "base/limits.h"
#include "base/mem.h"
#include "db/inbox_row.h"

/* clang-format off */
#define NOBODY "'00000000-0000-0000-0000-000000000000'::uuid"

/* $1: limit, $2: provider, $3: part of an address. */
#define WANTED                                                                                     \
	" and i.admin_state <> 'removed' and ($2::text is null or i.provider = $2)"                   \
	" and ($3::text is null or position($3 in i.address) > 0)"
#define PAGE(cursor)                                                                               \
	"select jsonb_build_object('inboxes', coalesce(jsonb_agg(x.j order by x.n), '[]'),"           \
	" 'next', case when count(*) = $1::bigint then max(" cursor ") filter (where x.n = $1::bigint) end)::text from ("
#define THREE "x.rank || '~' || x.us || '~' || x.inbox_id"

/* $4: behind this address, $5: paused ones only. */
const char inbox_list_by_address_sql[] =
	PAGE("x.address")
	" select row_number() over (order by i.address) as n, i.address, " INBOX_ROW_JSON " as j"
	" from (select * from inbox i where i.workspace_id = workspace_now() and i.address > $4" WANTED
	"   and (not $5::boolean or i.admin_state = 'paused') order by i.address limit $1::bigint) i"
	" left join inbox_state s on s.workspace_id = i.workspace_id and s.inbox_id = i.inbox_id) x";

/* $4..$6: behind rank, instant, id; $7: this state only. */
const char inbox_list_by_state_sql[] =
	PAGE(THREE)
	" select row_number() over (order by r.rank, s.since, s.inbox_id) as n, r.rank, " INBOX_ROW_US("s.since") " as us, s.inbox_id, s.j"
	" from " INBOX_ROW_RANKS " cross join lateral ("
	"  select s.since, s.inbox_id, " INBOX_ROW_JSON " as j"
	"  from inbox_state s join inbox i on i.workspace_id = s.workspace_id and i.inbox_id = s.inbox_id"
	"  where s.workspace_id = workspace_now() and s.state = r.state and (s.since, s.inbox_id) >"
	"   (case when r.rank = $4::bigint then " INBOX_ROW_AT("$5::bigint") " else '-infinity' end,"
	"    case when r.rank = $4::bigint then $6::uuid else " NOBODY " end)" WANTED
	"   and ($7::text is null or i.admin_state = 'enabled')"
	"  order by s.since, s.inbox_id limit $1::bigint) s"
	" where r.rank >= $4::bigint and ($7::text is null or r.state = $7)"
	" order by r.rank, s.since, s.inbox_id limit $1::bigint) x";

/* $4: anything, $5, $6: behind instant and id. */
const char inbox_list_by_since_sql[] =
	PAGE(THREE)
	" select row_number() over (order by s.since desc, s.inbox_id) as n, 0 as rank, " INBOX_ROW_US("s.since") " as us, s.inbox_id,"
	"  " INBOX_ROW_JSON " as j"
	" from inbox_state s join inbox i on i.workspace_id = s.workspace_id and i.inbox_id = s.inbox_id"
	" where s.workspace_id = workspace_now() and s.since <= case when $5::bigint = 0 then 'infinity' else " INBOX_ROW_AT("$5::bigint") " end"
	"  and ($5::bigint = 0 or s.since < " INBOX_ROW_AT("$5::bigint") " or s.inbox_id > $6::uuid) and $4::bigint >= 0" WANTED
	" order by s.since desc, s.inbox_id limit $1::bigint) x";

static const struct pg_stmt by_address = { "inbox_list_by_address", inbox_list_by_address_sql };
static const struct pg_stmt by_state = { "inbox_list_by_state", inbox_list_by_state_sql };
static const struct pg_stmt by_since = { "inbox_list_by_since", inbox_list_by_since_sql };

static const struct pg_stmt messages = {
	"inbox_list_messages",
	"select jsonb_build_object('messages', coalesce(jsonb_agg(m.j order by m.created_at desc, m.message_id desc)"
	"   filter (where m.message_id is not null), '[]'),"
	"  'next', case when count(m.message_id) = $2::bigint then"
	"   (array_agg(" INBOX_ROW_US("m.created_at") " || '~' || m.message_id order by m.created_at, m.message_id))[1] end)::text"
	" from inbox i left join lateral (select x.created_at, x.message_id, jsonb_build_object('id', x.message_id, 'from', x.sender,"
	"   'subject', x.subject, 'received_at', instant_text(x.internal_at), 'detected_at', instant_text(x.detected_at),"
	"   'state', x.state, 'kind', nullif(x.kind, ''), 'intent', nullif(x.intent, ''), 'confidence', x.confidence,"
	"   'prospect', x.prospect_key, 'match', x.matches -> 0 ->> 'method', 'recovered', x.recovered) as j"
	"  from message x where x.workspace_id = i.workspace_id and x.inbox_id = i.inbox_id"
	"   and (x.created_at, x.message_id) < (" INBOX_ROW_AT("$3::bigint") ", $4::uuid)"
	"  order by x.created_at desc, x.message_id desc limit $2::bigint) m on true"
	" where i.workspace_id = workspace_now() and i.inbox_id = $1 group by i.inbox_id",
};
/* clang-format on */

int inbox_list_start(struct pg *pg, struct view *v, const char *workspace,
		     const struct inbox_list *l, view_cb done)
{
	bool is_paused = l->order == INBOX_LIST_ADDRESS && l->state;
	const char *id = l->after_id ? l->after_id : "00000000-0000-0000-0000-000000000000";

	pg_tx_init(&v->tx, workspace);
	switch (l->order) {
	case INBOX_LIST_ADDRESS:
		pg_tx_add(&v->tx, &by_address, "itttB", l->limit, l->provider, l->has,
			  l->after_address ? l->after_address : "", is_paused);
		break;
	case INBOX_LIST_STATE:
		pg_tx_add(&v->tx, &by_state, "ittiiut", l->limit, l->provider, l->has,
			  l->after_rank, l->after_us, id, l->state);
		break;
	case INBOX_LIST_SINCE:
		pg_tx_add(&v->tx, &by_since, "ittiiu", l->limit, l->provider, l->has, l->after_rank,
			  l->after_us, id);
		break;
	}
	return view_begin(pg, v, done);
}

int inbox_list_messages_start(struct pg *pg, struct view *v, const char *workspace,
			      const char *inbox, int64_t before_us, const char *before_id,
			      int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &messages, "uiiu", inbox, limit, before_us, before_id);
	return view_begin(pg, v, done);
}
