#include "base/limits.h"
#include "base/mem.h"
#include "db/delivery.h"

static void on_appended(struct pg_tx *tx, const struct pg_answer *a);
static void on_taken(struct pg_tx *tx, const struct pg_answer *a);
static void on_settled(struct pg_tx *tx, const struct pg_answer *a);

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

static const struct pg_stmt take = {
	"delivery_take",
	"select workspace_id, endpoint_id, event_id, feed_position, tries, url, sealed_secret, body"
	" from delivery_take($1, make_interval(secs => $2::bigint / 1000.0), $3::bigint::int)",
};

int delivery_take_start(struct pg *pg, struct delivery_take *q, const char *claim,
			uint64_t stale_ms, int most,
			void (*each)(struct delivery_take *, const struct delivery_due *),
			void (*done)(struct delivery_take *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &take, "uii", claim, (int64_t)stale_ms, (int64_t)most);
	return pg_tx_start(pg, &q->tx, on_taken);
}

static void on_taken(struct pg_tx *tx, const struct pg_answer *a)
{
	struct delivery_take *q = container_of(tx, struct delivery_take, tx);
	struct delivery_due due;
	struct buf sealed;

	q->outcome = a->outcome;
	q->taken = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;
	for (int i = 0; i < q->taken; i++) {
		buf_init(&sealed, LIMIT_SECRET);
		/* One that is no box of ours does not open, and the receipt says so. */
		if (pg_row_bytes(a, 0, i, 6, &sealed) < 0)
			buf_cut(&sealed, 0);
		due = (struct delivery_due){
			.workspace = pg_row_text(a, 0, i, 0),
			.endpoint = pg_row_text(a, 0, i, 1),
			.event = pg_row_text(a, 0, i, 2),
			.position = pg_row_i64(a, 0, i, 3),
			.tries = (int)pg_row_i64(a, 0, i, 4),
			.url = pg_row_text(a, 0, i, 5),
			.sealed_secret = sealed.data,
			.sealed_len = sealed.len,
			.body = text_of(pg_row_text(a, 0, i, 7)),
		};
		q->each(q, &due);
		buf_clear(&sealed);
	}
	q->done(q);
}

static const struct pg_stmt receipt = {
	"delivery_receipt",
	"insert into attempt (workspace_id, attempt_id, started_at, endpoint_id, event_id, "
	"position, try, status, outcome, detail, took_ms)"
	" values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
};
static const struct pg_stmt delivered = {
	"delivery_delivered",
	"delete from delivery where workspace_id = $4 and endpoint_id = $1 and position = $2 and "
	"claim_id = $3",
};
static const struct pg_stmt again = {
	"delivery_again",
	"update delivery set tries = tries + 1, claim_id = null, claimed_at = null,"
	" due_at = now() + make_interval(secs => $5::bigint / 1000.0)"
	" where workspace_id = $4 and endpoint_id = $1 and position = $2 and claim_id = $3",
};
static const struct pg_stmt dead = {
	"delivery_dead",
	"update delivery set tries = tries + 1, claim_id = null, claimed_at = null, state = 'dead'"
	" where workspace_id = $4 and endpoint_id = $1 and position = $2 and claim_id = $3",
};
static const struct pg_stmt gone = {
	"delivery_gone",
	"update endpoint set state = 'disabled', reason = '410 Gone: the endpoint asked for no "
	"more events' where workspace_id = $2 and endpoint_id = $1",
};

int delivery_settle_start(struct pg *pg, struct delivery_settle *q,
			  const struct delivery_receipt *r, void (*done)(struct delivery_settle *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &receipt, "uuTuuiiitti", r->workspace, r->attempt, r->started_us,
		  r->endpoint, r->event, r->position, (int64_t)r->try, (int64_t)r->status,
		  r->outcome, r->detail, (int64_t)r->took_ms);
	switch (r->fate) {
	case DELIVERY_DELIVERED:
		pg_tx_add(&q->tx, &delivered, "uiuu", r->endpoint, r->position, r->claim,
			  r->workspace);
		break;
	case DELIVERY_AGAIN:
		pg_tx_add(&q->tx, &again, "uiuui", r->endpoint, r->position, r->claim, r->workspace,
			  (int64_t)r->wait_ms);
		break;
	case DELIVERY_GONE:
		pg_tx_add(&q->tx, &gone, "uu", r->endpoint, r->workspace);
		pg_tx_add(&q->tx, &dead, "uiuu", r->endpoint, r->position, r->claim, r->workspace);
		break;
	case DELIVERY_DEAD:
		pg_tx_add(&q->tx, &dead, "uiuu", r->endpoint, r->position, r->claim, r->workspace);
		break;
	}
	return pg_tx_start(pg, &q->tx, on_settled);
}

static void on_settled(struct pg_tx *tx, const struct pg_answer *a)
{
	struct delivery_settle *q = container_of(tx, struct delivery_settle, tx);

	q->outcome = a->outcome;
	q->done(q);
}
