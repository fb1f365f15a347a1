#include "base/mem.h"
#include "db/metrics.h"

static void on_read(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt now = {
	"metrics_now",
	"select name, label, label_value, value from metrics_now()"
	" union all select name, label, label_value, value from metrics_fleet()"
	" union all select name, label, label_value, value from metrics_broker()"
	" order by name, label, label_value",
};

int metrics_read_start(struct pg *pg, struct metrics_read *q,
		       void (*each)(struct metrics_read *, const struct metrics_line *),
		       void (*done)(struct metrics_read *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &now, "");
	return pg_tx_start(pg, &q->tx, on_read);
}

static void on_read(struct pg_tx *tx, const struct pg_answer *a)
{
	struct metrics_read *q = container_of(tx, struct metrics_read, tx);

	q->outcome = a->outcome;
	for (int i = 0; outcome_ok(&a->outcome) && i < pg_rows(a, 0); i++) {
		const struct metrics_line l = { pg_row_text(a, 0, i, 0), pg_row_text(a, 0, i, 1),
						pg_row_text(a, 0, i, 2),
						pg_row_double(a, 0, i, 3) };

		q->each(q, &l);
	}
	q->done(q);
}
