#include "db/arrival_group.h"

#include <errno.h>
#include <string.h>

#include "base/json_text.h"
#include "base/limits.h"
#include "base/mem.h"

static void found_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_found(struct gather_ask *ask, const struct outcome *o);
static void closed_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_closed(struct gather_ask *ask, const struct outcome *o);
static void settled_row(struct gather_ask *ask, const struct pg_answer *a, int row);
static void on_settled(struct gather_ask *ask, const struct outcome *o);

/* A job's members; a folder's only where its watermarks move. */
static void write_job(struct buf *ret, const struct folder_lease *l, const struct arrival_mark *m)
{
	struct json_text j = json_text_to(ret);

	buf_init(ret, LIMIT_PG_PARAMS);
	json_text_string(&j, "workspace_id", l->workspace);
	json_text_string(&j, "inbox_id", l->inbox);
	json_text_int(&j, "epoch", l->epoch);
	if (!m)
		return;
	json_text_string(&j, "folder_id", m->folder);
	json_text_int(&j, "uidvalidity", m->uidvalidity);
	json_text_int(&j, "uid_gated", m->uid_gated);
	json_text_time(&j, "gated_at", m->gated_at_us);
	json_text_int(&j, "uid_ingested", m->uid_ingested);
	json_text_time(&j, "ingested_at", m->ingested_at_us);
}

/* ---- find ---- */

static void write_digests(struct json_text *to, const char *key, uint8_t (*at)[ARRIVAL_DIGEST],
			  size_t n)
{
	cleanup_buf struct buf bytea;

	buf_init(&bytea, 2 * ARRIVAL_DIGEST + 3);
	json_text_open(to, key, '[');
	for (size_t i = 0; i < n; i++) {
		buf_cut(&bytea, 0);
		(void)text_add(&bytea, TEXT("\\x"));
		(void)text_add_hex(&bytea, at[i], ARRIVAL_DIGEST);
		json_text_string(to, NULL, (const char *)bytea.data);
	}
	json_text_close(to, ']');
}

int arrival_group_find(struct gather *g, struct arrival_find *q, const struct folder_lease *l,
		       const struct arrival_keys *keys, void (*done)(struct arrival_find *))
{
	struct buf job;
	struct json_text j = json_text_to(&job);

	buf_init(&job, LIMIT_PG_PARAMS);
	json_text_string(&j, "workspace_id", l->workspace);
	write_digests(&j, "digests", keys->ids, keys->n_ids);
	write_digests(&j, "names", keys->names, keys->n_names);
	arrival_find_clear(q);
	q->done = done;
	gather_start(g, &q->ask, GATHER_FIND, l->workspace, &job, NULL, 0, found_row, on_found);
	return 0;
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
	cleanup_buf struct buf list, job;
	struct json_text j = json_text_to(&list);

	write_job(&job, l, mark);
	buf_init(&list, LIMIT_PG_PARAMS);
	for (size_t i = 0; i < n && !json_text_status(&j); i++) {
		arrival_item_json(&j, &items[i], folder, uidvalidity);
		(void)text_add(&list, TEXT("\n"));
	}
	if (json_text_status(&j) < 0)
		return -EINVAL;
	q->was = was;
	q->done = done;
	q->fenced = q->moved = false;
	gather_start(g, &q->ask, GATHER_CLOSE, l->workspace, &job, &list, n, closed_row, on_closed);
	return 0;
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
	cleanup_buf struct buf item, job;
	struct json_text j = json_text_to(&item);

	write_job(&job, l, mark);
	buf_init(&item, LIMIT_PG_PARAMS);
	arrival_verdict_json(&j, v);
	if (json_text_status(&j) < 0)
		return -EINVAL;
	(void)text_add(&item, TEXT("\n"));
	q->done = done;
	q->fenced = q->moved = q->was_new = q->is_odd = false;
	gather_start(g, &q->ask, GATHER_SETTLE, l->workspace, &job, &item, 1, settled_row,
		     on_settled);
	return 0;
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
