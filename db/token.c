#include <jansson.h>
#include <stdlib.h>

#include "db/token.h"

#include "base/limits.h"
#include "base/mem.h"

/* Apart (`offset 0`), or the planner, who saw the tables empty, reads them from end to end.
 * `put` acts after the snapshot that the rest reads, so a request it has put is added by hand. */
static const struct pg_stmt look_stmt = {
	"token_look",
	"with want as ("
	"  select * from jsonb_to_recordset($1::jsonb)"
	"    as w(slot int, workspace uuid, inbox uuid, refused bigint, ask boolean)"
	"), seen as ("
	"  select w.*, t.kind, t.sealed, t.version, t.expires_at, r.inbox_id is not null as waits,"
	"    coalesce(t.version > w.refused and " TOKEN_FRESH(
		"$2") ", false) as usable,"
		      "    coalesce(s.state = 'reauth_required', false) as reauth, s.reason, "
		      "s.detail"
		      "  from want w"
		      "    left join lateral (select * from access_token t where t.inbox_id = "
		      "w.inbox offset 0) t"
		      "      on true"
		      "    left join lateral (select r.inbox_id from token_request r where "
		      "r.inbox_id = w.inbox offset 0) r"
		      "      on true"
		      "    left join lateral (select s.state, s.reason, s.detail from inbox_state s"
		      "      where s.inbox_id = w.inbox offset 0) s on true"
		      "), put as ("
		      "  insert into token_request as r (workspace_id, inbox_id, refused_version)"
		      "  select workspace, inbox, max(refused) from seen where ask and not usable"
		      "    group by workspace, inbox order by inbox"
		      "  on conflict (workspace_id, inbox_id) do update set"
		      "    refused_version = greatest(r.refused_version, excluded.refused_version)"
		      "  returning inbox_id"
		      ") select slot, usable, waits or ask and not usable,"
		      "  coalesce(kind = 'password', false), case when usable then sealed end,"
		      "  coalesce(version, 0), (extract(epoch from expires_at) * 1000000)::bigint,"
		      "  reauth, reason, detail, (select count(*) from put)"
		      " from seen",
};

static void on_looked(struct pg_tx *tx, const struct pg_answer *a)
{
	struct token_look *q = container_of(tx, struct token_look, tx);
	int rows = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;

	q->outcome = a->outcome;
	if (rows > 0)
		q->put = (int)pg_row_i64(a, 0, 0, 10);
	for (int i = 0; i < rows; i++) {
		struct token_row r = {
			.slot = (int)pg_row_i64(a, 0, i, 0),
			.usable = pg_row_bool(a, 0, i, 1),
			.asked = pg_row_bool(a, 0, i, 2),
			.is_password = pg_row_bool(a, 0, i, 3),
			.version = pg_row_i64(a, 0, i, 5),
			.expires_at_us = pg_row_time(a, 0, i, 6),
			.reauth = pg_row_bool(a, 0, i, 7),
			.reason = pg_row_text(a, 0, i, 8),
			.detail = pg_row_text(a, 0, i, 9),
		};
		cleanup_buf struct buf sealed;

		buf_init(&sealed, LIMIT_OAUTH_SEALED);
		/* A box beyond the ceiling is not one of ours; empty, it will not open. */
		if (r.usable && pg_row_bytes(a, 0, i, 4, &sealed) == 0) {
			r.sealed = sealed.data;
			r.sealed_len = sealed.len;
		}
		q->each(q, &r);
	}
	q->done(q);
}

int token_look_start(struct pg *pg, struct token_look *q, const struct token_want *want, int n,
		     int64_t fresh_s, void (*each)(struct token_look *, const struct token_row *),
		     void (*done)(struct token_look *))
{
	json_t *list = json_array();
	char *text;

	*q = (struct token_look){ .each = each, .done = done };
	for (int i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:i s:s s:s s:I s:b}", "slot", want[i].slot,
						      "workspace", want[i].workspace, "inbox",
						      want[i].inbox, "refused",
						      (json_int_t)want[i].refused_version, "ask",
						      (int)want[i].ask));
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &look_stmt, "ji", text, fresh_s);
	free(text);
	return pg_tx_start(pg, &q->tx, on_looked);
}
