#include "db/stop.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

static void on_called(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
/* Whose gate it is: the key as it was registered, else the address in our spelling. */
#define KEY                                                                                        \
	"(select case when $2::text is null"                                                         \
	"  or exists (select from prospect_inbox where workspace_id = workspace_now() and prospect_key = $1::text)" \
	"  or exists (select from gate where workspace_id = workspace_now() and prospect_key = $1::text)" \
	" then $1::text else $2::text end)"
#define THE_GATE "g.workspace_id = workspace_now() and g.prospect_key = " KEY

static const struct pg_stmt make = {
	"stop_make",
	"insert into gate (workspace_id, prospect_key) select workspace_now(), " KEY " on conflict do nothing",
};
/* Locked, and read before it is changed: who waited for it judges by what it is then. */
static const struct pg_stmt look = {
	"stop_look",
	"select g.level, g.reason from gate g where " THE_GATE " for update",
};
static const struct pg_stmt stop = {
	"stop_close",
	"update gate g set level = $3::bigint, reason = $4, message_id = null,"
	" closed_at = coalesce(g.closed_at, now()), updated_at = now()"
	" where " THE_GATE " and g.level < $3::bigint",
};
static const struct pg_stmt resume = {
	"stop_open",
	"update gate g set level = r.level, reason = r.reason, message_id = r.message_id,"
	" hold_until = r.hold_until, hold_message_id = r.hold_message_id,"
	" closed_at = case when r.level > 0 then g.closed_at end, updated_at = now()"
	" from (select x.hold_until, x.hold_message_id,"
	"   case when p.message_id is not null then 2 when x.hold_until > now() then 1 else 0 end as level,"
	"   case when p.message_id is not null then 'provisional' when x.hold_until > now() then 'out_of_office' else '' end as reason,"
	"   case when p.message_id is not null then p.message_id when x.hold_until > now() then x.hold_message_id end as message_id"
	"  from (select case when g.level > 1 then g.hold_until end as hold_until,"
	"    case when g.level > 1 then g.hold_message_id end as hold_message_id from gate g where " THE_GATE ") x"
	"  left join lateral (select c.message_id from gate_pending c where c.workspace_id = workspace_now()"
	"   and c.prospect_key = " KEY " limit 1) p on true) r"
	" where " THE_GATE " and g.level > 0 and g.level <> 2 and (g.reason = $3::text or $3::text is null and g.level < $4::bigint)",
};
/* clang-format on */

static int start(struct pg *pg, struct stop_call *q, void (*done)(struct stop_call *))
{
	q->done = done;
	q->level = 0;
	q->reason[0] = '\0';
	q->changed = false;
	return pg_tx_start(pg, &q->tx, on_called);
}

int stop_start(struct pg *pg, struct stop_call *q, const char *workspace, const char *prospect,
	       const char *folded, int level, const char *reason, void (*done)(struct stop_call *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &make, "tt", prospect, folded);
	pg_tx_add(&q->tx, &look, "tt", prospect, folded);
	pg_tx_add(&q->tx, &stop, "ttit", prospect, folded, (int64_t)level, reason);
	return start(pg, q, done);
}

int stop_resume_start(struct pg *pg, struct stop_call *q, const char *workspace,
		      const char *prospect, const char *folded, const char *seen,
		      void (*done)(struct stop_call *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &look, "tt", prospect, folded);
	pg_tx_add(&q->tx, &resume, "ttti", prospect, folded, seen, (int64_t)STOP_NAMED);
	return start(pg, q, done);
}

static void on_called(struct pg_tx *tx, const struct pg_answer *a)
{
	struct stop_call *q = container_of(tx, struct stop_call, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		int looked = a->n - 2, changed = a->n - 1;

		if (pg_rows(a, looked) > 0) {
			q->level = (int)pg_row_i64(a, looked, 0, 0);
			(void)snprintf(q->reason, sizeof(q->reason), "%s",
				       pg_row_text(a, looked, 0, 1));
		}
		q->changed = pg_affected(a, changed) > 0;
	}
	q->done(q);
}
