#include "db/lease.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static void on_listed(struct pg_tx *tx, const struct pg_answer *a);
static void on_released(struct pg_tx *tx, const struct pg_answer *a);
static void on_told(struct pg_tx *tx, const struct pg_answer *a);
static void on_succeeded(struct pg_tx *tx, const struct pg_answer *a);
static void on_rechecks(struct pg_tx *tx, const struct pg_answer *a);

size_t lease_array_size(size_t n)
{
	return n * LEASE_UUID + 3;
}

void lease_array(struct buf *b, const char *const *ids, size_t n)
{
	text_addf(b, "{");
	for (size_t i = 0; i < n; i++)
		text_addf(b, "%s%s", i ? "," : "", ids[i]);
	text_addf(b, "}");
}

/* ---- lists ---- */

/* clang-format off */
/* $1 is the asker.  What is not his is told by its name only. */
#define INBOX_COLUMNS \
	"coalesce(l.worker_id = $1::uuid, false), coalesce(l.successor_id = $1::uuid, false), l.successor_id is not null," \
	" l.workspace_id, l.inbox_id, l.epoch, b.admin_state, b.address, b.provider, b.imap_host," \
	" b.imap_security, b.imap_port::bigint, b.login_name," \
	" coalesce((select t.version from access_token t where t.inbox_id = b.inbox_id), 0)," \
	" coalesce((select s.state = 'live' from inbox_state s where s.inbox_id = b.inbox_id), false)," \
	" coalesce((select (extract(epoch from s.retry_at - now()) * 1000)::bigint from inbox_state s" \
	"  where s.inbox_id = b.inbox_id and s.state = 'backing_off' and s.retry_at > now()), 0), l.bereft," \
	" coalesce((select s.state in ('connecting', 'catching_up', 'live') from inbox_state s where s.inbox_id = b.inbox_id), false)"
#define JOIN_INBOX " join inbox b on b.inbox_id = l.inbox_id and b.workspace_id = l.workspace_id"

/* Before the lists, so that these see at least as much. */
static const struct pg_stmt horizon = {
	"lease_horizon",
	"select pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
};
static const struct pg_stmt mine = {
	"lease_mine",
	"select " INBOX_COLUMNS " from lease l" JOIN_INBOX " where l.worker_id = $1::uuid or l.successor_id = $1::uuid",
};
static const struct pg_stmt changed = {
	"lease_changed",
	"select " INBOX_COLUMNS " from lease l left" JOIN_INBOX
	" and (l.worker_id = $1::uuid or l.successor_id = $1::uuid)"
	" where l.changed_xid >= $2::bigint::text::xid8",
};
static const struct pg_stmt also = {
	"lease_also",
	"select " INBOX_COLUMNS " from lease l" JOIN_INBOX
	" where l.inbox_id = any ($2::text::uuid[]) and l.worker_id = $1::uuid",
};
static const struct pg_stmt unheld = {
	"lease_free",
	"select count(*) from (select 1 from lease l where l.worker_id is null and l.watched limit 1000) f",
};
static const struct pg_stmt bereft = {
	"lease_bereft",
	"select count(*) from lease l where l.worker_id = any ($1::text::uuid[]) and l.watched",
};
static const struct pg_stmt sum = {
	"lease_sum",
	"select count(*), coalesce(sum(epoch), 0)::bigint,"
	" coalesce(sum(('x' || left(inbox_id::text, 8))::bit(32)::bigint), 0)::bigint"
	" from lease where worker_id = $1::uuid",
};
#define TAKEN \
	" update lease l set worker_id = $1::uuid, successor_id = null, epoch = l.epoch + 1, taken_at = now()," \
	"  bereft = l.worker_id is not null" \
	" from pick p, inbox b where l.inbox_id = p.inbox_id and b.inbox_id = l.inbox_id" \
	" returning " INBOX_COLUMNS
