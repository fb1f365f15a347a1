#include "db/attempt.h"

#include <string.h>

#include "base/mem.h"
#include "db/pg_json.h"

static void on_begun(struct pg_tx *tx, const struct pg_answer *a);
static void on_ended(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt begin = {
	"attempt_begin",
	"select attempt_begin($1::uuid, $2::bigint, $3::uuid, $4::bigint, $5::bigint, nullif($6::text, '')::uuid)",
};
static const struct pg_stmt fence = { "attempt_fence", "select fence($1::uuid, $2::bigint)" };
static const struct pg_stmt end = {
	"attempt_end",
	"delete from mail_attempt where workspace_id = workspace_now() and folder_id = $1::uuid and uidvalidity = $2::bigint"
	" and uid in (select jsonb_array_elements_text($3::jsonb)::bigint)",
};
/* clang-format on */

int attempt_begin_start(struct pg *pg, struct attempt_begin *q, const struct folder_lease *l,
			const char *folder, int64_t uidvalidity, int64_t uid, const char *message,
			void (*done)(struct attempt_begin *))
{
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &begin, "uiuiit", l->inbox, l->epoch, folder, uidvalidity, uid,
		  message ? message : "");
	return pg_tx_start(pg, &q->tx, on_begun);
}

static void on_begun(struct pg_tx *tx, const struct pg_answer *a)
{
	struct attempt_begin *q = container_of(tx, struct attempt_begin, tx);

	q->outcome = a->outcome;
	q->fenced = strcmp(a->sqlstate, PG_FENCED) == 0;
	q->tries = outcome_ok(&a->outcome) ? (int)pg_row_i64(a, 0, 0, 0) : 0;
	q->done(q);
}

int attempt_end_start(struct pg *pg, struct attempt_end *q, const struct folder_lease *l,
		      const char *folder, int64_t uidvalidity, const int64_t *uids, size_t n,
		      void (*done)(struct attempt_end *))
{
	json_t *list = json_array();
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer(uids[i]));
	text = pg_json_dump(list);
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	pg_tx_add(&q->tx, &end, "uij", folder, uidvalidity, text);
	return pg_tx_start(pg, &q->tx, on_ended);
}

static void on_ended(struct pg_tx *tx, const struct pg_answer *a)
{
	struct attempt_end *q = container_of(tx, struct attempt_end, tx);

	q->outcome = a->outcome;
	q->fenced = strcmp(a->sqlstate, PG_FENCED) == 0;
	q->done(q);
}
