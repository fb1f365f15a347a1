#include "base/mem.h"
#include "db/endpoint.h"

static void on_created(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt create = {
	"endpoint_create",
	"insert into endpoint (workspace_id, endpoint_id, url, types, sealed_secret)"
	" values (workspace_now(), $1, $2, (select array_agg(t) from "
	"jsonb_array_elements_text($3::jsonb) t), $4)",
};

int endpoint_create_start(struct pg *pg, struct endpoint_create *q, const char *workspace,
			  const char *endpoint, const char *url, const char *types_json,
			  const void *sealed, size_t sealed_len,
			  void (*done)(struct endpoint_create *))
{
	q->done = done;
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &create, "utjb", endpoint, url, types_json, sealed, sealed_len);
	return pg_tx_start(pg, &q->tx, on_created);
}

static void on_created(struct pg_tx *tx, const struct pg_answer *a)
{
	struct endpoint_create *q = container_of(tx, struct endpoint_create, tx);

	q->outcome = a->outcome;
	q->done(q);
}
