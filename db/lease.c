#include "db/lease.h"

#include <stdio.h>

#include "base/mem.h"

static void on_beaten(struct pg_tx *tx, const struct pg_answer *a);
static void on_listed(struct pg_tx *tx, const struct pg_answer *a);
static void on_released(struct pg_tx *tx, const struct pg_answer *a);
static void on_rechecks(struct pg_tx *tx, const struct pg_answer *a);

/* ---- beat ---- */

/* An upsert: a worker whose row was removed while it was stopped is there again, without its
 * leases. */
static const struct pg_stmt beat = {
	"lease_beat",
	"insert into worker as w (worker_id, host, pid, capacity)"
	" values ($1::uuid, $2::text, $3::bigint::int, $4::bigint::int)"
	" on conflict (worker_id) do update set beat = w.beat + 1, beat_at = now(), capacity = "
	"excluded.capacity",
};
static const struct pg_stmt workers = {
	"lease_workers",
	"select worker_id, beat, capacity::bigint from worker order by worker_id",
};

int lease_beat_start(struct pg *pg, struct lease_beat *q, const char *worker, const char *host,
		     int pid, int64_t capacity, void (*done)(struct lease_beat *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &beat, "utii", worker, host, (int64_t)pid, capacity);
	pg_tx_add(&q->tx, &workers, "");
	return pg_tx_start(pg, &q->tx, on_beaten);
}

static void on_beaten(struct pg_tx *tx, const struct pg_answer *a)
{
	struct lease_beat *q = container_of(tx, struct lease_beat, tx);
	cleanup_free struct lease_worker *all = NULL;

	q->outcome = a->outcome;
	q->n_workers = 0;
	if (outcome_ok(&a->outcome)) {
		q->n_workers = (size_t)pg_rows(a, 1);
		all = mem_new((q->n_workers + 1) * sizeof(*all));
	}
	for (size_t i = 0; i < q->n_workers; i++) {
		(void)snprintf(all[i].worker, sizeof(all[i].worker), "%s",
			       pg_row_text(a, 1, (int)i, 0));
		all[i].beat = pg_row_i64(a, 1, (int)i, 1);
		all[i].capacity = pg_row_i64(a, 1, (int)i, 2);
	}
	q->workers = all;
	q->done(q);
}

/* ---- lists ---- */

#define INBOX_COLUMNS                                                                              \
	"l.workspace_id, l.inbox_id, l.epoch, b.admin_state, b.address, b.provider, b.imap_host,"  \
	" b.imap_security, b.imap_port::bigint, b.login_name,"                                     \
	" coalesce((select t.version from access_token t where t.inbox_id = b.inbox_id), 0)"

static const struct pg_stmt mine = {
	"lease_mine",
	"select " INBOX_COLUMNS
	" from lease l join inbox b on b.inbox_id = l.inbox_id and b.workspace_id = l.workspace_id"
	" where l.worker_id = $1::uuid",
};
static const struct pg_stmt totals = {
	"lease_totals",
	"select count(*), count(*) filter (where l.worker_id is null)"
	" from lease l join inbox b on b.inbox_id = l.inbox_id and b.workspace_id = l.workspace_id"
	" where b.admin_state = 'enabled'",
};
static const struct pg_stmt take = {
	"lease_take",
	"with pick as (select l.inbox_id from lease l"
	"  join inbox b on b.inbox_id = l.inbox_id and b.workspace_id = l.workspace_id"
	"  where b.admin_state = 'enabled'"
	"   and (l.worker_id is null or l.worker_id = any ($2::text::uuid[]))"
	"  order by l.taken_at nulls first limit $3::bigint for update of l skip locked)"
	" update lease l set worker_id = $1::uuid, epoch = l.epoch + 1, taken_at = now()"
	" from pick p, inbox b where l.inbox_id = p.inbox_id and b.inbox_id = l.inbox_id"
	" returning " INBOX_COLUMNS,
};
static const struct pg_stmt bury = {
	"lease_bury",
	"delete from worker w where w.worker_id = any ($1::text::uuid[])"
	" and not exists (select 1 from lease l where l.worker_id = w.worker_id)",
};

int lease_mine_start(struct pg *pg, struct lease_list *q, const char *worker,
		     void (*each)(struct lease_list *, const struct lease_inbox *),
		     void (*done)(struct lease_list *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &mine, "u", worker);
	pg_tx_add(&q->tx, &totals, "");
	return pg_tx_start(pg, &q->tx, on_listed);
}

int lease_take_start(struct pg *pg, struct lease_list *q, const char *worker,
		     const char *const *dead, size_t n_dead, int64_t most,
		     void (*each)(struct lease_list *, const struct lease_inbox *),
		     void (*done)(struct lease_list *))
{
	cleanup_buf struct buf uuids;

	buf_init(&uuids, n_dead * LEASE_UUID + 3);
	text_addf(&uuids, "{");
	for (size_t i = 0; i < n_dead; i++)
		text_addf(&uuids, "%s%s", i ? "," : "", dead[i]);
	text_addf(&uuids, "}");
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &take, "uxi", worker, text_of_buf(&uuids), most);
	pg_tx_add(&q->tx, &bury, "x", text_of_buf(&uuids));
	return pg_tx_start(pg, &q->tx, on_listed);
}

