#include "db/quota.h"

#include <limits.h>
#include <stdio.h>

#include "base/mem.h"

static void on_members(struct pg_tx *tx, const struct pg_answer *a);

#define MEMBERS_MAX 5000 /* of one pool */

/* It tears SQL apart. */
/* clang-format off */
/* The counters as of now: what is older than a day has rolled by. */
#define MEMBER                                                                                                                  \
	" i.inbox_id, m.tier = 'reserve', m.weight::double precision, i.admin_state, coalesce(p.sends, 'all'), s.state,"          \
	" coalesce(h.band, 'healthy'), i.provider, coalesce(h.suspended, '') <> '', (extract(epoch from h.limited_until) * 1000000)::bigint," \
	" coalesce(q.day_ends_at > now(), false),"                                                                              \
	" coalesce(q.cap, 0)::bigint, coalesce(q.used, 0)::bigint, coalesce(q.cap_new, 0)::bigint, coalesce(q.used_new, 0)::bigint,"  \
	" (q.ceiling_24h - roll_sum(roll_at(q.roll, coalesce(q.hour, 0), hour_of(now()))) - roll_sum(roll_at(q.external, coalesce(q.hour, 0), hour_of(now()))))::bigint," \
	" (extract(epoch from roll_lifts(roll_at(q.roll, coalesce(q.hour, 0), hour_of(now())), greatest(q.hour, hour_of(now())))) * 1000000)::bigint,"    \
	" (d.ceiling_24h - roll_sum(roll_at(d.roll, coalesce(d.hour, 0), hour_of(now()))))::bigint,"                                            \
	" (extract(epoch from roll_lifts(roll_at(d.roll, coalesce(d.hour, 0), hour_of(now())), greatest(d.hour, hour_of(now())))) * 1000000)::bigint,"    \
	" (t.ceiling_24h - roll_sum(roll_at(t.roll, coalesce(t.hour, 0), hour_of(now()))))::bigint,"                                            \
	" (extract(epoch from roll_lifts(roll_at(t.roll, coalesce(t.hour, 0), hour_of(now())), greatest(t.hour, hour_of(now())))) * 1000000)::bigint,"    \
	" (extract(epoch from nullif(q.next_allowed_at, '-infinity')) * 1000000)::bigint, (extract(epoch from q.opens_at) * 1000000)::bigint," \
	" (extract(epoch from q.closes_at) * 1000000)::bigint, (extract(epoch from q.day_ends_at) * 1000000)::bigint,"              \
	" (extract(epoch from nullif(q.picked_at, '-infinity')) * 1000000)::bigint, (extract(epoch from now()) * 1000000)::bigint"
#define STANDS                                                                                                                  \
	" join inbox i on i.workspace_id = workspace_now() and i.inbox_id = m.inbox_id"                                         \
	" join inbox_state s on s.workspace_id = i.workspace_id and s.inbox_id = i.inbox_id"                                    \
	" left join send_policy p on p.workspace_id = i.workspace_id and p.inbox_id = i.inbox_id"                               \
	" left join send_quota q on q.workspace_id = i.workspace_id and q.inbox_id = i.inbox_id"                                \
	" left join send_standing h on h.workspace_id = i.workspace_id and h.inbox_id = i.inbox_id"                             \
	" left join send_group d on d.workspace_id = i.workspace_id and d.kind = 'domain' and d.name = split_part(i.address, '@', 2)" \
	" left join send_group t on t.workspace_id = i.workspace_id and t.kind = 'tenant' and t.name = p.tenant"
static const struct pg_stmt members = {
	"quota_members",
	"select l.provider_match," MEMBER " from pool l left join pool_member m on m.workspace_id = l.workspace_id and m.pool_id = l.pool_id"
	STANDS " where l.workspace_id = workspace_now() and l.pool_id = $1 order by i.inbox_id limit $2::bigint",
};
static const struct pg_stmt member = {
	"quota_member",
	"select 'off'," MEMBER " from (select $1::uuid as inbox_id, 'primary' as tier, 1.0 as weight) m" STANDS,
};
/* clang-format on */

static int start(struct pg *pg, struct quota_members *q,
		 void (*each)(struct quota_members *, const struct quota_member *),
		 void (*done)(struct quota_members *))
{
	q->each = each;
	q->done = done;
	q->n = 0;
	q->now_us = INT64_MIN;
	q->provider_match[0] = '\0';
	return pg_tx_start(pg, &q->tx, on_members);
}

int quota_members_start(struct pg *pg, struct quota_members *q, const char *workspace,
			const char *pool,
			void (*each)(struct quota_members *, const struct quota_member *),
			void (*done)(struct quota_members *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &members, "ui", pool, (int64_t)MEMBERS_MAX);
	return start(pg, q, each, done);
}

int quota_member_start(struct pg *pg, struct quota_members *q, const char *workspace,
		       const char *inbox,
		       void (*each)(struct quota_members *, const struct quota_member *),
		       void (*done)(struct quota_members *))
{
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &member, "u", inbox);
	return start(pg, q, each, done);
}

static int left(const struct pg_answer *a, int row, int col)
{
	return pg_row_is_null(a, 0, row, col) ? INT_MAX : (int)pg_row_i64(a, 0, row, col);
}

static void read_member(const struct pg_answer *a, int row, struct quota_member *ret)
{
	*ret = (struct quota_member){
		.reserve = pg_row_bool(a, 0, row, 2),
		.weight = pg_row_double(a, 0, row, 3),
		.admin = pg_row_text(a, 0, row, 4),
		.sends = pg_row_text(a, 0, row, 5),
		.state = pg_row_text(a, 0, row, 6),
		.band = pg_row_text(a, 0, row, 7),
		.provider = pg_row_text(a, 0, row, 8),
		.suspended = pg_row_bool(a, 0, row, 9),
		.limited_until_us = pg_row_time(a, 0, row, 10),
		.has_day = pg_row_bool(a, 0, row, 11),
		.cap = (int)pg_row_i64(a, 0, row, 12),
		.used = (int)pg_row_i64(a, 0, row, 13),
		.cap_new = (int)pg_row_i64(a, 0, row, 14),
		.used_new = (int)pg_row_i64(a, 0, row, 15),
		.rolling_left = left(a, row, 16),
		.rolling_lifts_us = pg_row_time(a, 0, row, 17),
		.domain_left = left(a, row, 18),
		.domain_lifts_us = pg_row_time(a, 0, row, 19),
		.tenant_left = left(a, row, 20),
		.tenant_lifts_us = pg_row_time(a, 0, row, 21),
		.next_allowed_us = pg_row_time(a, 0, row, 22),
		.opens_us = pg_row_time(a, 0, row, 23),
		.closes_us = pg_row_time(a, 0, row, 24),
		.day_ends_us = pg_row_time(a, 0, row, 25),
		.picked_us = pg_row_time(a, 0, row, 26),
	};
	(void)snprintf(ret->inbox, sizeof(ret->inbox), "%s", pg_row_text(a, 0, row, 1));
}

static void on_members(struct pg_tx *tx, const struct pg_answer *a)
{
	struct quota_members *q = container_of(tx, struct quota_members, tx);

	q->outcome = a->outcome;
	for (int i = 0; outcome_ok(&a->outcome) && i < pg_rows(a, 0); i++) {
		struct quota_member m;

		q->now_us = pg_row_time(a, 0, i, 27);
		(void)snprintf(q->provider_match, sizeof(q->provider_match), "%s",
			       pg_row_text(a, 0, i, 0));
		read_member(a, i, &m);
		q->n++;
		q->each(q, &m);
	}
	q->done(q);
}
