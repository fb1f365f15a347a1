#include "db/attempt.h"

#include <string.h>

#include "base/mem.h"

static void on_begun(struct pg_tx *tx, const struct pg_answer *a);
static void on_ended(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt begin = {
	"attempt_begin",
	"select attempt_begin($1::uuid, $2::bigint, $3::uuid, $4::bigint, $5::bigint, nullif($6::text, '')::uuid, $7, $8::bigint)",
};
static const struct pg_stmt leave = {
	"attempt_leave",
	"insert into mail_unread (workspace_id, folder_id, uidvalidity, uid, inbox_id)"
	" select a.workspace_id, a.folder_id, a.uidvalidity, a.uid, a.inbox_id from mail_attempt a"
	" where a.workspace_id = workspace_now() and a.folder_id = $1::uuid and a.uidvalidity = $2::bigint"
	" and a.uid = $3::bigint and a.tries > $4::bigint on conflict do nothing",
};
static const struct pg_stmt fence = { "attempt_fence", "select fence($1::uuid, $2::bigint)" };
static const struct pg_stmt end = {
	"attempt_end",
	"delete from mail_attempt where workspace_id = workspace_now() and folder_id = $1::uuid and uidvalidity = $2::bigint"
	" and uid = $3::bigint",
};
/* clang-format on */

int attempt_begin_start(struct pg *pg, struct attempt_begin *q, const struct folder_lease *l,
			const struct attempt_what *what, void (*done)(struct attempt_begin *))
{
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &begin, "uiuiitBi", l->inbox, l->epoch, what->folder, what->uidvalidity,
		  what->uid, what->message ? what->message : "", what->is_of_headers, what->done);
	if (what->leave_above)
		pg_tx_add(&q->tx, &leave, "uiii", what->folder, what->uidvalidity, what->uid,
			  (int64_t)what->leave_above);
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
		      const char *folder, int64_t uidvalidity, int64_t uid,
		      void (*done)(struct attempt_end *))
{
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	pg_tx_add(&q->tx, &end, "uii", folder, uidvalidity, uid);
	return pg_tx_start(pg, &q->tx, on_ended);
}

static void on_ended(struct pg_tx *tx, const struct pg_answer *a)
{
	struct attempt_end *q = container_of(tx, struct attempt_end, tx);

	q->outcome = a->outcome;
	q->fenced = strcmp(a->sqlstate, PG_FENCED) == 0;
	q->done(q);
}
