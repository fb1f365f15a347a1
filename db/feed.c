#include "db/feed.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static void on_page(struct pg_tx *tx, const struct pg_answer *a);
static void on_acked(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt page = {
	"feed_page",
	"select page, told, upto, whole, floor, head from feed_read(nullif($1::bigint, -1), $2::text,"
	" (select array_agg(t) from jsonb_array_elements_text($3::jsonb) t), $4::bigint, $5::bigint)",
};
static const struct pg_stmt acknowledge = {
	"feed_ack",
	"select result, acked, head from feed_acknowledge($1::text, $2::bigint)",
};
static const struct pg_stmt where_consumer = {
	"feed_consumer",
	"select jsonb_build_object('consumer', $1::text, 'position', at, 'behind', head - at,"
	"  'acked_at', instant_text(acked_at))::text"
	" from (select coalesce(a.position, h.floor, 0) as at, coalesce(h.position, 0) as head, a.acked_at"
	"  from (select workspace_now() as ws) w left join feed_head h on h.workspace_id = w.ws"
	"  left join feed_ack a on a.workspace_id = w.ws and a.consumer = $1::text) x",
};
/* clang-format on */

int feed_page_start(struct pg *pg, struct feed_page *p, const char *workspace,
		    const struct feed_ask *ask, void (*done)(struct feed_page *))
{
	feed_page_clear(p);
	p->done = done;
	buf_init(&p->json, LIMIT_VIEW);
	pg_tx_init(&p->tx, workspace);
	pg_tx_add(&p->tx, &page, "itjii", ask->after, ask->consumer, ask->types, ask->limit,
		  (int64_t)FEED_WINDOW);
	return pg_tx_start(pg, &p->tx, on_page);
}

void feed_page_clear(struct feed_page *p)
{
	pg_tx_cancel(&p->tx);
	buf_clear(&p->json);
}

static void on_page(struct pg_tx *tx, const struct pg_answer *a)
{
	struct feed_page *p = container_of(tx, struct feed_page, tx);

	p->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		p->told = pg_row_i64(a, 0, 0, 1);
		p->next = pg_row_i64(a, 0, 0, 2);
		p->is_whole = pg_row_bool(a, 0, 0, 3);
		p->floor = pg_row_i64(a, 0, 0, 4);
		p->head = pg_row_i64(a, 0, 0, 5);
		if (!pg_row_is_null(a, 0, 0, 0) &&
		    text_add(&p->json, text_of(pg_row_text(a, 0, 0, 0))) != 0)
			p->outcome = outcome_of(BLAME_US, "page larger than LIMIT_VIEW", TEXT(""));
	}
	p->done(p);
}

int feed_ack_start(struct pg *pg, struct feed_ack *q, const char *workspace, const char *consumer,
		   int64_t position, void (*done)(struct feed_ack *))
{
	q->done = done;
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &acknowledge, "ti", consumer, position);
	return pg_tx_start(pg, &q->tx, on_acked);
}

static void on_acked(struct pg_tx *tx, const struct pg_answer *a)
{
	struct feed_ack *q = container_of(tx, struct feed_ack, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		const char *result = pg_row_text(a, 0, 0, 0);

		q->end = strcmp(result, "done") == 0    ? FEED_ACK_DONE
			 : strcmp(result, "ahead") == 0 ? FEED_ACK_AHEAD
							: FEED_ACK_TOO_MANY;
		q->position = pg_row_i64(a, 0, 0, 1);
		q->head = pg_row_i64(a, 0, 0, 2);
	}
	q->done(q);
}

int feed_consumer_start(struct pg *pg, struct view *v, const char *workspace, const char *name,
			view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &where_consumer, "t", name);
	return view_begin(pg, v, done);
}
