#include "db/standing.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void on_count(struct pg_tx *tx, const struct pg_answer *a);
static void on_due(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
#define US(instant) "(extract(epoch from " instant ") * 1000000)::bigint"
static const struct pg_stmt count = { "standing_count", "select sends_count($1::bigint::int)" };
static const struct pg_stmt due = {
	"standing_due",
	"select workspace_id::text, inbox_id::text, was::text, " US("now_at") ", band, " US("band_since") ", " US("fit_since") ", "
	US("band_until") ", sent, hard, blocked, complained, unsubscribed, replied,"
	" limits_7d, sent_7d, hard_7d, complained_7d, blocked_1h, bad_7d, is_news, reason"
	" from standings_due(make_interval(secs => $1::bigint / 1000.0), make_interval(secs => $2::bigint), $3::bigint::int)",
};
static const struct pg_stmt judge = {
	"standing_judge",
	"select standing_judged($1::uuid, $2::text::timestamptz, $3::timestamptz, $4::text, $5::timestamptz, $6::timestamptz,"
	" $7::timestamptz, $8::double precision, $9::double precision, $10::jsonb, $11::text, $12::boolean, $13::double precision,"
	" $14::double precision)::int::bigint",
};
/* clang-format on */

int standing_count_start(struct pg *pg, struct standing *q, int64_t most,
			 void (*done)(struct standing *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &count, "i", most);
	return pg_tx_start(pg, &q->tx, on_count);
}

int standing_judge_start(struct pg *pg, struct standing *q, const struct standing_row *row,
			 const struct standing_verdict *v, void (*done)(struct standing *))
{
	q->done = done;
	q->has_changed = strcmp(row->band, v->band) != 0;
	pg_tx_init(&q->tx, row->workspace);
	pg_tx_add(&q->tx, &judge, "utTtTTTddjtBdd", row->inbox, row->was, row->now_us, v->band,
		  v->since_us, v->fit_us, v->until_us, v->score, v->confidence, v->factors,
		  v->reason, (int)v->is_guarded, v->volume, v->stretch);
	return pg_tx_start(pg, &q->tx, on_count);
}

static void on_count(struct pg_tx *tx, const struct pg_answer *a)
{
	struct standing *q = container_of(tx, struct standing, tx);

	q->outcome = a->outcome;
	q->n = outcome_ok(&a->outcome) ? pg_row_i64(a, 0, 0, 0) : 0;
	q->done(q);
}

int standing_due_start(struct pg *pg, struct standing *q, uint64_t every_ms, int64_t half_life_s,
		       void (*done)(struct standing *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &due, "iii", (int64_t)every_ms, half_life_s, (int64_t)STANDING_ROWS);
	return pg_tx_start(pg, &q->tx, on_due);
}

static void read_row(const struct pg_answer *a, int row, struct standing_row *r)
{
	(void)snprintf(r->workspace, sizeof(r->workspace), "%s", pg_row_text(a, 0, row, 0));
	(void)snprintf(r->inbox, sizeof(r->inbox), "%s", pg_row_text(a, 0, row, 1));
	(void)snprintf(r->was, sizeof(r->was), "%s", pg_row_text(a, 0, row, 2));
	r->now_us = pg_row_time(a, 0, row, 3);
	(void)snprintf(r->band, sizeof(r->band), "%s", pg_row_text(a, 0, row, 4));
	r->since_us = pg_row_time(a, 0, row, 5);
	r->fit_us = pg_row_time(a, 0, row, 6);
	r->until_us = pg_row_time(a, 0, row, 7);
	r->sent = pg_row_double(a, 0, row, 8);
	r->hard = pg_row_double(a, 0, row, 9);
	r->blocked = pg_row_double(a, 0, row, 10);
	r->complained = pg_row_double(a, 0, row, 11);
	r->unsubscribed = pg_row_double(a, 0, row, 12);
	r->replied = pg_row_double(a, 0, row, 13);
	r->limits_7d = pg_row_i64(a, 0, row, 14);
	r->sent_7d = pg_row_i64(a, 0, row, 15);
	r->hard_7d = pg_row_i64(a, 0, row, 16);
	r->complained_7d = pg_row_i64(a, 0, row, 17);
	r->blocked_1h = pg_row_i64(a, 0, row, 18);
	r->bad_7d = pg_row_i64(a, 0, row, 19);
	r->is_news = pg_row_bool(a, 0, row, 20);
	(void)snprintf(r->reason, sizeof(r->reason), "%s", pg_row_text(a, 0, row, 21));
}

static void on_due(struct pg_tx *tx, const struct pg_answer *a)
{
	struct standing *q = container_of(tx, struct standing, tx);

	q->outcome = a->outcome;
	q->n = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;
	for (int i = 0; i < q->n && i < STANDING_ROWS; i++)
		read_row(a, i, &q->rows[i]);
	q->done(q);
}
