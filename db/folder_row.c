#include "db/folder_row.h"

#include <errno.h>
#include <stdio.h>

#include "base/json_text.h"
#include "base/limits.h"
#include "base/mem.h"

static void on_ensured(struct pg_tx *tx, const struct pg_answer *a);
static void on_ensured_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_ensured_over(struct gather_ask *ask, const struct outcome *o);
static void on_looked(struct pg_tx *tx, const struct pg_answer *a);
static void on_looked_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_looked_over(struct gather_ask *ask, const struct outcome *o);

/* It tears SQL apart. */
/* clang-format off */

#define IS_WATCHED "in ('inbox', 'junk', 'all')"
/* Tables are looked up by what a list names: a plan from when they were small would read them whole. */
#define THEIRS "any (array(select inbox_id from jobs))"
#define HELD \
	"held as materialized (select l.workspace_id, j.* from lease l" \
	"  join jobs j on j.inbox_id = l.inbox_id and j.epoch = l.epoch" \
	"  where l.inbox_id = " THEIRS " and l.worker_id is not null order by l.inbox_id for share of l)"
/* What was proven did not cover a folder that nobody had seen.  After the folders, and in the order of proofs_put(). */
#define VOID(inboxes) \
	"void as (update inbox_proof p set void_until = now() from (select p.workspace_id, p.inbox_id" \
	"  from inbox_proof p where p.inbox_id = any (array(" inboxes ")) order by p.inbox_id for update) v" \
	"  where p.workspace_id = v.workspace_id and p.inbox_id = v.inbox_id)"

#define BEGUN \
	"jobs as materialized (select * from jsonb_to_recordset($1::jsonb) as j (job int, inbox_id uuid, epoch bigint," \
	" wire_name text, name text, role text, seen_by text, seen_every_s int, uidvalidity bigint, uid_before bigint," \
	" uid_end bigint))"
/*
 * The time watermarks stay when UIDVALIDITY changes: what had been seen up to an
 * instant was seen, whatever the server calls the mails now.
 */
#define IS_THE_SAME "f.uidvalidity = excluded.uidvalidity and f.uid_gated <=" \
	" (select h.uid_end from held h where h.inbox_id = excluded.inbox_id)"

const struct pg_stmt folder_row_ensure_stmts[FOLDER_ENSURE_STMTS] = {
	{ "folder_ensure",
	"with " BEGUN ", " HELD ", widens as materialized (select h.inbox_id from held h where h.role " IS_WATCHED
	"  and (select count(*) from folder f where f.inbox_id = h.inbox_id and f.wire_name = h.wire_name"
	"   and f.role " IS_WATCHED ") = 0"
	"), made as ("
	"  insert into folder as f (workspace_id, inbox_id, folder_id, name, wire_name, role, seen_by, seen_every_s,"
	"   uidvalidity, uid_gated, uid_ingested)"
	"  select h.workspace_id, h.inbox_id, gen_random_uuid(), h.name, h.wire_name, h.role, h.seen_by, h.seen_every_s,"
	"   h.uidvalidity, h.uid_before, h.uid_before from held h order by h.inbox_id"
	"  on conflict (workspace_id, inbox_id, wire_name) do update"
	"  set name = excluded.name, role = excluded.role,"
	"   seen_by = case when excluded.seen_by <> '' then excluded.seen_by else f.seen_by end,"
	"   seen_every_s = case when excluded.seen_by <> '' then excluded.seen_every_s else f.seen_every_s end,"
	"   uid_gated = case when " IS_THE_SAME " then f.uid_gated else excluded.uid_gated end,"
	"   uid_ingested = case when " IS_THE_SAME " then f.uid_ingested else excluded.uid_ingested end,"
	"   highestmodseq = case when " IS_THE_SAME " then f.highestmodseq else 0 end,"
	"   uidvalidity = excluded.uidvalidity"
	"  returning f.inbox_id, f.folder_id, f.uid_gated, f.uid_ingested"
	"), " VOID("select w.inbox_id from widens w join made m on m.inbox_id = w.inbox_id")
	" select h.job, m.folder_id, m.uid_gated, m.uid_ingested from held h join made m on m.inbox_id = h.inbox_id" },
	/*
	 * Mails under other names cannot be looked at again; the look back finds them.  Until it is over
	 * the folder is not proven: one of them may be the answer that somebody asks the gate about.
	 */
	{ "folder_outdated",
	"with " BEGUN ", ours as materialized (select f.folder_id, j.uidvalidity from folder f"
	"   join jobs j on j.inbox_id = f.inbox_id and j.wire_name = f.wire_name"
	"   join lease l on l.inbox_id = j.inbox_id and l.epoch = j.epoch and l.worker_id is not null"
	"  where f.inbox_id = " THEIRS " and l.inbox_id = " THEIRS
	"), gone as (delete from recheck r using ours o"
	"  where r.inbox_id = " THEIRS " and r.folder_id = o.folder_id and r.uidvalidity <> o.uidvalidity"
	"  returning r.folder_id"
	"), shown as (update folder f set gated_through = null"
	"  where f.folder_id = any (array(select g.folder_id from gone g)) returning f.inbox_id"
	"), " VOID("select s.inbox_id from shown s")
	" select 0 where false" },
};

