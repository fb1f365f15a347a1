#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/gate.h"

static void on_read(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
/*
 * One statement, one snapshot: a row per inbox, the gate repeated; one row with null inbox when
 * nobody wrote. A mail that is to be looked at again because its outbound came late may be the
 * answer: until the worker has done so, its inbox is not proven, and counts though it never wrote.  One that lies in a folder that is
 * gone, or had its name before UIDVALIDITY changed, nobody can look at.  Nor is an inbox proven
 * that has not been live yet: not all of its folders may be known.
 */
static const struct pg_stmt read_gate = {
	"gate_read",
	"select coalesce(g.level, 0), coalesce(g.reason, ''),"
	" (extract(epoch from g.hold_until) * 1000000)::bigint,"
	" (extract(epoch from g.closed_at) * 1000000)::bigint,"
	" (extract(epoch from statement_timestamp()) * 1000000)::bigint,"
	" p.inbox_id,"
	" coalesce(i.admin_state = 'enabled' and s.state <> 'reauth_required' and e.folders > 0, false),"
	" (extract(epoch from case when s.live_at is not null"
	"   and not exists (select from recheck r join folder f on f.folder_id = r.folder_id"
	"    and f.uidvalidity = r.uidvalidity and f.role in ('inbox', 'junk', 'all')"
	"    where r.inbox_id = p.inbox_id)"
	"  then e.gated_through end) * 1000000)::bigint,"
	" exists (select from gap where gap.workspace_id = $1 and gap.inbox_id = p.inbox_id"
	"  and gap.closed_at is null),"
	" exists (select from mail_unread u where u.workspace_id = $1 and u.inbox_id = p.inbox_id"
	"  and u.acknowledged_at is null and exists (select from outbound o where o.workspace_id = $1"
	"   and o.prospect_key = $2 and o.sent_at <= u.left_at))"
	" from (select 1) one"
	" left join gate g on g.workspace_id = $1 and g.prospect_key = $2"
	" left join (select inbox_id from prospect_inbox where workspace_id = $1 and prospect_key = $2"
	"  union select c.inbox_id from recheck_outbound c join folder f on f.workspace_id = $1 and f.folder_id = c.folder_id"
	"   and f.uidvalidity = c.uidvalidity and f.role in ('inbox', 'junk', 'all')"
	"   where c.workspace_id = $1 and c.prospect_key = $2) p on true"
	" left join inbox i on i.workspace_id = $1 and i.inbox_id = p.inbox_id"
	" left join inbox_state s on s.inbox_id = p.inbox_id"
	" left join inbox_seen e on e.workspace_id = $1 and e.inbox_id = p.inbox_id"
	" order by p.inbox_id limit 1000",
};
/* What the proofs of these inboxes are worth. */
static const struct pg_stmt covers = {
	"gate_covers",
	"select coalesce(jsonb_agg(jsonb_build_object('inbox_id', p.inbox_id,"
	"  'folders', inbox_covers(p.inbox_id)) order by p.inbox_id), '[]')::text"
	" from (select inbox_id from prospect_inbox where workspace_id = $1 and prospect_key = $2"
	"  order by inbox_id limit $3::bigint) p",
};
/* clang-format on */

int gate_read_start(struct pg *pg, struct gate_read *q, const char *workspace, const char *prospect,
		    void (*done)(struct gate_read *))
{
	q->done = done;
	buf_init(&q->covers, LIMIT_VIEW);
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &read_gate, "ut", workspace, prospect);
	pg_tx_add(&q->tx, &covers, "uti", workspace, prospect, (int64_t)GATE_INBOXES);
	return pg_tx_start(pg, &q->tx, on_read);
}

static void on_read(struct pg_tx *tx, const struct pg_answer *a)
{
	struct gate_read *q = container_of(tx, struct gate_read, tx);
	int rows = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;

	q->outcome = a->outcome;
	q->n_inboxes = 0;
	q->level = 0;
	q->hold_until_us = q->closed_us = q->now_us = INT64_MIN;
	q->reason[0] = '\0';
	for (int i = 0; i < rows; i++) {
		q->level = (int)pg_row_i64(a, 0, i, 0);
		(void)snprintf(q->reason, sizeof(q->reason), "%s", pg_row_text(a, 0, i, 1));
		q->hold_until_us = pg_row_time(a, 0, i, 2);
		q->closed_us = pg_row_time(a, 0, i, 3);
		q->now_us = pg_row_time(a, 0, i, 4);
		if (pg_row_is_null(a, 0, i, 5))
			continue;
		if (q->n_inboxes < GATE_INBOXES) {
			struct gate_inbox *in = &q->inboxes[q->n_inboxes];

			(void)snprintf(in->inbox, sizeof(in->inbox), "%s", pg_row_text(a, 0, i, 5));
			in->watched = pg_row_bool(a, 0, i, 6);
			in->seen_us = pg_row_time(a, 0, i, 7);
			in->blind = pg_row_bool(a, 0, i, 8);
			in->unread = pg_row_bool(a, 0, i, 9);
		}
		q->n_inboxes++;
	}
	if (rows > 0 && text_add(&q->covers, text_of(pg_row_text(a, 1, 0, 0))) != 0)
		buf_clear(&q->covers);
	q->done(q);
}

void gate_read_clear(struct gate_read *q)
{
	pg_tx_cancel(&q->tx);
	buf_clear(&q->covers);
}