static const struct pg_stmt take = {
	"lease_take",
	"with pick as (select l.inbox_id from lease l where l.worker_id is null and l.watched"
	"  order by l.taken_at nulls first limit $2::bigint for update skip locked)" TAKEN,
};
static const struct pg_stmt take_dead = {
	"lease_take_dead",
	"with theirs as (select l.inbox_id from lease l where l.worker_id = any ($3::text::uuid[]) and l.watched"
	"  limit $2::bigint for update skip locked),"
	" free as (select l.inbox_id from lease l where l.worker_id is null and l.watched"
	"  order by l.taken_at nulls first limit $2::bigint - (select count(*) from theirs) for update skip locked),"
	" pick as (select inbox_id from theirs union all select inbox_id from free)" TAKEN,
};
/* What they held of inboxes that nobody is to watch goes with their row. */
static const struct pg_stmt bury = {
	"lease_bury",
	"delete from worker w where w.worker_id = any ($1::text::uuid[])"
	" and not exists (select 1 from lease l where l.worker_id = w.worker_id and l.watched)",
};
static const struct pg_stmt claim = {
	"lease_claim",
	"with pick as (select l.inbox_id from lease l where l.worker_id = $2::uuid and l.watched"
	"  and (l.claimed_at is null or l.claimed_at < now() - make_interval(secs => $4::bigint)"
	"   or ($3 and l.successor_id is null))"
	"  limit case when $3 then $5::bigint else greatest(0, least($5::bigint, (select count(*) from lease t"
	"   where t.worker_id = $2::uuid and t.watched and t.successor_id is null) - $6::bigint)) end"
	"  for update skip locked)"
	" update lease l set successor_id = $1::uuid, claimed_at = now()"
	" from pick p, inbox b where l.inbox_id = p.inbox_id and b.inbox_id = l.inbox_id"
	" returning " INBOX_COLUMNS,
};
/* clang-format on */

void lease_sum_add(struct lease_sum *s, const char *inbox, int64_t epoch)
{
	char bits[9];

	(void)snprintf(bits, sizeof(bits), "%.8s", inbox);
	s->n++;
	s->epochs += epoch;
	s->bits += (int64_t)strtoul(bits, NULL, 16);
}

static void add_with_ids(struct pg_tx *tx, const struct pg_stmt *stmt, const char *worker,
			 const char *const *ids, size_t n)
{
	cleanup_buf struct buf uuids;

	buf_init(&uuids, lease_array_size(n));
	if (!n)
		return;
	lease_array(&uuids, ids, n);
	if (worker)
		pg_tx_add(tx, stmt, "ux", worker, text_of_buf(&uuids));
	else
		pg_tx_add(tx, stmt, "x", text_of_buf(&uuids));
}

int lease_walk_start(struct pg *pg, struct lease_list *q, const struct lease_walk *walk,
		     void (*each)(struct lease_list *, const struct lease_inbox *),
		     void (*done)(struct lease_list *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &horizon, "");
	if (walk->since)
		pg_tx_add(&q->tx, &changed, "ui", walk->worker, walk->since);
	else
		pg_tx_add(&q->tx, &mine, "u", walk->worker);
	add_with_ids(&q->tx, &also, walk->worker, walk->also, walk->n_also);
	add_with_ids(&q->tx, &bereft, NULL, walk->dead, walk->n_dead);
	pg_tx_add(&q->tx, &unheld, "");
	if (walk->with_sum)
		pg_tx_add(&q->tx, &sum, "u", walk->worker);
	return pg_tx_start(pg, &q->tx, on_listed);
}

int lease_take_start(struct pg *pg, struct lease_list *q, const char *worker,
		     const char *const *dead, size_t n_dead, int64_t most,
		     void (*each)(struct lease_list *, const struct lease_inbox *),
		     void (*done)(struct lease_list *))
{
	cleanup_buf struct buf uuids;

	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	buf_init(&uuids, lease_array_size(n_dead));
	if (n_dead) {
		lease_array(&uuids, dead, n_dead);
		pg_tx_add(&q->tx, &take_dead, "uix", worker, most, text_of_buf(&uuids));
		pg_tx_add(&q->tx, &bury, "x", text_of_buf(&uuids));
	} else {
		pg_tx_add(&q->tx, &take, "ui", worker, most);
	}
	return pg_tx_start(pg, &q->tx, on_listed);
}

