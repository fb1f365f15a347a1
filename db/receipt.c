#include "db/receipt.h"

#include "base/json_text.h"
#include "base/limits.h"
#include "base/mem.h"

static void on_settled(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt settle = {
	"receipt_settle",
	"select endpoint_id, what from lane_settle($1::jsonb, $2::jsonb,"
	" make_interval(secs => $3::bigint / 1000.0))",
};

static const char *fate_word(enum receipt_fate f)
{
	switch (f) {
	case RECEIPT_DELIVERED:
		return "delivered";
	case RECEIPT_AGAIN:
		return "again";
	case RECEIPT_DEAD:
		return "dead";
	case RECEIPT_GONE:
		return "gone";
	}
	return "";
}

void receipt_batch_begin(struct receipt_batch *q)
{
	struct json_text items = json_text_to(&q->items), news = json_text_to(&q->news);

	buf_init(&q->items, LIMIT_PG_PARAMS);
	buf_init(&q->news, LIMIT_PG_PARAMS);
	json_text_open(&items, NULL, '[');
	json_text_open(&news, NULL, '[');
}

void receipt_batch_add(struct receipt_batch *q, const struct receipt *r)
{
	struct json_text j = json_text_to(&q->items);

	json_text_open(&j, NULL, '{');
	json_text_string(&j, "workspace_id", r->workspace);
	json_text_string(&j, "endpoint_id", r->endpoint);
	json_text_string(&j, "event_id", r->event);
	json_text_string(&j, "claim_id", r->claim);
	json_text_string(&j, "attempt_id", r->attempt);
	json_text_int(&j, "position", r->position);
	json_text_int(&j, "try", r->try);
	json_text_int(&j, "started_us", r->started_us);
	json_text_int(&j, "status", r->status);
	json_text_string(&j, "outcome", r->outcome);
	json_text_string(&j, "detail", r->detail);
	json_text_int(&j, "took_ms", (int64_t)r->took_ms);
	json_text_string(&j, "fate", fate_word(r->fate));
	json_text_int(&j, "wait_ms", (int64_t)r->wait_ms);
	json_text_close(&j, '}');
}

void receipt_batch_news(struct receipt_batch *q, const struct receipt_news *n)
{
	struct json_text j = json_text_to(&q->news);

	json_text_open(&j, NULL, '{');
	json_text_string(&j, "workspace_id", n->workspace);
	json_text_string(&j, "endpoint_id", n->endpoint);
	json_text_bool(&j, "ok", n->ok);
	json_text_string(&j, "failed_with", n->failed_with);
	json_text_string(&j, "state", n->state);
	json_text_int(&j, "wait_ms", (int64_t)n->wait_ms);
	json_text_close(&j, '}');
}

int receipt_batch_start(struct pg *pg, struct receipt_batch *q, uint64_t disable_after_ms,
			void (*told)(struct receipt_batch *, const char *, const char *),
			void (*done)(struct receipt_batch *))
{
	struct json_text items = json_text_to(&q->items), news = json_text_to(&q->news);
	int r;

	json_text_close(&items, ']');
	json_text_close(&news, ']');
	q->told = told;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &settle, "jji", (const char *)q->items.data, (const char *)q->news.data,
		  (int64_t)disable_after_ms);
	r = pg_tx_start(pg, &q->tx, on_settled);
	buf_clear(&q->items);
	buf_clear(&q->news);
	return r;
}

static void on_settled(struct pg_tx *tx, const struct pg_answer *a)
{
	struct receipt_batch *q = container_of(tx, struct receipt_batch, tx);
	int rows = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;

	q->outcome = a->outcome;
	for (int i = 0; i < rows; i++)
		q->told(q, pg_row_text(a, 0, i, 0), pg_row_text(a, 0, i, 1));
	q->done(q);
}
