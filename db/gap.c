#include "db/gap.h"

#include <jansson.h>
#include <string.h>

#include "base/mem.h"

static void on_closed(struct pg_tx *tx, const struct pg_answer *a);
static void on_opened(struct pg_tx *tx, const struct pg_answer *a);

/* ---- close ---- */

static const struct pg_stmt shut = {
	"gap_close",
	"select gap_close($1::uuid, $2::bigint, $3::jsonb)",
};

int gap_close_start(struct pg *pg, struct gap_close *q, const struct folder_lease *l,
		    const struct gap_facts *f, void (*done)(struct gap_close *))
{
	json_t *facts = json_pack(
		"{sI sI sI sI sI sb sI ss}", "blind_from", (json_int_t)f->blind_from_us, "blind_to",
		(json_int_t)f->blind_to_us, "replayed", (json_int_t)f->replayed, "vanished",
		(json_int_t)f->vanished, "skipped", (json_int_t)f->skipped, "verified",
		(int)f->verified, "tolerated_ms", (json_int_t)f->tolerated_ms, "cause", f->cause);
	cleanup_free char *text = json_dumps(facts, JSON_COMPACT);

	json_decref(facts);
	q->done = done;
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &shut, "uij", l->inbox, l->epoch, text);
	return pg_tx_start(pg, &q->tx, on_closed);
}

static void on_closed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct gap_close *q = container_of(tx, struct gap_close, tx);

	q->outcome = a->outcome;
	q->fenced = strcmp(a->sqlstate, PG_FENCED) == 0;
	q->was_gap = outcome_ok(&a->outcome) && pg_row_bool(a, 0, 0, 0);
	if (q->was_gap)
		pg_notify(tx->pg, "replyd_event");
	q->done(q);
}

/* ---- open ---- */

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt sweep = {
	"gap_sweep",
	"select (extract(epoch from now()) * 1000000)::bigint,"
	" case when $1::bigint > 0 and now() - (timestamptz 'epoch' + $2::bigint * interval '1 microsecond')"
	"  < make_interval(secs => $3::bigint) then gaps_open($1::bigint::int) else 0 end",
};
/* clang-format on */

int gap_open_start(struct pg *pg, struct gap_open *q, int64_t most, int64_t since_us,
		   void (*done)(struct gap_open *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &sweep, "iii", most, since_us, (int64_t)GAP_PAUSE_S);
	return pg_tx_start(pg, &q->tx, on_opened);
}

static void on_opened(struct pg_tx *tx, const struct pg_answer *a)
{
	struct gap_open *q = container_of(tx, struct gap_open, tx);
	bool is_ok = outcome_ok(&a->outcome);

	q->outcome = a->outcome;
	q->now_us = is_ok ? pg_row_i64(a, 0, 0, 0) : 0;
	q->opened = is_ok ? pg_row_i64(a, 0, 0, 1) : 0;
	if (q->opened > 0)
		pg_notify(tx->pg, "replyd_event");
	q->done(q);
}