int lease_claim_start(struct pg *pg, struct lease_list *q, const char *worker, const char *donor,
		      bool must_go, int64_t keep, int64_t most,
		      void (*each)(struct lease_list *, const struct lease_inbox *),
		      void (*done)(struct lease_list *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &claim, "uuBiii", worker, donor, (int)must_go,
		  (int64_t)LEASE_CLAIM_AGAIN_S, most, keep);
	return pg_tx_start(pg, &q->tx, on_listed);
}

static void read_row(const struct pg_answer *a, int st, int r, struct lease_inbox *ret)
{
	*ret = (struct lease_inbox){
		.is_ours = pg_row_bool(a, st, r, 0),
		.is_claimed = pg_row_bool(a, st, r, 1),
		.is_leaving = pg_row_bool(a, st, r, 2),
		.workspace = pg_row_text(a, st, r, 3),
		.inbox = pg_row_text(a, st, r, 4),
		.epoch = pg_row_i64(a, st, r, 5),
		.admin_state = pg_row_text(a, st, r, 6),
		.address = pg_row_text(a, st, r, 7),
		.provider = pg_row_text(a, st, r, 8),
		.imap_host = pg_row_text(a, st, r, 9),
		.imap_security = pg_row_text(a, st, r, 10),
		.imap_port = pg_row_i64(a, st, r, 11),
		.login_name = pg_row_text(a, st, r, 12),
		.token_version = pg_row_i64(a, st, r, 13),
		.is_live = pg_row_bool(a, st, r, 14),
		.retry_in_ms = pg_row_i64(a, st, r, 15),
		.is_bereft = pg_row_bool(a, st, r, 16),
		.has_session = pg_row_bool(a, st, r, 17),
	};
}

static void tell_rows(struct lease_list *q, const struct pg_answer *a, int st)
{
	for (int r = 0; r < pg_rows(a, st); r++) {
		struct lease_inbox i;

		read_row(a, st, r, &i);
		q->each(q, &i);
	}
}

static void on_listed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct lease_list *q = container_of(tx, struct lease_list, tx);

	q->outcome = a->outcome;
	q->free = q->dead = q->horizon = 0;
	q->sum = (struct lease_sum){ 0 };
	for (int st = 0; outcome_ok(&a->outcome) && st < tx->n; st++) {
		const struct pg_stmt *was = a->said[st];

		if (was == &horizon)
			q->horizon = pg_row_i64(a, st, 0, 0);
		else if (was == &unheld)
			q->free = pg_row_i64(a, st, 0, 0);
		else if (was == &bereft)
			q->dead = pg_row_i64(a, st, 0, 0);
		else if (was == &sum)
			q->sum = (struct lease_sum){ pg_row_i64(a, st, 0, 0),
						     pg_row_i64(a, st, 0, 1),
						     pg_row_i64(a, st, 0, 2) };
		else if (was != &bury)
			tell_rows(q, a, st);
	}
	q->done(q);
}

/* ---- handover ---- */

/* clang-format off */
/* One lease in a transaction: who waits for its predecessor's writes holds nothing else. */
static const struct pg_stmt succeed = {
	"lease_succeed",
	"update lease l set worker_id = $1::uuid, successor_id = null, epoch = l.epoch + 1, taken_at = now(), bereft = false"
	" from inbox b where l.inbox_id = $2::uuid and l.successor_id = $1::uuid and l.watched and b.inbox_id = l.inbox_id"
	" returning " INBOX_COLUMNS,
};
/* What its predecessor had begun it did not die of. */
static const struct pg_stmt succeed_forgive = {
	"lease_succeed_forgive",
	"update mail_attempt a set tries = a.tries - 1, epoch = 0 from lease l where l.inbox_id = $2::uuid"
	" and l.worker_id = $1::uuid and a.inbox_id = l.inbox_id and a.epoch = l.epoch - 1",
};
static const struct pg_stmt unclaim = {
	"lease_unclaim",
	"update lease set successor_id = null where inbox_id = $2::uuid and successor_id = $1::uuid",
};
/* clang-format on */

