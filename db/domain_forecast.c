#include "db/domain_forecast.h"

#include "base/mem.h"

static const struct pg_stmt foretell = {
	"domain_forecast",
	"select domain_grant_id, stage, instant_text(dies_at) from domain_foretell($1, $2)",
};

static void on_told(struct pg_tx *tx, const struct pg_answer *a)
{
	struct domain_forecast *q = container_of(tx, struct domain_forecast, tx);

	q->outcome = a->outcome;
	q->told = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;
	for (int i = 0; i < q->told; i++)
		q->each(q, pg_row_text(a, 0, i, 0), pg_row_text(a, 0, i, 1),
			pg_row_text(a, 0, i, 2));
	q->done(q);
}

int domain_forecast_start(struct pg *pg, struct domain_forecast *q, int64_t far_s, int64_t near_s,
			  void (*each)(struct domain_forecast *, const char *, const char *,
				       const char *),
			  void (*done)(struct domain_forecast *))
{
	*q = (struct domain_forecast){ .each = each, .done = done };
	pg_tx_init(&q->tx, /* workspace= */ NULL);
	pg_tx_add(&q->tx, &foretell, "ii", far_s, near_s);
	return pg_tx_start(pg, &q->tx, on_told);
}
