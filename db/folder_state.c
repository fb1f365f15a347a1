#include "db/folder_state.h"

#include <errno.h>
#include <string.h>

#include "base/json_text.h"
#include "base/limits.h"
#include "base/mem.h"

static void on_written(struct pg_tx *tx, const struct pg_answer *a);
static void on_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_over(struct gather_ask *ask, const struct outcome *o);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt fence = { "folder_state_fence", "select fence($1::uuid, $2::bigint)" };

#define JOBS \
	"jobs as materialized (select * from jsonb_to_recordset($1::jsonb) as j (job int, inbox_id uuid, epoch bigint," \
	" state text, reason text, detail text, waiting_for text, done bigint, whole bigint, retry_at bigint))"

/* Those whose lease is ours are answered. */
const struct pg_stmt folder_state_stmts[FOLDER_STATE_STMTS] = {
	{ "folder_state",
	"with " JOBS ", held as materialized ("
	"  select l.workspace_id, j.* from jobs j join lease l on l.inbox_id = j.inbox_id and l.epoch = j.epoch"
	"  where l.worker_id is not null order by l.inbox_id for share of l"
	"), said as ("
	"  insert into inbox_state as s (workspace_id, inbox_id, state, reason, detail, waiting_for,"
	"   progress_done, progress_of, live_at, retry_at)"
	"  select h.workspace_id, h.inbox_id, h.state, h.reason, h.detail, h.waiting_for,"
	"   case when h.whole > 0 then h.done end, nullif(h.whole, 0), case when h.state = 'live' then now() end,"
	"   case when h.retry_at > 0 then to_timestamp(h.retry_at / 1e6) end"
	"  from held h order by h.inbox_id"
	"  on conflict (workspace_id, inbox_id) do update set reason = excluded.reason,"
	"   detail = excluded.detail, waiting_for = excluded.waiting_for,"
	"   progress_done = excluded.progress_done, progress_of = excluded.progress_of,"
	"   retry_at = excluded.retry_at,"
	"   since = case when s.state = excluded.state and s.reason = excluded.reason then s.since else now() end,"
	"   live_at = coalesce(excluded.live_at, case when s.state = 'live' then now() end, s.live_at),"
	"   state = excluded.state"
	") select job, 0::bigint from held" },
	/* Connect links may wait for what was just said. */
	{ "folder_state_links",
	"with " JOBS ", n as materialized (select links_checked(array(select inbox_id from jobs)) as links)"
	" select jobs.job, n.links from jobs, n where n.links > 0" },
};
static const struct pg_stmt event = {
	"folder_state_event",
	"select event_put($1::uuid, $2::text, null, null, $3::uuid, null, $4::jsonb)",
};
/* clang-format on */

/* The members of a job. */
static int write_job(struct buf *ret, const struct folder_lease *l, const struct folder_said *said)
{
	struct json_text j = json_text_to(ret);

	buf_init(ret, LIMIT_PG_PARAMS);
	json_text_string(&j, "inbox_id", l->inbox);
	json_text_int(&j, "epoch", l->epoch);
	json_text_string(&j, "state", said->state);
	json_text_string(&j, "reason", said->reason);
	json_text_string(&j, "detail", said->detail);
	json_text_string(&j, "waiting_for", said->waiting_for);
	json_text_int(&j, "done", said->progress_done);
	json_text_int(&j, "whole", said->progress_of);
	json_text_int(&j, "retry_at", said->retry_at_us);
	return json_text_status(&j);
}

static int start_alone(struct pg *pg, struct folder_state *q, const struct folder_lease *l,
		       const struct folder_said *said, const struct buf *job)
{
	cleanup_buf struct buf list;

	gather_list_of(job, &list);
	pg_tx_init(&q->tx, l->workspace);
	pg_tx_add(&q->tx, &fence, "ui", l->inbox, l->epoch);
	for (int i = 0; i < FOLDER_STATE_STMTS; i++)
		pg_tx_add(&q->tx, &folder_state_stmts[i], "j", (const char *)list.data);
	if (said->event)
		pg_tx_add(&q->tx, &event, "utuj", said->event, said->event_type, l->inbox,
			  said->event_data);
	return pg_tx_start(pg, &q->tx, on_written);
}

int folder_state_start(struct pg *pg, struct gather *g, struct folder_state *q,
		       const struct folder_lease *l, const struct folder_said *said,
		       void (*done)(struct folder_state *))
{
	cleanup_buf struct buf job;

	q->done = done;
	q->fenced = q->is_held = false;
	q->links = 0;
	if (write_job(&job, l, said) < 0)
		return -EINVAL;
	if (!g || said->event)
		return start_alone(pg, q, l, said, &job);
	gather_start(g, &q->ask, GATHER_STATE, l->workspace, &job, NULL, 0, on_row, on_over);
	return 0;
}

void folder_state_cancel(struct folder_state *q)
{
	pg_tx_cancel(&q->tx);
	if (q->ask.state != GATHER_IDLE)
		gather_cancel(&q->ask);
}

static void on_written(struct pg_tx *tx, const struct pg_answer *a)
{
	struct folder_state *q = container_of(tx, struct folder_state, tx);

	q->outcome = a->outcome;
	q->fenced = strcmp(a->sqlstate, PG_FENCED) == 0;
	if (outcome_ok(&a->outcome) && pg_rows(a, 2) > 0)
		q->links = pg_row_i64(a, 2, 0, 1);
	q->done(q);
}

/* ---- with others ---- */

static void on_row(struct gather_ask *ask, const struct pg_answer *a, int row)
{
	struct folder_state *q = container_of(ask, struct folder_state, ask);

	if (ask->st == 0)
		q->is_held = true;
	else
		q->links = pg_row_i64(a, ask->st, row, 1);
}

static void on_over(struct gather_ask *ask, const struct outcome *o)
{
	struct folder_state *q = container_of(ask, struct folder_state, ask);

	q->outcome = *o;
	q->fenced = outcome_ok(o) && !q->is_held;
	if (q->fenced)
		q->outcome = outcome_of(BLAME_REFUSED, "fence", TEXT("the lease is lost"));
	q->done(q);
}