int lease_succeed_start(struct pg *pg, struct lease_succeed *q, const char *worker,
			const char *inbox,
			void (*won)(struct lease_succeed *, const struct lease_inbox *),
			void (*done)(struct lease_succeed *))
{
	(void)snprintf(q->inbox, sizeof(q->inbox), "%s", inbox);
	q->won = won;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &succeed, "uu", worker, inbox);
	pg_tx_add(&q->tx, &succeed_forgive, "uu", worker, inbox);
	return pg_tx_start(pg, &q->tx, on_succeeded);
}

static void on_succeeded(struct pg_tx *tx, const struct pg_answer *a)
{
	struct lease_succeed *q = container_of(tx, struct lease_succeed, tx);

	q->outcome = a->outcome;
	q->epoch = 0;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0)) {
		struct lease_inbox i;

		read_row(a, 0, 0, &i);
		q->epoch = i.epoch;
		q->won(q, &i);
	}
	q->done(q);
}

int lease_unclaim_start(struct pg *pg, struct lease_release *q, const char *worker,
			const char *inbox, void (*done)(struct lease_release *))
{
	q->done = done;
	q->is_all = false;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &unclaim, "uu", worker, inbox);
	return pg_tx_start(pg, &q->tx, on_released);
}

/* ---- release ---- */

static const struct pg_stmt unwatched = {
	"lease_unwatched",
	"update inbox_state s set state = 'unwatched', reason = b.admin_state, detail = '',"
	" waiting_for = '', progress_done = null, progress_of = null, retry_at = null,"
	" since = now()"
	" from lease l, inbox b where l.worker_id = $1::uuid and l.inbox_id = $2::uuid"
	" and s.inbox_id = l.inbox_id and b.inbox_id = l.inbox_id",
};
/* Who leaves in order did not die of what he had begun. */
static const struct pg_stmt release_forgive = {
	"lease_release_forgive",
	"update mail_attempt a set tries = a.tries - 1, epoch = 0 from lease l"
	" where l.worker_id = $1::uuid and a.inbox_id = l.inbox_id and a.epoch = l.epoch"
	" and ($2::text = '' or l.inbox_id = nullif($2::text, '')::uuid)",
};
static const struct pg_stmt release_one = {
	"lease_release_one",
	"update lease set worker_id = null where worker_id = $1::uuid and inbox_id = $2::uuid",
};
/* In the order in which everybody locks leases (folder_prove, fence): no deadlock. */
static const struct pg_stmt release_lock = {
	"lease_release_lock",
	"select 1 from lease where worker_id = $1::uuid order by inbox_id for update",
};
static const struct pg_stmt release_all = {
	"lease_release_all",
	"update lease set worker_id = null where worker_id = $1::uuid",
};
static const struct pg_stmt leave = {
	"lease_leave",
	"delete from worker where worker_id = $1::uuid",
};
/* A transaction of its own: a notification holds up all others that commit. */
static const struct pg_stmt release_told = {
	"lease_release_told",
	"select pg_catalog.pg_notify('replyd_lease', '')",
};

int lease_release_start(struct pg *pg, struct lease_release *q, const char *worker,
			const char *inbox, void (*done)(struct lease_release *))
{
	q->done = done;
	q->is_all = !inbox;
	pg_tx_init(&q->tx, NULL);
	if (!inbox)
		pg_tx_add(&q->tx, &release_lock, "u", worker);
	pg_tx_add(&q->tx, &release_forgive, "ut", worker, inbox ? inbox : "");
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
	struct pg *pg = tx->pg;

	q->outcome = a->outcome;
	if (q->is_all && outcome_ok(&a->outcome)) {
		pg_tx_init(&q->tx, NULL);
		pg_tx_add(&q->tx, &release_told, "");
		if (pg_tx_start(pg, &q->tx, on_told) == 0)
			return;
	}
	q->done(q);
}

/* Told or not: they are given back, and the others look from time to time. */
static void on_told(struct pg_tx *tx, const struct pg_answer *a)
{
	struct lease_release *q = container_of(tx, struct lease_release, tx);

	(void)a;
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
