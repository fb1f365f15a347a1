#include "db/gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io/timer.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/mem.h"
#include "db/folder_load.h"
#include "db/folder_row.h"
#include "db/folder_state.h"

static void on_turn(struct timer *t);
static void on_answer(struct pg_tx *tx, const struct pg_answer *a);
static void on_closed(struct timer *t);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt find = { "gather_find",
	"select job, digest, outbound_id, inbox_id, sequence, step, prospect_key, prospect_address, message_id,"
	" (extract(epoch from sent_at) * 1000000)::bigint from reply_find($1::uuid[], $2::json)" };
static const struct pg_stmt close_gates = { "gather_close",
	"select job, said, uid, was from unnest(reply_gate($1::uuid[], $2::json, $3::json))" };
static const struct pg_stmt settle = { "gather_settle",
	"select job, said, was_new from unnest(reply_settle($1::uuid[], $2::json, $3::json))" };
/* clang-format on */

/* Each is given the jobs, where it says so the workspaces before them and the items behind them,
 * and answers rows that begin with a job. */
static const struct {
	const struct pg_stmt *stmts;
	int n;
	enum { JOBS, NAMED_JOBS, NAMED_JOBS_ITEMS } takes;
} kinds[GATHER_KINDS] = {
	[GATHER_FIND] = { &find, 1, NAMED_JOBS },
	[GATHER_CLOSE] = { &close_gates, 1, NAMED_JOBS_ITEMS },
	[GATHER_SETTLE] = { &settle, 1, NAMED_JOBS_ITEMS },
	[GATHER_LOAD] = { folder_load_stmts, FOLDER_LOAD_STMTS, JOBS },
	[GATHER_STATE] = { folder_state_stmts, FOLDER_STATE_STMTS, JOBS },
	[GATHER_ENSURE] = { folder_row_ensure_stmts, FOLDER_ENSURE_STMTS, JOBS },
	[GATHER_LOOK] = { &folder_row_look_stmt, 1, JOBS },
};

/* While more than this wait for the group under way, another one goes beside it: both cores have
 * work then, and below it one large group is cheaper than two. */
#define BESIDE_FROM 24

/* A group that is under way, and what waits for it; n == 0: none is. */
struct gather_group {
	struct pg_tx tx;
	struct gather *owner;
	struct pg *pg;
	enum gather_kind kind;
	struct list *queue;                   /* of the kind */
	struct gather_ask *asks[GATHER_MOST]; /* NULL: its owner has lost interest */
	int n;
};

struct gather {
	struct timer turn; /* groups are sent when everything that this turn of the loop brought is
			      queued */
	struct list queues[GATHER_KINDS];
	/* One of each kind, and the one of events that goes beside when many wait. */
	struct gather_group groups[GATHER_KINDS + 1];
};
#define BESIDE GATHER_KINDS

struct gather *gather_open(struct loop *l, const struct gather_ways *ways)
{
	struct gather *g = mem_new(sizeof(*g));
	struct pg *const own[] = {
		[GATHER_FIND] = ways->find,
		[GATHER_CLOSE] = ways->gates,
		[GATHER_SETTLE] = ways->events,
		[BESIDE] = ways->more_events,
	};

	for (int k = 0; k < GATHER_KINDS; k++)
		list_init(&g->queues[k]);
	for (size_t k = 0; k < countof(own); k++) {
		struct gather_group *group = &g->groups[k];

		group->owner = g;
		group->pg = own[k] ? own[k] : ways->pg;
		group->kind = k == BESIDE ? GATHER_SETTLE : (enum gather_kind)k;
		group->queue = &g->queues[group->kind];
	}
	timer_open(&g->turn, l, on_turn);
	return g;
}

void gather_drop(struct gather *g)
{
	struct list *first;

	if (!g)
		return;
	for (size_t k = 0; k < countof(g->groups); k++) {
		struct gather_group *group = &g->groups[k];

		while ((first = list_first(group->queue)))
			gather_cancel(container_of(first, struct gather_ask, link));
		for (int at = 0; at < group->n; at++)
			if (group->asks[at])
				gather_cancel(group->asks[at]);
		pg_tx_cancel(&group->tx);
	}
	timer_drop(&g->turn, on_closed);
}

