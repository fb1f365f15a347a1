#include "base/mem.h"
#include "db/outbound.h"

static void on_registered(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt enroll = {
	"outbound_register",
	"select item, result, coalesce(outbound_id::text, ''), rechecks from "
	"outbound_enroll(outbound_wanted($1)) "
	"order by item",
};

int outbound_register_start(struct pg *pg, struct outbound_register *q, const char *workspace,
			    const char *items_json,
			    void (*each)(struct outbound_register *,
					 const struct outbound_result *),
			    void (*done)(struct outbound_register *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &enroll, "j", items_json);
	return pg_tx_start(pg, &q->tx, on_registered);
}

static void on_registered(struct pg_tx *tx, const struct pg_answer *a)
{
	struct outbound_register *q = container_of(tx, struct outbound_register, tx);

	q->outcome = a->outcome;
	for (int i = 0; outcome_ok(&a->outcome) && i < pg_rows(a, 0); i++) {
		const struct outbound_result r = { (int)pg_row_i64(a, 0, i, 0),
						   pg_row_text(a, 0, i, 1), pg_row_text(a, 0, i, 2),
						   (int)pg_row_i64(a, 0, i, 3) };

		q->each(q, &r);
	}
	q->done(q);
}
