#include "db/folder.h"

#include <jansson.h>

#include "base/mem.h"

static void on_proven(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt prove = {
	"folder_prove",
	"select inbox_id, has_gap from proofs_put($1::jsonb)",
};

int folder_proofs_start(struct pg *pg, struct folder_proofs *q, const struct folder_proof *proofs,
			size_t n)
{
	json_t *given = json_array();
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct folder_proof *p = &proofs[i];
		bool is_ingested = p->ingested_at_us != INT64_MIN;

		json_array_append_new(given, json_pack("{ss sI sI so sI}", "inbox", p->inbox,
						       "epoch", (json_int_t)p->epoch, "gated",
						       (json_int_t)p->gated_at_us, "ingested",
						       is_ingested ? json_integer(p->ingested_at_us)
								   : json_null(),
						       "interval_s", (json_int_t)p->interval_s));
	}
	text = json_dumps(given, JSON_COMPACT);
	json_decref(given);
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &prove, "j", text);
	return pg_tx_start(pg, &q->tx, on_proven);
}

static void on_proven(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_proofs *q = container_of(tx, struct folder_proofs, tx);
	int rows = outcome_ok(&a->outcome) ? pg_rows(a, 0) : 0;

	q->outcome = a->outcome;
	q->written = rows;
	for (int r = 0; q->gap && r < rows; r++)
		if (pg_row_bool(a, 0, r, 1))
			q->gap(q, pg_row_text(a, 0, r, 0));
	q->done(q);
}