static void on_closed(struct timer *t)
{
	free(container_of(t, struct gather, turn));
}

/* ---- asks ---- */

static void forget(struct gather_ask *q)
{
	buf_clear(&q->job);
	buf_clear(&q->items);
	q->group = NULL;
	q->state = GATHER_IDLE;
}

void gather_cancel(struct gather_ask *q)
{
	if (q->state == GATHER_QUEUED)
		list_remove(&q->link);
	for (int i = 0; q->state == GATHER_SENT && i < q->group->n; i++)
		if (q->group->asks[i] == q)
			q->group->asks[i] = NULL;
	forget(q);
}

void gather_start(struct gather *g, struct gather_ask *q, enum gather_kind kind,
		  const char *workspace, struct buf *job, struct buf *items, size_t n,
		  void (*row)(struct gather_ask *, const struct pg_answer *, int),
		  void (*done)(struct gather_ask *, const struct outcome *))
{
	(void)snprintf(q->workspace, sizeof(q->workspace), "%s", workspace);
	q->job = *job;
	buf_init(job, job->max);
	buf_init(&q->items, 0);
	if (items) {
		q->items = *items;
		buf_init(items, items->max);
	}
	q->n_items = n;
	q->row = row;
	q->done = done;
	q->alone = false;
	q->state = GATHER_QUEUED;
	list_init(&q->link);
	list_append(&g->queues[kind], &q->link);
	timer_in(&g->turn, 0);
}

/* ---- groups ---- */

static void add(struct json_text *to, int job, struct text members)
{
	json_text_open(to, NULL, '{');
	json_text_int(to, "job", job);
	json_text_more(to, members);
	json_text_close(to, '}');
}

void gather_list_of(const struct buf *job, struct buf *ret)
{
	struct json_text j = json_text_to(ret);

	buf_init(ret, LIMIT_PG_PARAMS);
	json_text_open(&j, NULL, '[');
	add(&j, 0, text_of_buf(job));
	json_text_close(&j, ']');
}

/* The two lists that a group's statement takes.  -ENOBUFS: more than one statement may bring. */
static int write_group(const struct gather_group *group, struct buf *jobs, struct buf *items)
{
	struct json_text j = json_text_to(jobs), i = json_text_to(items);

	json_text_open(&j, NULL, '[');
	json_text_open(&i, NULL, '[');
	for (int at = 0; at < group->n; at++) {
		struct text rest = text_of_buf(&group->asks[at]->items), line;

		add(&j, at, text_of_buf(&group->asks[at]->job));
		while (text_cut(rest, '\n', &line, &rest))
			add(&i, at, line);
	}
	json_text_close(&j, ']');
	json_text_close(&i, ']');
	return json_text_status(&j) ? json_text_status(&j) : json_text_status(&i);
}

/* What has queued, within the ceilings; one that is to be alone is. */
static void collect(struct gather_group *group)
{
	struct list *first;
	size_t items = 0;

	while (group->n < GATHER_MOST && (first = list_first(group->queue))) {
		struct gather_ask *q = container_of(first, struct gather_ask, link);

		items += q->n_items;
		if (group->n > 0 && (q->alone || items > GATHER_ITEMS))
			return;
		list_remove(first);
		q->group = group;
		q->state = GATHER_SENT;
		group->asks[group->n++] = q;
		if (q->alone)
			return;
	}
}

static void tell_all(struct gather_group *group, const struct outcome *o)
{
	int n = group->n;
	struct gather_ask *asks[GATHER_MOST];

	/* They may ask again, or cancel each other, while they are told. */
	for (int i = 0; i < n; i++)
		asks[i] = group->asks[i];
	for (int i = 0; i < n; i++) {
		struct gather_ask *q = group->asks[i];

		if (!q || q != asks[i])
			continue;
		group->asks[i] = NULL;
		forget(q);
		q->done(q, o);
	}
	group->n = 0;
}

/* One of them is at fault, and nobody knows which: each is asked again by itself. */
static void ask_each(struct gather_group *group)
{
	for (int i = 0; i < group->n; i++) {
		struct gather_ask *q = group->asks[i];

		if (!q)
			continue;
		q->alone = true;
		q->group = NULL;
		q->state = GATHER_QUEUED;
		list_append(group->queue, &q->link);
	}
	group->n = 0;
}

