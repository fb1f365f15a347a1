#include "db/removal.h"

#include <stdio.h>

#include "base/mem.h"

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt ask = {
	"removal_ask",
	"select state, reason, is_new from inbox_remove($1::uuid)",
};
static const struct pg_stmt take = {
	"removal_take",
	"with inboxes as materialized ("
	"  select * from removals_take($1::uuid, make_interval(secs => $2::bigint), $3::bigint::int)"
	") select workspace_id, inbox_id, provider, coalesce(kind, ''), coalesce(sealed, ''), tries, is_shared, false from inboxes"
	" union all"
	" select workspace_id, loose_id, provider, 'oauth', sealed, tries, is_kept, true"
	"  from loose_take($1::uuid, make_interval(secs => $2::bigint), $3::bigint - (select count(*) from inboxes))",
};
static const struct pg_stmt end = {
	"removal_end",
	"select removal_end($1::uuid, $2::uuid, $3::text, $4::text, $5::text)",
};
static const struct pg_stmt again = {
	"removal_again",
	"with w as (update removal set claim_id = null, reason = $3::text, evidence = $4::text,"
	"  due_at = now() + make_interval(secs => $5::bigint)"
	"  where workspace_id = workspace_now() and inbox_id = $1::uuid and claim_id = $2::uuid and state = 'asked'"
	"  returning 1) select exists (select from w)",
};
static const struct pg_stmt loose_end = {
	"removal_loose_end",
	"with w as (delete from loose_consent where workspace_id = workspace_now() and loose_id = $1::uuid"
	"  and claim_id = $2::uuid returning 1) select exists (select from w)",
};
static const struct pg_stmt loose_again = {
	"removal_loose_again",
	"with w as (update loose_consent set claim_id = null, due_at = now() + make_interval(secs => $3::bigint)"
	"  where workspace_id = workspace_now() and loose_id = $1::uuid and claim_id = $2::uuid"
	"  returning 1) select exists (select from w)",
};
/* clang-format on */

static void on_asked(struct pg_tx *tx, const struct pg_answer *a)
{
	struct removal_ask *q = container_of(tx, struct removal_ask, tx);

	q->outcome = a->outcome;
	q->is_there = outcome_ok(&a->outcome) && pg_rows(a, 0) > 0;
	if (q->is_there) {
		(void)snprintf(q->state, sizeof(q->state), "%s", pg_row_text(a, 0, 0, 0));
		(void)snprintf(q->reason, sizeof(q->reason), "%s", pg_row_text(a, 0, 0, 1));
		q->is_new = pg_row_bool(a, 0, 0, 2);
	}
	q->done(q);
}

int removal_ask_start(struct pg *pg, struct removal_ask *q, const char *workspace,
		      const char *inbox, void (*done)(struct removal_ask *))
{
	*q = (struct removal_ask){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &ask, "u", inbox);
	return pg_tx_start(pg, &q->tx, on_asked);
}

static void on_taken(struct pg_tx *tx, const struct pg_answer *a)
{
	struct removal_take *q = container_of(tx, struct removal_take, tx);

	q->outcome = a->outcome;
	q->taken = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;
	for (int i = 0; i < q->taken; i++) {
		struct removal_row r = {
			.workspace = pg_row_text(a, 0, i, 0),
			.id = pg_row_text(a, 0, i, 1),
			.provider = pg_row_text(a, 0, i, 2),
			.kind = pg_row_text(a, 0, i, 3),
			.tries = (int)pg_row_i64(a, 0, i, 5),
			.is_shared = pg_row_bool(a, 0, i, 6),
			.is_loose = pg_row_bool(a, 0, i, 7),
		};
		cleanup_buf struct buf box;

		pg_row_box(a, 0, i, 4, &box, &r.sealed, &r.sealed_len);
		q->each(q, &r);
	}
	q->done(q);
}

int removal_take_start(struct pg *pg, struct removal_take *q, const char *claim, int most,
		       uint64_t stale_ms,
		       void (*each)(struct removal_take *, const struct removal_row *),
		       void (*done)(struct removal_take *))
{
	*q = (struct removal_take){ .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &take, "uii", claim, pg_row_stale_s(stale_ms), (int64_t)most);
	return pg_tx_start(pg, &q->tx, on_taken);
}

static void on_written(struct pg_tx *tx, const struct pg_answer *a)
{
	struct removal_write *q = container_of(tx, struct removal_write, tx);

	q->outcome = a->outcome;
	q->is_ours = outcome_ok(&a->outcome) && pg_row_bool(a, 0, 0, 0);
	q->done(q);
}

int removal_end_start(struct pg *pg, struct removal_write *q, const struct removal_of *of,
		      const char *state, const char *reason, const char *evidence,
		      void (*done)(struct removal_write *))
{
	*q = (struct removal_write){ .done = done };
	pg_tx_init(&q->tx, of->workspace);
	if (of->is_loose)
		pg_tx_add(&q->tx, &loose_end, "uu", of->id, of->claim);
	else
		pg_tx_add(&q->tx, &end, "uuttt", of->id, of->claim, state, reason, evidence);
	return pg_tx_start(pg, &q->tx, on_written);
}

int removal_again_start(struct pg *pg, struct removal_write *q, const struct removal_of *of,
			const char *reason, const char *evidence, int64_t wait_s,
			void (*done)(struct removal_write *))
{
	*q = (struct removal_write){ .done = done };
	pg_tx_init(&q->tx, of->workspace);
	if (of->is_loose)
		pg_tx_add(&q->tx, &loose_again, "uui", of->id, of->claim, wait_s);
	else
		pg_tx_add(&q->tx, &again, "uutti", of->id, of->claim, reason, evidence, wait_s);
	return pg_tx_start(pg, &q->tx, on_written);
}
