#include "db/capacity_read.h"

#include <stdio.h>

#include "base/mem.h"

static void on_read(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
#define US(t) "(extract(epoch from " t ") * 1000000)::bigint"
/* A day that is asked for begins with its first window. */
static const struct pg_stmt rows = {
	"capacity_rows",
	"select m.inbox_id, i.address, x.zone, to_char(x.starts_at at time zone x.zone, 'YYYY-MM-DD'), (f.p).ramp,"
	" coalesce((f.s).band, 'healthy'), case when x.is_today and (f.q).day_ends_at > now() then (f.q).bound else '' end,"
	" coalesce((f.s).factors, '[]')::text, coalesce((f.s).ramp_index, 0)::bigint, (f.p).cap_day::bigint,"
	" ((f.p).cap_new_share)::double precision, m.weight::double precision, coalesce((f.s).score, 100)::double precision,"
	" coalesce((f.s).confidence, 0)::double precision, coalesce((f.p).ceiling_24h, 0)::bigint,"
	" coalesce(roll_sum(roll_at((f.q).external, (f.q).hour, hour_of(now()))), 0)::bigint,"
	" coalesce((f.s).limit_hits[cardinality((f.s).limit_hits)] > x.starts_at - interval '1 day', false), x.is_today, "
	US("x.starts_at") ", " US("x.opens_at") ", " US("x.closes_at") ", " US("x.ends_at") ","
	" (select count(*) from slot t where t.workspace_id = workspace_now() and t.inbox_id = m.inbox_id"
	"  and t.state in ('held', 'sending', 'unknown') and x.is_today and t.day_ends_at = x.ends_at)"
	" from (select e.inbox_id, e.weight from pool_member e where e.workspace_id = workspace_now() and e.pool_id = $1::uuid"
	"  union all select $2::uuid, 1 where $2::uuid is not null) m"
	" join inbox i on i.workspace_id = workspace_now() and i.inbox_id = m.inbox_id"
	" cross join lateral quota_facts(m.inbox_id, now()) f"
	" cross join lateral (select f.zone, f.starts_at, f.ends_at, f.opens_at, f.closes_at, true as is_today"
	"   where $3::date is null or $3::date = (now() at time zone f.zone)::date"
	"  union all select (f.p).time_zone, d.starts_at, d.ends_at, d.opens_at, d.closes_at, false"
	"   from local_day((f.p).time_zone, (f.p).windows, $3::date::timestamp at time zone (f.p).time_zone) d"
	"   where $3::date is distinct from (now() at time zone f.zone)::date and $3::date is not null) x"
	" order by m.inbox_id limit 5000",
};
/* clang-format on */

int capacity_read_start(struct pg *pg, struct capacity_read *q, const char *workspace,
			const char *pool, const char *inbox, const char *day,
			void (*each)(struct capacity_read *, const struct capacity_row *),
			void (*done)(struct capacity_read *))
{
	q->each = each;
	q->done = done;
	q->n = 0;
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &rows, "uut", pool, inbox, day);
	return pg_tx_start(pg, &q->tx, on_read);
}

static void read_row(const struct pg_answer *a, int i, struct capacity_row *ret)
{
	*ret = (struct capacity_row){
		.address = pg_row_text(a, 0, i, 1),
		.zone = pg_row_text(a, 0, i, 2),
		.date = pg_row_text(a, 0, i, 3),
		.ramp = pg_row_text(a, 0, i, 4),
		.band = pg_row_text(a, 0, i, 5),
		.bound = pg_row_text(a, 0, i, 6),
		.factors = pg_row_text(a, 0, i, 7),
		.ramp_index = (int)pg_row_i64(a, 0, i, 8),
		.cap_day = (int)pg_row_i64(a, 0, i, 9),
		.cap_new_share = pg_row_double(a, 0, i, 10),
		.weight = pg_row_double(a, 0, i, 11),
		.score = pg_row_double(a, 0, i, 12),
		.confidence = pg_row_double(a, 0, i, 13),
		.ceiling_24h = (int)pg_row_i64(a, 0, i, 14),
		.external_24h = (int)pg_row_i64(a, 0, i, 15),
		.limit_hit_yesterday = pg_row_bool(a, 0, i, 16),
		.is_today = pg_row_bool(a, 0, i, 17),
		.starts_us = pg_row_time(a, 0, i, 18),
		.opens_us = pg_row_time(a, 0, i, 19),
		.closes_us = pg_row_time(a, 0, i, 20),
		.ends_us = pg_row_time(a, 0, i, 21),
		.held = (int)pg_row_i64(a, 0, i, 22),
	};
	(void)snprintf(ret->inbox, sizeof(ret->inbox), "%s", pg_row_text(a, 0, i, 0));
}

static void on_read(struct pg_tx *tx, const struct pg_answer *a)
{
	struct capacity_read *q = container_of(tx, struct capacity_read, tx);

	q->outcome = a->outcome;
	for (int i = 0; outcome_ok(&a->outcome) && i < pg_rows(a, 0); i++) {
		struct capacity_row r;

		read_row(a, i, &r);
		q->n++;
		q->each(q, &r);
	}
	q->done(q);
}
