#include "db/pool.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"

static void on_called(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt set = {
	"pool_set", "select said, coalesce(told::text, '') from pool_set($1, $2, $3)",
};
static const struct pg_stmt members_set = {
	"pool_members_set", "select said, coalesce(told::text, '') from pool_members_set($1, $2)",
};

/* One row more than is shown says whether there is another page. */
static const struct pg_stmt list = {
	"pool_list",
	"select jsonb_build_object('pools', coalesce(jsonb_agg(pool_says(p.it) order by (p.it).pool_id) filter (where p.n <= $2::bigint), '[]'),"
	"  'next', case when count(*) > $2::bigint then (array_agg((p.it).pool_id order by p.n))[$2::bigint] end)::text"
	" from (select l as it, row_number() over (order by l.pool_id) as n from pool l"
	"  where l.workspace_id = workspace_now() and ($1::uuid is null or l.pool_id > $1)"
	"  order by l.pool_id limit $2::bigint + 1) p",
};
static const struct pg_stmt members = {
	"pool_members",
	"select jsonb_build_object('members', coalesce(jsonb_agg(member_says(m.it) order by m.n) filter (where m.n <= $3::bigint), '[]'),"
	"  'next', case when count(m.n) > $3::bigint then (array_agg((m.it).inbox_id order by m.n))[$3::bigint] end)::text"
	" from pool l left join lateral (select e as it, row_number() over (order by e.inbox_id) as n from pool_member e"
	"  where e.workspace_id = l.workspace_id and e.pool_id = l.pool_id and ($2::uuid is null or e.inbox_id > $2)"
	"  order by e.inbox_id limit $3::bigint + 1) m on true"
	" where l.workspace_id = workspace_now() and l.pool_id = $1 group by l.pool_id",
};
static const struct pg_stmt show = {
	"pool_show", "select pool_says(l)::text from pool l where l.workspace_id = workspace_now() and l.pool_id = $1",
};
static const struct pg_stmt remove_stmt = {
	"pool_remove",
	"delete from pool where workspace_id = workspace_now() and pool_id = $1"
	" returning jsonb_build_object('id', pool_id, 'name', name, 'removed', true)::text",
};
static const struct pg_stmt member_remove = {
	"pool_member_remove",
	"delete from pool_member where workspace_id = workspace_now() and pool_id = $1 and inbox_id = $2"
	" returning jsonb_build_object('pool_id', pool_id, 'inbox_id', inbox_id, 'removed', true)::text",
};
/* clang-format on */

/* ---- setting ---- */

static enum pool_said said_of(const char *word)
{
	static const char *const words[] = {
		[POOL_SET] = "",
		[POOL_NOT_FOUND] = "not_found",
		[POOL_NAME_TAKEN] = "name_taken",
		[POOL_TOO_MANY] = "too_many",
		[POOL_UNKNOWN_INBOX] = "unknown_inbox",
		[POOL_TIME_ZONE] = "time_zone",
	};

	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(words[i], word) == 0)
			return (enum pool_said)i;
	return POOL_NOT_FOUND;
}

int pool_call_begin(struct pg *pg, struct pool_call *q, void (*done)(struct pool_call *))
{
	q->done = done;
	q->said = POOL_NOT_FOUND;
	buf_init(&q->json, LIMIT_VIEW);
	return pg_tx_start(pg, &q->tx, on_called);
}

static void on_called(struct pg_tx *tx, const struct pg_answer *a)
{
	struct pool_call *q = container_of(tx, struct pool_call, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		q->said = said_of(pg_row_text(a, 0, 0, 0));
		if (text_add(&q->json, text_of(pg_row_text(a, 0, 0, 1))) != 0)
			q->outcome =
				outcome_of(BLAME_US, "answer larger than LIMIT_VIEW", TEXT(""));
	}
	q->done(q);
}

void pool_call_clear(struct pool_call *q)
{
	pg_tx_cancel(&q->tx);
	buf_clear(&q->json);
}

int pool_set_start(struct pg *pg, struct pool_call *q, const char *workspace, const char *pool,
		   bool is_new, const char *fields, void (*done)(struct pool_call *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &set, "uBj", pool, (int)is_new, fields);
	return pool_call_begin(pg, q, done);
}

int pool_members_set_start(struct pg *pg, struct pool_call *q, const char *workspace,
			   const char *pool, const char *items, void (*done)(struct pool_call *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &members_set, "uj", pool, items);
	return pool_call_begin(pg, q, done);
}

/* ---- reading and removing ---- */

int pool_list_start(struct pg *pg, struct view *v, const char *workspace, const char *after,
		    int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &list, "ui", after, limit);
	return view_begin(pg, v, done);
}

int pool_members_start(struct pg *pg, struct view *v, const char *workspace, const char *pool,
		       const char *after, int64_t limit, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &members, "uui", pool, after, limit);
	return view_begin(pg, v, done);
}

int pool_show_start(struct pg *pg, struct view *v, const char *workspace, const char *pool,
		    view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &show, "u", pool);
	return view_begin(pg, v, done);
}

int pool_remove_start(struct pg *pg, struct view *v, const char *workspace, const char *pool,
		      view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &remove_stmt, "u", pool);
	return view_begin(pg, v, done);
}

int pool_member_remove_start(struct pg *pg, struct view *v, const char *workspace, const char *pool,
			     const char *inbox, view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &member_remove, "uu", pool, inbox);
	return view_begin(pg, v, done);
}
