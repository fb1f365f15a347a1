#include "db/delivery.h"

#include "base/limits.h"
#include "base/mem.h"

static void on_appended(struct pg_tx *tx, const struct pg_answer *a);
static void on_taken(struct pg_tx *tx, const struct pg_answer *a);
static void on_tended(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt append = { "delivery_append", "select feed_append($1::bigint::int)" };

int delivery_append_start(struct pg *pg, struct delivery_append *q, int most,
			  void (*done)(struct delivery_append *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &append, "i", (int64_t)most);
	return pg_tx_start(pg, &q->tx, on_appended);
}

static void on_appended(struct pg_tx *tx, const struct pg_answer *a)
{
	struct delivery_append *q = container_of(tx, struct delivery_append, tx);

	q->outcome = a->outcome;
	q->appended = outcome_ok(&a->outcome) && pg_rows(a, 0) ? pg_row_i64(a, 0, 0, 0) : 0;
	q->done(q);
}

/* A claim that a crash of PostgreSQL forgets is made again: nobody waits for the disk. */
static const struct pg_stmt relaxed = { "delivery_relaxed", "set local synchronous_commit = off" };
static const struct pg_stmt take = {
	"delivery_take",
	"select workspace_id, endpoint_id, event_id, feed_position, tries, body, is_first, url,"
	"  sealed_secret, sealed_secret_old, sealed_headers, sealed_client, concurrency,"
	"  coalesce(timeout_ms, 0), batch, lane_state"
	" from lane_take($1, make_interval(secs => $2::bigint / 1000.0), $3::bigint::int,"
	"  $4::bigint::int, $5::jsonb)",
};

int delivery_take_start(struct pg *pg, struct delivery_take *q, const struct delivery_wish *w,
			void (*each)(struct delivery_take *, const struct delivery_due *),
			void (*done)(struct delivery_take *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &relaxed, "");
	pg_tx_add(&q->tx, &take, "uiiij", w->claim, (int64_t)w->stale_ms, (int64_t)w->most,
		  (int64_t)w->first, w->rooms);
	return pg_tx_start(pg, &q->tx, on_taken);
}

static void box_of(const struct pg_answer *a, int row, int col, struct buf *keep,
		   struct delivery_box *ret)
{
	pg_row_box(a, 1, row, col, keep, &ret->at, &ret->n);
	ret->is_there = !pg_row_is_null(a, 1, row, col);
}

static void each_of(struct delivery_take *q, const struct pg_answer *a, int row)
{
	struct buf keep[4] = { 0 };
	struct delivery_endpoint of = { 0 };
	struct delivery_due d = {
		.workspace = pg_row_text(a, 1, row, 0),
		.endpoint = pg_row_text(a, 1, row, 1),
		.event = pg_row_text(a, 1, row, 2),
		.position = pg_row_i64(a, 1, row, 3),
		.tries = (int)pg_row_i64(a, 1, row, 4),
	};

	if (!pg_row_is_null(a, 1, row, 5))
		d.body = text_of(pg_row_text(a, 1, row, 5));
	if (pg_row_bool(a, 1, row, 6)) {
		of.url = pg_row_text(a, 1, row, 7);
		box_of(a, row, 8, &keep[0], &of.secret);
		box_of(a, row, 9, &keep[1], &of.secret_old);
		box_of(a, row, 10, &keep[2], &of.headers);
		box_of(a, row, 11, &keep[3], &of.client);
		of.concurrency = (int)pg_row_i64(a, 1, row, 12);
		of.timeout_ms = (uint64_t)pg_row_i64(a, 1, row, 13);
		of.batch = (int)pg_row_i64(a, 1, row, 14);
		of.state = pg_row_text(a, 1, row, 15);
		d.of = &of;
	}
	q->each(q, &d);
	for (size_t i = 0; i < countof(keep); i++)
		buf_clear(&keep[i]);
}

static void on_taken(struct pg_tx *tx, const struct pg_answer *a)
{
	struct delivery_take *q = container_of(tx, struct delivery_take, tx);

	q->outcome = a->outcome;
	q->taken = outcome_ok(&a->outcome) ? pg_rows(a, 1) : 0;
	for (int i = 0; i < q->taken; i++)
		each_of(q, a, i);
	q->done(q);
}

static const struct pg_stmt tend = {
	"delivery_tend",
	"select lane_tend($1::bigint::int) + replay_step($1::bigint::int)",
};

int delivery_tend_start(struct pg *pg, struct delivery_tend *q, int most,
			void (*done)(struct delivery_tend *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &tend, "i", (int64_t)most);
	return pg_tx_start(pg, &q->tx, on_tended);
}

static void on_tended(struct pg_tx *tx, const struct pg_answer *a)
{
	struct delivery_tend *q = container_of(tx, struct delivery_tend, tx);

	q->outcome = a->outcome;
	q->n = outcome_ok(&a->outcome) && pg_rows(a, 0) ? pg_row_i64(a, 0, 0, 0) : 0;
	q->done(q);
}