/*
 * Mails to be looked at again stay on their list, where they hold no gate (db/gate.c): a folder
 * that was gone may be there again.
 */
const struct pg_stmt folder_row_look_stmt = { "folder_look",
	"with jobs as materialized (select * from jsonb_to_recordset($1::jsonb) as j (job int, inbox_id uuid, epoch bigint,"
	"  known jsonb)), " HELD ", known as materialized (select h.workspace_id, h.inbox_id, k.* from held h"
	"  cross join lateral jsonb_to_recordset(h.known) as k (folder_id uuid, role text, seen_by text,"
	"   seen_every_s int, uidvalidity bigint, highestmodseq bigint)"
	"), widens as materialized (select k.inbox_id from known k where k.role " IS_WATCHED
	"  and (select count(*) from folder f where f.workspace_id = k.workspace_id and f.folder_id = k.folder_id"
	"   and f.role " IS_WATCHED ") = 0"
	"), written as (update folder f set role = k.role, seen_by = k.seen_by, seen_every_s = k.seen_every_s,"
	"   highestmodseq = case when f.uidvalidity = k.uidvalidity and k.highestmodseq >= 0 then k.highestmodseq"
	"    else f.highestmodseq end"
	"  from known k where f.folder_id = any (array(select folder_id from known)) and f.folder_id = k.folder_id"
	"   and f.workspace_id = k.workspace_id and f.inbox_id = k.inbox_id"
	"  returning f.inbox_id"
	"), " VOID("select w.inbox_id from widens w join written f on f.inbox_id = w.inbox_id")
	" select h.job from held h" };
/* clang-format on */

static const struct outcome lost = { BLAME_REFUSED, "fence", "the lease is lost" };

/* ---- its row ---- */

/* The members of a job. */
static int begun(struct buf *ret, const struct folder_lease *l, const struct folder_begin *b)
{
	struct json_text j = json_text_to(ret);

	buf_init(ret, LIMIT_PG_PARAMS);
	json_text_string(&j, "inbox_id", l->inbox);
	json_text_int(&j, "epoch", l->epoch);
	json_text_string(&j, "wire_name", b->wire_name);
	json_text_string(&j, "name", b->name);
	json_text_string(&j, "role", b->role);
	json_text_string(&j, "seen_by", b->seen_by);
	json_text_int(&j, "seen_every_s", b->seen_every_s);
	json_text_int(&j, "uidvalidity", b->uidvalidity);
	json_text_int(&j, "uid_before", b->uid_before);
	json_text_int(&j, "uid_end", b->uid_end);
	return json_text_status(&j);
}

static int ensure_alone(struct pg *pg, struct folder_ensure *q, const struct buf *job)
{
	cleanup_buf struct buf list;

	gather_list_of(job, &list);
	pg_tx_init(&q->tx, NULL);
	for (int i = 0; i < FOLDER_ENSURE_STMTS; i++)
		pg_tx_add(&q->tx, &folder_row_ensure_stmts[i], "j", (const char *)list.data);
	return pg_tx_start(pg, &q->tx, on_ensured);
}

int folder_row_ensure_start(struct pg *pg, struct gather *g, struct folder_ensure *q,
			    const struct folder_lease *l, const struct folder_begin *b,
			    void (*done)(struct folder_ensure *))
{
	cleanup_buf struct buf job;

	q->done = done;
	q->fenced = q->is_held = false;
	if (begun(&job, l, b) < 0)
		return -EINVAL;
	if (!g)
		return ensure_alone(pg, q, &job);
	gather_start(g, &q->ask, GATHER_ENSURE, l->workspace, &job, NULL, 0, on_ensured_row,
		     on_ensured_over);
	return 0;
}