static void on_listed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct lease_list *q = container_of(tx, struct lease_list, tx);
	bool is_mine = tx->n == 2 && tx->st[1].stmt == &totals;

	q->outcome = a->outcome;
	q->watchable = q->free = -1;
	for (int r = 0; outcome_ok(&a->outcome) && r < pg_rows(a, 0); r++) {
		struct lease_inbox i = {
			.workspace = pg_row_text(a, 0, r, 0),
			.inbox = pg_row_text(a, 0, r, 1),
			.epoch = pg_row_i64(a, 0, r, 2),
			.admin_state = pg_row_text(a, 0, r, 3),
			.address = pg_row_text(a, 0, r, 4),
			.provider = pg_row_text(a, 0, r, 5),
			.imap_host = pg_row_text(a, 0, r, 6),
			.imap_security = pg_row_text(a, 0, r, 7),
			.imap_port = pg_row_i64(a, 0, r, 8),
			.login_name = pg_row_text(a, 0, r, 9),
			.token_version = pg_row_i64(a, 0, r, 10),
		};

		q->each(q, &i);
	}
	if (outcome_ok(&a->outcome) && is_mine && pg_rows(a, 1) == 1) {
		q->watchable = pg_row_i64(a, 1, 0, 0);
		q->free = pg_row_i64(a, 1, 0, 1);
	}
	q->done(q);
}

/* ---- release ---- */

static const struct pg_stmt unwatched = {
	"lease_unwatched",
	"update inbox_state s set state = 'unwatched', reason = b.admin_state, detail = '', since "
	"= now()"
	" from lease l, inbox b where l.worker_id = $1::uuid and l.inbox_id = $2::uuid"
	" and s.inbox_id = l.inbox_id and b.inbox_id = l.inbox_id",
};
static const struct pg_stmt release_one = {
	"lease_release_one",
	"update lease set worker_id = null where worker_id = $1::uuid and inbox_id = $2::uuid",
};
static const struct pg_stmt release_all = {
	"lease_release_all",
	"update lease set worker_id = null where worker_id = $1::uuid",
};
static const struct pg_stmt leave = {
	"lease_leave",
	"delete from worker where worker_id = $1::uuid",
};

int lease_release_start(struct pg *pg, struct lease_release *q, const char *worker,
			const char *inbox, void (*done)(struct lease_release *))
{
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	if (inbox) {
		pg_tx_add(&q->tx, &unwatched, "uu", worker, inbox);
		pg_tx_add(&q->tx, &release_one, "uu", worker, inbox);
	} else {
		pg_tx_add(&q->tx, &release_all, "u", worker);
		pg_tx_add(&q->tx, &leave, "u", worker);
	}
	return pg_tx_start(pg, &q->tx, on_released);
}

static void on_released(struct pg_tx *tx, const struct pg_answer *a)
{
	struct lease_release *q = container_of(tx, struct lease_release, tx);

	q->outcome = a->outcome;
	q->done(q);
}

/* ---- rechecks ---- */

/* Of each inbox the oldest: one that cannot be reached must not hide those of the others. */
static const struct pg_stmt rechecks = {
	"lease_rechecks",
	"select inbox_id, folder_id, uidvalidity, uid from (select r.*,"
	"  row_number() over (partition by r.inbox_id order by r.created_at, r.uid) as nth"
	"  from recheck r join lease l on l.inbox_id = r.inbox_id and l.workspace_id = "
	"r.workspace_id"
	"  join folder f on f.folder_id = r.folder_id and f.uidvalidity = r.uidvalidity"
	"   and f.role in ('inbox', 'junk')"
	"  where l.worker_id = $1::uuid) w"
	" where nth <= 100 order by nth limit 10000",
};

int lease_rechecks_start(struct pg *pg, struct lease_rechecks *q, const char *worker,
			 void (*each)(struct lease_rechecks *, const struct lease_recheck *),
			 void (*done)(struct lease_rechecks *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &rechecks, "u", worker);
	return pg_tx_start(pg, &q->tx, on_rechecks);
}

static void on_rechecks(struct pg_tx *tx, const struct pg_answer *a)
{
	struct lease_rechecks *q = container_of(tx, struct lease_rechecks, tx);

	q->outcome = a->outcome;
	for (int r = 0; outcome_ok(&a->outcome) && r < pg_rows(a, 0); r++) {
		struct lease_recheck one = {
			.inbox = pg_row_text(a, 0, r, 0),
			.folder = pg_row_text(a, 0, r, 1),
			.uidvalidity = pg_row_i64(a, 0, r, 2),
			.uid = pg_row_i64(a, 0, r, 3),
		};

		q->each(q, &one);
	}
	q->done(q);
}
