#include "db/slot_upkeep.h"

#include <stdio.h>

#include "base/mem.h"

static void on_what(struct pg_tx *tx, const struct pg_answer *a);
static void on_count(struct pg_tx *tx, const struct pg_answer *a);
static void on_silent(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt sweep = {
	"slot_sweep", "select slot_sweep(make_interval(secs => $1::bigint / 1000.0))",
};
static const struct pg_stmt unfit = {
	"slot_unfit", "select slot_revoke_unfit(make_interval(secs => $1::bigint / 1000.0), $2::bigint::int)::bigint",
};
static const struct pg_stmt silent = {
	"slot_silent",
	"select workspace_id::text, slot_id::text, (extract(epoch from begun_at) * 1000000)::bigint from slot"
	" where state = 'unknown' and begun_at > coalesce($1::timestamptz, '-infinity') order by begun_at limit $2::bigint",
};
static const struct pg_stmt find = {
	"slot_find", "select slot_find($1::uuid, make_interval(secs => $2::bigint / 1000.0))",
};
/* clang-format on */

int slot_upkeep_sweep_start(struct pg *pg, struct slot_upkeep *q, uint64_t silence_ms,
			    void (*done)(struct slot_upkeep *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &sweep, "i", (int64_t)silence_ms);
	return pg_tx_start(pg, &q->tx, on_what);
}

int slot_upkeep_find_start(struct pg *pg, struct slot_upkeep *q, const char *workspace,
			   const char *slot, uint64_t patience_ms,
			   void (*done)(struct slot_upkeep *))
{
	q->done = done;
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &find, "ui", slot, (int64_t)patience_ms);
	return pg_tx_start(pg, &q->tx, on_what);
}

static void on_what(struct pg_tx *tx, const struct pg_answer *a)
{
	struct slot_upkeep *q = container_of(tx, struct slot_upkeep, tx);

	q->outcome = a->outcome;
	q->what[0] = '\0';
	if (outcome_ok(&a->outcome))
		(void)snprintf(q->what, sizeof(q->what), "%s", pg_row_text(a, 0, 0, 0));
	q->done(q);
}

int slot_upkeep_unfit_start(struct pg *pg, struct slot_upkeep *q, uint64_t grace_ms, int64_t most,
			    void (*done)(struct slot_upkeep *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &unfit, "ii", (int64_t)grace_ms, most);
	return pg_tx_start(pg, &q->tx, on_count);
}

static void on_count(struct pg_tx *tx, const struct pg_answer *a)
{
	struct slot_upkeep *q = container_of(tx, struct slot_upkeep, tx);

	q->outcome = a->outcome;
	q->n = outcome_ok(&a->outcome) ? pg_row_i64(a, 0, 0, 0) : 0;
	q->done(q);
}

int slot_upkeep_silent_start(struct pg *pg, struct slot_upkeep *q, int64_t after_us,
			     void (*done)(struct slot_upkeep *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &silent, "Ti", after_us, (int64_t)SLOT_SILENT);
	return pg_tx_start(pg, &q->tx, on_silent);
}

static void on_silent(struct pg_tx *tx, const struct pg_answer *a)
{
	struct slot_upkeep *q = container_of(tx, struct slot_upkeep, tx);

	q->outcome = a->outcome;
	q->n = 0;
	for (int i = 0; outcome_ok(&a->outcome) && i < pg_rows(a, 0) && i < SLOT_SILENT; i++) {
		(void)snprintf(q->silent[i].workspace, RAND_UUID, "%s", pg_row_text(a, 0, i, 0));
		(void)snprintf(q->silent[i].slot, RAND_UUID, "%s", pg_row_text(a, 0, i, 1));
		q->silent[i].begun_us = pg_row_time(a, 0, i, 2);
		q->n++;
	}
	q->done(q);
}
