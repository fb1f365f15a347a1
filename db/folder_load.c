#include "db/folder_load.h"

#include <errno.h>

#include "base/json_text.h"
#include "base/limits.h"
#include "base/mem.h"

static void on_loaded(struct pg_tx *tx, const struct pg_answer *a);
static void on_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_over(struct gather_ask *ask, const struct outcome *o);

enum { INBOX, FOLDERS, PENDING, RECHECKS };

/* It tears SQL apart. */
/* clang-format off */
#define US(column) "(extract(epoch from " column ") * 1000000)::bigint"
#define JOBS \
	"jobs as materialized (select * from jsonb_to_recordset($1::jsonb)" \
	" as j (job int, workspace_id uuid, inbox_id uuid, epoch bigint))"
#define AS_TEXT_(n) #n
#define AS_TEXT(n) AS_TEXT_(n)
#define THEIR_INBOXES "any (array(select inbox_id from jobs))"

/*
 * The lease is looked at, not held: who loses it meanwhile writes nothing.  `offset 0` keeps the
 * parts apart: each is looked up by what the one before has found.
 */
const struct pg_stmt folder_load_stmts[FOLDER_LOAD_STMTS] = {
	[INBOX] = { "folder_inbox",
	"with " JOBS ", named as materialized (select set_config('replyd.workspaces',"
	"  (select array_agg(distinct workspace_id)::text from jobs), true))"
	" select j.job, " US("s.gated_through") ", g.gap_id is not null, " US("g.blind_from")
	" from named cross join jobs j"
	" cross join lateral (select from lease l where l.inbox_id = j.inbox_id and l.epoch = j.epoch"
	"  and l.worker_id is not null offset 0) l"
	" cross join lateral (select s.gated_through from inbox_seen s where s.workspace_id = j.workspace_id"
	"  and s.inbox_id = j.inbox_id offset 0) s"
	" left join lateral (select g.gap_id, g.blind_from from gap g where g.workspace_id = j.workspace_id"
	"  and g.inbox_id = j.inbox_id and g.closed_at is null offset 0) g on true" },
	[FOLDERS] = { "folder_rows",
	"with " JOBS " select j.job, f.folder_id, f.wire_name, f.name, f.role, f.uidvalidity, f.uid_gated, f.uid_ingested,"
	" f.highestmodseq, " US("f.gated_through") ", " US("f.ingested_through") ", f.seen_by, f.seen_every_s::bigint"
	" from jobs j cross join lateral (select * from folder f where f.inbox_id = j.inbox_id"
	"  order by f.role, f.wire_name offset 0) f" },
	/*
	 * Where such a mail is now: under a UIDVALIDITY that is no more, or in a folder it
	 * was moved from, it may have been seen again since, as a sighting.
	 */
	[PENDING] = { "folder_pending",
	"with " JOBS ", m as materialized (select * from message m"
	"  where m.state = 'pending' and m.inbox_id = " THEIR_INBOXES ")"
	" select j.job, m.message_id, coalesce(s.folder_id, m.folder_id), coalesce(s.role, f.role),"
	" coalesce(s.uidvalidity, m.uidvalidity), coalesce(s.uid, m.uid), m.prospect_key,"
	" m.header_message_id, m.sender, m.subject, " US("m.internal_at") ", " US("m.detected_at") ","
	" " US("m.gated_at") ", m.matches::text, m.recovered"
	" from m join jobs j on j.inbox_id = m.inbox_id and j.workspace_id = m.workspace_id"
	" cross join lateral (select f.role from folder f where f.folder_id = m.folder_id offset 0) f"
	" left join lateral (select i.folder_id, i.uidvalidity, i.uid, n.role from sighting i"
	"  cross join lateral (select n.role from folder n where n.folder_id = i.folder_id"
	"   and n.uidvalidity = i.uidvalidity and n.role in ('inbox', 'junk', 'all') offset 0) n"
	"  where i.workspace_id = m.workspace_id and i.message_id = m.message_id"
	"  and i.inbox_id = m.inbox_id order by i.seen_at desc limit 1) s on true"
	" order by m.folder_id, m.uid" },
	/*
	 * Of each folder as many as a worker keeps of an inbox: what one registration of
	 * an old campaign asked for may be ten thousands, the others come when these are done.
	 */
	[RECHECKS] = { "folder_rechecks",
	"with " JOBS " select j.job, r.folder_id, r.uidvalidity, r.uid from jobs j"
	" cross join lateral (select f.folder_id, f.uidvalidity from folder f where f.inbox_id = j.inbox_id offset 0) f"
	" cross join lateral (select r.folder_id, r.uidvalidity, r.uid from recheck r"
	"  where r.workspace_id = j.workspace_id and r.folder_id = f.folder_id and r.uidvalidity = f.uidvalidity"
	"  order by r.uid limit " AS_TEXT(LIMIT_WATCH_AGAIN) ") r"
	" order by r.folder_id, r.uid" },
};
/* clang-format on */

/* The members of a job. */
static int write_job(struct buf *ret, const struct folder_lease *l)
{
	struct json_text j = json_text_to(ret);

	buf_init(ret, LIMIT_PG_PARAMS);
	json_text_string(&j, "workspace_id", l->workspace);
	json_text_string(&j, "inbox_id", l->inbox);
	json_text_int(&j, "epoch", l->epoch);
	return json_text_status(&j);
}

