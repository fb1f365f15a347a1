#include "db/recheck.h"

#include <string.h>

#include "base/mem.h"

static void on_taken(struct pg_tx *tx, const struct pg_answer *a);
static void on_done(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt fence = { "recheck_fence", "select fence($1::uuid, $2::bigint)" };

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt take = {
	"recheck_take",
	"update recheck set taken_at = now() where inbox_id = $1::uuid and folder_id = $2::uuid"
	" and uidvalidity = $3::bigint and uid = $4::bigint",
};
static const struct pg_stmt names = {
	"recheck_names",
	"select digest, outbound_id, inbox_id, sequence, step, prospect_key, prospect_address, message_id,"
	" (extract(epoch from sent_at) * 1000000)::bigint, (extract(epoch from seen_at) * 1000000)::bigint"
	" from recheck_names($1::uuid, $2::bigint, $3::bigint)",
};
static const struct pg_stmt done_with = {
	"recheck_done",
	"delete from recheck where inbox_id = $1::uuid and folder_id = $2::uuid"
	" and uidvalidity = $3::bigint and uid = $4::bigint and taken_at is not null",
};
/* clang-format on */

int recheck_take_start(struct pg *pg, struct recheck_take *q, const struct folder_lease *l,
		       const struct recheck_mail *m, bool is_gone,
		       void (*done)(struct recheck_take *))
{
	recheck_take_clear(q);
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	pg_tx_add(&q->tx, &take, "uuii", l->inbox, m->folder, m->uidvalidity, m->uid);
	if (is_gone)
		pg_tx_add(&q->tx, &names, "uii", m->folder, m->uidvalidity, m->uid);
	return pg_tx_start(pg, &q->tx, on_taken);
}

static void on_taken(struct pg_tx *tx, const struct pg_answer *a)
{
	struct recheck_take *q = container_of(tx, struct recheck_take, tx);

	q->outcome = a->outcome;
	q->fenced = strcmp(a->sqlstate, PG_FENCED) == 0;
	q->seen_us = INT64_MIN;
	if (outcome_ok(&a->outcome) && tx->n > 2 && pg_rows(a, 2) > 0) {
		q->n_found = arrival_outbounds(a, 2, &q->found);
		q->seen_us = pg_row_time(a, 2, 0, 9);
	}
	q->done(q);
}

void recheck_take_clear(struct recheck_take *q)
{
	pg_tx_cancel(&q->tx);
	arrival_outbounds_free(q->found, q->n_found);
	q->found = NULL;
	q->n_found = 0;
}

int recheck_done_start(struct pg *pg, struct recheck_done *q, const struct folder_lease *l,
		       const struct recheck_mail *m, void (*done)(struct recheck_done *))
{
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	pg_tx_add(&q->tx, &done_with, "uuii", l->inbox, m->folder, m->uidvalidity, m->uid);
	return pg_tx_start(pg, &q->tx, on_done);
}

static void on_done(struct pg_tx *tx, const struct pg_answer *a)
{
	struct recheck_done *q = container_of(tx, struct recheck_done, tx);

	q->outcome = a->outcome;
	q->fenced = strcmp(a->sqlstate, PG_FENCED) == 0;
	q->done(q);
}