void folder_row_ensure_cancel(struct folder_ensure *q)
{
	pg_tx_cancel(&q->tx);
	if (q->ask.state != GATHER_IDLE)
		gather_cancel(&q->ask);
}

static void tell_ensured(struct folder_ensure *q, const struct pg_answer *a, int r)
{
	q->is_held = true;
	(void)snprintf(q->folder, sizeof(q->folder), "%s", pg_row_text(a, 0, r, 1));
	q->uid_gated = pg_row_i64(a, 0, r, 2);
	q->uid_ingested = pg_row_i64(a, 0, r, 3);
}

static void ensured(struct folder_ensure *q, const struct outcome *o)
{
	q->outcome = *o;
	q->fenced = outcome_ok(o) && !q->is_held;
	if (q->fenced)
		q->outcome = lost;
	q->done(q);
}

static void on_ensured(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_ensure *q = container_of(tx, struct folder_ensure, tx);

	if (outcome_ok(&a->outcome) && pg_rows(a, 0) > 0)
		tell_ensured(q, a, 0);
	ensured(q, &a->outcome);
}

static void on_ensured_row(struct gather_ask *ask, const struct pg_answer *a, int row)
{
	if (ask->st == 0)
		tell_ensured(container_of(ask, struct folder_ensure, ask), a, row);
}

static void on_ensured_over(struct gather_ask *ask, const struct outcome *o)
{
	ensured(container_of(ask, struct folder_ensure, ask), o);
}

/* ---- what is known of it ---- */

static int looking(struct buf *ret, const struct folder_lease *l, const struct folder_known *known,
		   unsigned n)
{
	struct json_text j = json_text_to(ret);

	buf_init(ret, LIMIT_PG_PARAMS);
	json_text_string(&j, "inbox_id", l->inbox);
	json_text_int(&j, "epoch", l->epoch);
	json_text_open(&j, "known", '[');
	for (const struct folder_known *k = known; k < known + n; k++) {
		json_text_open(&j, NULL, '{');
		json_text_string(&j, "folder_id", k->folder);
		json_text_string(&j, "role", k->role);
		json_text_string(&j, "seen_by", k->seen_by);
		json_text_int(&j, "seen_every_s", k->seen_every_s);
		json_text_int(&j, "uidvalidity", k->uidvalidity);
		json_text_int(&j, "highestmodseq", k->highestmodseq);
		json_text_close(&j, '}');
	}
	json_text_close(&j, ']');
	return json_text_status(&j);
}

static int look_alone(struct pg *pg, struct folder_look *q, const struct buf *job)
{
	cleanup_buf struct buf list;

	gather_list_of(job, &list);
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &folder_row_look_stmt, "j", (const char *)list.data);
	return pg_tx_start(pg, &q->tx, on_looked);
}

int folder_row_look_start(struct pg *pg, struct gather *g, struct folder_look *q,
			  const struct folder_lease *l, const struct folder_known *known,
			  unsigned n, void (*done)(struct folder_look *))
{
	cleanup_buf struct buf job;

	q->done = done;
	q->fenced = q->is_held = false;
	if (looking(&job, l, known, n) < 0)
		return -EINVAL;
	if (!g)
		return look_alone(pg, q, &job);
	gather_start(g, &q->ask, GATHER_LOOK, l->workspace, &job, NULL, 0, on_looked_row,
		     on_looked_over);
	return 0;
}

void folder_row_look_cancel(struct folder_look *q)
{
	pg_tx_cancel(&q->tx);
	if (q->ask.state != GATHER_IDLE)
		gather_cancel(&q->ask);
}

static void looked(struct folder_look *q, const struct outcome *o)
{
	q->outcome = *o;
	q->fenced = outcome_ok(o) && !q->is_held;
	if (q->fenced)
		q->outcome = lost;
	q->done(q);
}

static void on_looked(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_look *q = container_of(tx, struct folder_look, tx);

	q->is_held = outcome_ok(&a->outcome) && pg_rows(a, 0) > 0;
	looked(q, &a->outcome);
}

static void on_looked_row(struct gather_ask *ask, const struct pg_answer *a, int row)
{
	(void)a, (void)row;
	container_of(ask, struct folder_look, ask)->is_held = true;
}

static void on_looked_over(struct gather_ask *ask, const struct outcome *o)
{
	looked(container_of(ask, struct folder_look, ask), o);
}
