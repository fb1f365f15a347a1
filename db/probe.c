#include "db/probe.h"

#include <jansson.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"

static void on_listed(struct pg_tx *tx, const struct pg_answer *a);
static void on_answered(struct pg_tx *tx, const struct pg_answer *a);
static void on_asked(struct pg_tx *tx, const struct pg_answer *a);
static void on_read(struct pg_tx *tx, const struct pg_answer *a);

/* ---- the worker's side ---- */

/* It tears SQL apart. */
/* clang-format off */
/* Who asked has waited long enough when it is older. */
static const struct pg_stmt list = {
	"probe_list",
	"select p.probe_id, p.workspace_id, p.inbox_id from probe p"
	" join lease l on l.inbox_id = p.inbox_id and l.workspace_id = p.workspace_id"
	" where l.worker_id = $1::uuid and p.answered_at is null"
	" and p.asked_at > now() - interval '1 minute' order by p.asked_at limit 2000",
};
static const struct pg_stmt answer = {
	"probe_answer",
	"select probes_answer($1::jsonb)",
};
/* clang-format on */

int probe_list_start(struct pg *pg, struct probe_list *q, const char *worker,
		     void (*each)(struct probe_list *, const struct probe_asked *),
		     void (*done)(struct probe_list *))
{
	q->each = each;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &list, "u", worker);
	return pg_tx_start(pg, &q->tx, on_listed);
}

static void on_listed(struct pg_tx *tx, const struct pg_answer *a)
{
	struct probe_list *q = container_of(tx, struct probe_list, tx);

	q->outcome = a->outcome;
	for (int r = 0; outcome_ok(&a->outcome) && r < pg_rows(a, 0); r++) {
		const struct probe_asked p = {
			.probe = pg_row_text(a, 0, r, 0),
			.workspace = pg_row_text(a, 0, r, 1),
			.inbox = pg_row_text(a, 0, r, 2),
		};

		q->each(q, &p);
	}
	q->done(q);
}

int probe_answers_start(struct pg *pg, struct probe_answers *q, const struct probe_answer *answers,
			size_t n, void (*done)(struct probe_answers *))
{
	json_t *items = json_array();
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(items, json_pack("{ss ss sI sI}", "probe", answers[i].probe,
						       "inbox", answers[i].inbox, "epoch",
						       (json_int_t)answers[i].epoch, "gated",
						       (json_int_t)answers[i].gated_through_us));
	text = json_dumps(items, JSON_COMPACT);
	json_decref(items);
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	pg_tx_add(&q->tx, &answer, "j", text);
	return pg_tx_start(pg, &q->tx, on_answered);
}

static void on_answered(struct pg_tx *tx, const struct pg_answer *a)
{
	struct probe_answers *q = container_of(tx, struct probe_answers, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_row_i64(a, 0, 0, 0) > 0)
		pg_notify(tx->pg, "replyd_probed");
	q->done(q);
}

/* ---- the asker's side ---- */

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt ask = {
	"probe_ask",
	"insert into probe (workspace_id, probe_id, inbox_id)"
	" select workspace_id, $2::uuid, inbox_id from inbox"
	" where workspace_id = workspace_now() and inbox_id = $1::uuid and admin_state <> 'removed'",
};
static const struct pg_stmt read_answer = {
	"probe_read",
	"select p.answered_at is not null, (extract(epoch from p.gated_through) * 1000000)::bigint,"
	" b.state, case when b.state = coalesce(s.state, 'new') then coalesce(s.reason, '') else '' end,"
	" inbox_covers(p.inbox_id)::text, b.state in ('paused', 'removed', 'reauth_required', 'held', 'unwatched')"
	" from probe p join inbox i on i.workspace_id = p.workspace_id and i.inbox_id = p.inbox_id"
	" left join inbox_state s on s.inbox_id = p.inbox_id"
	" left join lease l on l.workspace_id = p.workspace_id and l.inbox_id = p.inbox_id"
	" cross join lateral (select case when i.admin_state <> 'enabled' then i.admin_state"
	"  when s.state = 'reauth_required' then s.state when l.worker_id is null then 'unwatched'"
	"  when s.state = 'unwatched' then 'new' else coalesce(s.state, 'new') end) b (state)"
	" where p.workspace_id = workspace_now() and p.probe_id = $1::uuid",
};
/* clang-format on */

int probe_ask_start(struct pg *pg, struct probe_ask *q, const char *workspace, const char *inbox,
		    const char *probe, void (*done)(struct probe_ask *))
{
	q->done = done;
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &ask, "uu", inbox, probe);
	return pg_tx_start(pg, &q->tx, on_asked);
}

static void on_asked(struct pg_tx *tx, const struct pg_answer *a)
{
	struct probe_ask *q = container_of(tx, struct probe_ask, tx);

	q->outcome = a->outcome;
	q->is_there = outcome_ok(&a->outcome) && pg_affected(a, 0) > 0;
	if (q->is_there)
		pg_notify(tx->pg, "replyd_probe");
	q->done(q);
}

int probe_read_start(struct pg *pg, struct probe_read *q, const char *workspace, const char *probe,
		     void (*done)(struct probe_read *))
{
	q->done = done;
	q->covers.max = LIMIT_VIEW;
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &read_answer, "u", probe);
	return pg_tx_start(pg, &q->tx, on_read);
}

static void on_read(struct pg_tx *tx, const struct pg_answer *a)
{
	struct probe_read *q = container_of(tx, struct probe_read, tx);
	bool is_there = outcome_ok(&a->outcome) && pg_rows(a, 0) > 0;

	q->outcome = a->outcome;
	q->is_answered = is_there && pg_row_bool(a, 0, 0, 0);
	q->gated_through_us = is_there ? pg_row_time(a, 0, 0, 1) : INT64_MIN;
	(void)snprintf(q->state, sizeof(q->state), "%s", is_there ? pg_row_text(a, 0, 0, 2) : "");
	(void)snprintf(q->reason, sizeof(q->reason), "%s", is_there ? pg_row_text(a, 0, 0, 3) : "");
	q->is_hopeless = is_there && !q->is_answered && pg_row_bool(a, 0, 0, 5);
	buf_clear(&q->covers);
	if (is_there && text_add(&q->covers, text_of(pg_row_text(a, 0, 0, 4))) != 0)
		buf_clear(&q->covers);
	q->done(q);
}

void probe_read_clear(struct probe_read *q)
{
	pg_tx_cancel(&q->tx);
	buf_clear(&q->covers);
}