static int start_alone(struct pg *pg, struct folder_load *q, const struct buf *job)
{
	cleanup_buf struct buf list;

	gather_list_of(job, &list);
	pg_tx_init(&q->tx, NULL);
	for (int i = 0; i < FOLDER_LOAD_STMTS; i++)
		pg_tx_add(&q->tx, &folder_load_stmts[i], "j", (const char *)list.data);
	return pg_tx_start(pg, &q->tx, on_loaded);
}

int folder_load_start(struct pg *pg, struct gather *g, struct folder_load *q,
		      const struct folder_lease *l)
{
	cleanup_buf struct buf job;

	q->fenced = q->is_held = false;
	if (write_job(&job, l) < 0)
		return -EINVAL;
	if (!g)
		return start_alone(pg, q, &job);
	gather_start(g, &q->ask, GATHER_LOAD, l->workspace, &job, NULL, 0, on_row, on_over);
	return 0;
}

void folder_load_cancel(struct folder_load *q)
{
	pg_tx_cancel(&q->tx);
	if (q->ask.state != GATHER_IDLE)
		gather_cancel(&q->ask);
}

/* ---- rows ---- */

static void tell_inbox(struct folder_load *q, const struct pg_answer *a, int r)
{
	q->is_held = true;
	q->seen_us = pg_row_time(a, INBOX, r, 1);
	q->has_gap = pg_row_bool(a, INBOX, r, 2);
	q->blind_from_us = pg_row_time(a, INBOX, r, 3);
}

static void tell_folder(struct folder_load *q, const struct pg_answer *a, int r)
{
	const struct folder_row f = {
		.folder = pg_row_text(a, FOLDERS, r, 1),
		.wire_name = pg_row_text(a, FOLDERS, r, 2),
		.name = pg_row_text(a, FOLDERS, r, 3),
		.role = pg_row_text(a, FOLDERS, r, 4),
		.uidvalidity = pg_row_i64(a, FOLDERS, r, 5),
		.uid_gated = pg_row_i64(a, FOLDERS, r, 6),
		.uid_ingested = pg_row_i64(a, FOLDERS, r, 7),
		.highestmodseq = pg_row_i64(a, FOLDERS, r, 8),
		.gated_at_us = pg_row_time(a, FOLDERS, r, 9),
		.ingested_at_us = pg_row_time(a, FOLDERS, r, 10),
		.seen_by = pg_row_text(a, FOLDERS, r, 11),
		.seen_every_s = pg_row_i64(a, FOLDERS, r, 12),
	};

	q->folder(q, &f);
}

static void tell_pending(struct folder_load *q, const struct pg_answer *a, int r)
{
	const struct folder_pending p = {
		.message = pg_row_text(a, PENDING, r, 1),
		.folder = pg_row_text(a, PENDING, r, 2),
		.role = pg_row_text(a, PENDING, r, 3),
		.uidvalidity = pg_row_i64(a, PENDING, r, 4),
		.uid = pg_row_i64(a, PENDING, r, 5),
		.prospect = pg_row_text(a, PENDING, r, 6),
		.header_message_id = pg_row_text(a, PENDING, r, 7),
		.sender = pg_row_text(a, PENDING, r, 8),
		.subject = pg_row_text(a, PENDING, r, 9),
		.internal_at_us = pg_row_time(a, PENDING, r, 10),
		.detected_at_us = pg_row_time(a, PENDING, r, 11),
		.gated_at_us = pg_row_time(a, PENDING, r, 12),
		.matches = pg_row_text(a, PENDING, r, 13),
		.recovered = pg_row_bool(a, PENDING, r, 14),
	};

	q->pending(q, &p);
}

static void tell_recheck(struct folder_load *q, const struct pg_answer *a, int r)
{
	const struct folder_recheck one = {
		.folder = pg_row_text(a, RECHECKS, r, 1),
		.uidvalidity = pg_row_i64(a, RECHECKS, r, 2),
		.uid = pg_row_i64(a, RECHECKS, r, 3),
	};

	q->recheck(q, &one);
}

static void (*const tell[FOLDER_LOAD_STMTS])(struct folder_load *, const struct pg_answer *,
					     int) = {
	[INBOX] = tell_inbox,
	[FOLDERS] = tell_folder,
	[PENDING] = tell_pending,
	[RECHECKS] = tell_recheck,
};

/* ---- answers ---- */

static void on_row(struct gather_ask *ask, const struct pg_answer *a, int row)
{
	tell[ask->st](container_of(ask, struct folder_load, ask), a, row);
}

static void over(struct folder_load *q, const struct outcome *o)
{
	q->outcome = *o;
	q->fenced = outcome_ok(o) && !q->is_held;
	if (q->fenced)
		q->outcome = outcome_of(BLAME_REFUSED, "fence", TEXT("the lease is lost"));
	q->done(q);
}

static void on_over(struct gather_ask *ask, const struct outcome *o)
{
	over(container_of(ask, struct folder_load, ask), o);
}

static void on_loaded(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_load *q = container_of(tx, struct folder_load, tx);

	for (int st = 0; outcome_ok(&a->outcome) && st < FOLDER_LOAD_STMTS; st++)
		for (int r = 0; r < pg_rows(a, st); r++)
			tell[st](q, a, r);
	over(q, &a->outcome);
}
