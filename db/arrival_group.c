#include "db/arrival_group.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "db/pg_json.h"

static void found_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_found(struct gather_ask *ask, const struct outcome *o);
static void closed_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_closed(struct gather_ask *ask, const struct outcome *o);
static void settled_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_settled(struct gather_ask *ask, const struct outcome *o);

static json_t *job_of(const struct folder_lease *l, const struct arrival_mark *m)
{
	json_t *job = json_pack("{ss ss sI}", "workspace_id", l->workspace, "inbox_id", l->inbox,
				"epoch", (json_int_t)l->epoch);

	if (job && m)
		(void)json_object_update_new(
			job,
			json_pack("{ss sI sI so sI so}", "folder_id", m->folder, "uidvalidity",
				  (json_int_t)m->uidvalidity, "uid_gated", (json_int_t)m->uid_gated,
				  "gated_at", pg_json_instant(m->gated_at_us), "uid_ingested",
				  (json_int_t)m->uid_ingested, "ingested_at",
				  pg_json_instant(m->ingested_at_us)));
	return job;
}

/* ---- find ---- */

int arrival_group_find(struct gather *g, struct arrival_find *q, const struct folder_lease *l,
		       const uint8_t (*digests)[ARRIVAL_DIGEST], size_t n,
		       void (*done)(struct arrival_find *))
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, pg_json_hex(digests[i], ARRIVAL_DIGEST));
	arrival_find_clear(q);
	q->done = done;
	return gather_start(g, &q->ask, GATHER_FIND, l->inbox,
			    json_pack("{ss so}", "workspace_id", l->workspace, "digests", list),
			    NULL, found_row, on_found);
}

static void found_row(struct gather_ask *ask, const struct pg_answer *a, int row)
{
	struct arrival_find *q = container_of(ask, struct arrival_find, ask);

	q->found = mem_resize(q->found, (q->n_found + 1) * sizeof(*q->found));
	q->n_found += arrival_outbound_read(a, 0, row, 1, &q->found[q->n_found]);
}

static void on_found(struct gather_ask *ask, const struct outcome *o)
{
	struct arrival_find *q = container_of(ask, struct arrival_find, ask);

	q->outcome = *o;
	q->done(q);
}

/* ---- transaction 1 ---- */

int arrival_group_close(struct gather *g, struct arrival_close *q, const struct folder_lease *l,
			const char *folder, int64_t uidvalidity, const struct arrival_item *items,
			size_t n, const struct arrival_mark *mark,
			void (*was)(struct arrival_close *, int64_t uid, enum arrival_was),
			void (*done)(struct arrival_close *))
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, arrival_item_json(&items[i], folder, uidvalidity));
	if (json_array_size(list) != n) {
		json_decref(list);
		return -EINVAL;
	}
	q->was = was;
	q->done = done;
	q->fenced = q->moved = false;
	return gather_start(g, &q->ask, GATHER_CLOSE, l->inbox, job_of(l, mark), list, closed_row,
			    on_closed);
}

static void closed_row(struct gather_ask *ask, const struct pg_answer *a, int row)
{
	struct arrival_close *q = container_of(ask, struct arrival_close, ask);

	if (pg_row_is_null(a, 0, row, 1)) {
		q->was(q, pg_row_i64(a, 0, row, 2), arrival_was_of(pg_row_text(a, 0, row, 3)));
		return;
	}
	q->fenced = strcmp(pg_row_text(a, 0, row, 1), "fenced") == 0;
	q->moved = strcmp(pg_row_text(a, 0, row, 1), "done") == 0;
}

static void on_closed(struct gather_ask *ask, const struct outcome *o)
{
	struct arrival_close *q = container_of(ask, struct arrival_close, ask);

	q->outcome = *o;
	q->done(q);
}

/* ---- transaction 2 ---- */

int arrival_group_settle(struct gather *g, struct arrival_settle *q, const struct folder_lease *l,
			 const struct arrival_verdict *v, const struct arrival_mark *mark,
			 void (*done)(struct arrival_settle *))
{
	json_t *item = arrival_verdict_json(v);

	if (!item)
		return -EINVAL;
	q->done = done;
	q->fenced = q->moved = q->was_new = q->is_odd = false;
	return gather_start(g, &q->ask, GATHER_SETTLE, l->inbox, job_of(l, mark),
			    json_pack("[o]", item), settled_row, on_settled);
}

static void settled_row(struct gather_ask *ask, const struct pg_answer *a, int row)
{
	struct arrival_settle *q = container_of(ask, struct arrival_settle, ask);
	const char *said = pg_row_text(a, 0, row, 1);

	q->fenced = strcmp(said, "fenced") == 0;
	q->is_odd = strcmp(said, "again") == 0;
	q->moved = strcmp(said, "done") == 0;
	q->was_new = pg_row_bool(a, 0, row, 2);
}

static void on_settled(struct gather_ask *ask, const struct outcome *o)
{
	struct arrival_settle *q = container_of(ask, struct arrival_settle, ask);

	q->outcome = *o;
	if (outcome_ok(o) && q->is_odd)
		q->outcome = outcome_of(BLAME_REFUSED, "to be settled by itself", TEXT(""));
	q->done(q);
}
