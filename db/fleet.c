#include "db/fleet.h"

#include <stdio.h>

#include "base/mem.h"

static void on_beaten(struct pg_tx *tx, const struct pg_answer *a);
static void on_counted(struct pg_tx *tx, const struct pg_answer *a);
static void on_written(struct pg_tx *tx, const struct pg_answer *a);

/* ---- beat ---- */

/* clang-format off */
/* An upsert: a worker whose row was removed while it was stopped is there again, without its leases. */
static const struct pg_stmt beat = {
	"fleet_beat",
	"insert into worker as w (worker_id, host, slot, pid, capacity, held, live, draining)"
	" values ($1::uuid, $2::text, $3::text, $4::bigint::int, $5::bigint::int, $6::bigint::int, $7::bigint::int, $8)"
	" on conflict (worker_id) do update set beat = w.beat + 1, beat_at = now(), capacity = excluded.capacity,"
	"  held = excluded.held, live = excluded.live, draining = w.draining or excluded.draining",
};
static const struct pg_stmt workers = {
	"fleet_workers",
	"select worker_id, slot, beat, capacity::bigint, held::bigint, draining, host from worker order by worker_id",
};
/* clang-format on */

int fleet_beat_start(struct pg *pg, struct fleet_beat *q, const struct fleet_self *self,
		     void (*done)(struct fleet_beat *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &beat, "uttiiiiB", self->worker, self->host, self->slot,
		  (int64_t)self->pid, self->capacity, self->held, self->live, self->is_draining);
	pg_tx_add(&q->tx, &workers, "");
	return pg_tx_start(pg, &q->tx, on_beaten);
}

static void on_beaten(struct pg_tx *tx, const struct pg_answer *a)
{
	struct fleet_beat *q = container_of(tx, struct fleet_beat, tx);
	cleanup_free struct fleet_worker *all = NULL;

	q->outcome = a->outcome;
	q->n_workers = 0;
	if (outcome_ok(&a->outcome)) {
		q->n_workers = (size_t)pg_rows(a, 1);
		all = mem_new((q->n_workers + 1) * sizeof(*all));
	}
	for (size_t i = 0; i < q->n_workers; i++) {
		(void)snprintf(all[i].worker, sizeof(all[i].worker), "%s",
			       pg_row_text(a, 1, (int)i, 0));
		(void)snprintf(all[i].slot, sizeof(all[i].slot), "%s",
			       pg_row_text(a, 1, (int)i, 1));
		all[i].beat = pg_row_i64(a, 1, (int)i, 2);
		all[i].capacity = pg_row_i64(a, 1, (int)i, 3);
		all[i].held = pg_row_i64(a, 1, (int)i, 4);
		all[i].is_draining = pg_row_bool(a, 1, (int)i, 5);
		(void)snprintf(all[i].host, sizeof(all[i].host), "%s",
			       pg_row_text(a, 1, (int)i, 6));
	}
	q->workers = all;
	q->done(q);
	q->workers = NULL;
}

static const struct pg_stmt watchable = {
	"fleet_inboxes",
	"select count(*) from lease where watched",
};

int fleet_inboxes_start(struct pg *pg, struct fleet_inboxes *q,
			void (*done)(struct fleet_inboxes *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &watchable, "");
	return pg_tx_start(pg, &q->tx, on_counted);
}

static void on_counted(struct pg_tx *tx, const struct pg_answer *a)
{
	struct fleet_inboxes *q = container_of(tx, struct fleet_inboxes, tx);

	q->outcome = a->outcome;
	q->n = outcome_ok(&a->outcome) ? pg_row_i64(a, 0, 0, 0) : 0;
	q->done(q);
}

/* ---- outages ---- */

/* clang-format off */
static const struct pg_stmt outage_seen = {
	"fleet_outage_seen",
	"select outage_seen($1::uuid, $2::text, $3::bigint::int)",
};
static const struct pg_stmt outage_over = {
	"fleet_outage_over",
	"select outage_over($1::text)",
};
/* clang-format on */

int fleet_outage_start(struct pg *pg, struct fleet_outage *q, const char *worker,
		       const char *provider, int64_t inboxes, void (*done)(struct fleet_outage *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &outage_seen, "uti", worker, provider, inboxes);
	return pg_tx_start(pg, &q->tx, on_written);
}

int fleet_outage_end_start(struct pg *pg, struct fleet_outage *q, const char *provider,
			   void (*done)(struct fleet_outage *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &outage_over, "t", provider);
	return pg_tx_start(pg, &q->tx, on_written);
}

static void on_written(struct pg_tx *tx, const struct pg_answer *a)
{
	struct fleet_outage *q = container_of(tx, struct fleet_outage, tx);

	q->outcome = a->outcome;
	q->is_first = outcome_ok(&a->outcome) && pg_row_bool(a, 0, 0, 0);
	q->done(q);
}