/* The workspaces of a group as an array's text; one that comes often stands there once, mostly. */
static void write_named(const struct gather_group *group, struct buf *ret)
{
	struct text last = { NULL, 0 };

	(void)text_add(ret, TEXT("{"));
	for (int at = 0; at < group->n; at++) {
		struct text one = text_of(group->asks[at]->workspace);

		if (text_eq(one, last))
			continue;
		text_addf(ret, "%s%s", last.len ? "," : "", one.at);
		last = one;
	}
	(void)text_add(ret, TEXT("}"));
}

static int start_group(struct gather_group *group)
{
	cleanup_buf struct buf jobs, items, named;

	buf_init(&jobs, LIMIT_PG_PARAMS);
	buf_init(&items, LIMIT_PG_PARAMS);
	buf_init(&named, LIMIT_PG_PARAMS);
	if (write_group(group, &jobs, &items) < 0)
		return -EMSGSIZE;
	write_named(group, &named);
	pg_tx_init(&group->tx, NULL);
	for (int st = 0; st < kinds[group->kind].n; st++) {
		const struct pg_stmt *stmt = &kinds[group->kind].stmts[st];

		switch (kinds[group->kind].takes) {
		case JOBS:
			pg_tx_add(&group->tx, stmt, "j", (const char *)jobs.data);
			break;
		case NAMED_JOBS:
			pg_tx_add(&group->tx, stmt, "xj", text_of_buf(&named),
				  (const char *)jobs.data);
			break;
		case NAMED_JOBS_ITEMS:
			pg_tx_add(&group->tx, stmt, "xjj", text_of_buf(&named),
				  (const char *)jobs.data, (const char *)items.data);
			break;
		}
	}
	return pg_tx_start(group->pg, &group->tx, on_answer);
}

static void send_group(struct gather_group *group)
{
	int r;

	collect(group);
	r = start_group(group);
	if (r == -EMSGSIZE && group->n > 1) {
		ask_each(group);
		timer_in(&group->owner->turn, 0);
	} else if (r) {
		struct outcome o = outcome_of(r == -EMSGSIZE ? BLAME_US : BLAME_NET,
					      "group not started", TEXT(""));

		tell_all(group, &o);
	}
}

/* Is there something for it, and nothing of it under way? */
static bool is_due(const struct gather_group *group)
{
	size_t least = group == &group->owner->groups[BESIDE] ? BESIDE_FROM : 0, n = 0;
	const struct list *l;

	if (group->n)
		return false;
	for (l = group->queue->next; l != group->queue && n <= least; l = l->next)
		n++;
	return n > least;
}

static void send_due(struct gather *g, enum gather_kind kind)
{
	if (is_due(&g->groups[kind]))
		send_group(&g->groups[kind]);
	if (kind == GATHER_SETTLE && is_due(&g->groups[BESIDE]))
		send_group(&g->groups[BESIDE]);
}

static void on_turn(struct timer *t)
{
	struct gather *g = container_of(t, struct gather, turn);

	for (int k = 0; k < GATHER_KINDS; k++)
		send_due(g, (enum gather_kind)k);
}

static void tell_rows(struct gather_group *group, const struct pg_answer *a, int st)
{
	for (int r = 0; r < pg_rows(a, st); r++) {
		int64_t job = pg_row_i64(a, st, r, 0);
		struct gather_ask *q = job >= 0 && job < group->n ? group->asks[job] : NULL;

		if (!q)
			continue;
		q->st = st;
		q->row(q, a, r);
	}
}

static void on_answer(struct pg_tx *tx, const struct pg_answer *a)
{
	struct gather_group *group = container_of(tx, struct gather_group, tx);

	for (int st = 0; outcome_ok(&a->outcome) && st < kinds[group->kind].n; st++)
		tell_rows(group, a, st);
	if (!outcome_ok(&a->outcome) && a->outcome.blame == BLAME_US && group->n > 1)
		ask_each(group);
	else
		tell_all(group, &a->outcome);
	send_due(group->owner, group->kind);
}
