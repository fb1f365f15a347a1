#include "db/quota_day.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void on_read(struct pg_tx *tx, const struct pg_answer *a);
static void on_opened(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
#define US(instant) "(extract(epoch from " instant ") * 1000000)::bigint"
static const struct pg_stmt read_days = {
	"quota_day_read",
	"select i::text, f.zone, " US("f.starts_at") ", " US("f.ends_at") ", " US("f.opens_at") ", " US("f.closes_at") ", f.is_open,"
	" (f.p).ramp, (f.p).cap_day::bigint, (f.p).gap_s::bigint, (f.p).cap_new_share::double precision, coalesce((f.p).ceiling_24h, 0)::bigint,"
	" coalesce((f.s).band, 'healthy'), coalesce((f.s).ramp_index, 0)::bigint,"
	" exists (select from unnest((f.s).limit_hits) h (at) where h.at > now() - interval '1 day'),"
	" " US("(f.q).day_ends_at") ", coalesce((f.q).cap, 0)::bigint, coalesce((f.q).used, 0)::bigint,"
	" coalesce(roll_sum(roll_at((f.q).external, coalesce((f.q).hour, 0), hour_of(now()))), 0)::bigint"
	" from unnest(string_to_array($1::text, ',')::uuid[]) i cross join lateral quota_facts(i, now()) f",
};
static const struct pg_stmt open_day = {
	"quota_day_open",
	"select quota_open($1::uuid, $2::timestamptz, $3::text, $4::timestamptz, $5::timestamptz, $6::timestamptz, $7::timestamptz,"
	" $8::bigint::int, $9::bigint::int, $10::text, make_interval(secs => $11::bigint / 1000.0), nullif($12::bigint, 0)::int,"
	" $13::bigint::int)",
};
/* clang-format on */

int quota_day_read_start(struct pg *pg, struct quota_days *q, const char *workspace,
			 const char (*inboxes)[RAND_UUID], int n, void (*done)(struct quota_days *))
{
	char list[QUOTA_DAYS * RAND_UUID] = "";

	for (int i = 0; i < n && i < QUOTA_DAYS; i++)
		(void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
			       i ? "," : "", inboxes[i]);
	*q = (struct quota_days){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &read_days, "t", list);
	return pg_tx_start(pg, &q->tx, on_read);
}

static void read_day(const struct pg_answer *a, int row, struct quota_day *d)
{
	(void)snprintf(d->inbox, sizeof(d->inbox), "%s", pg_row_text(a, 0, row, 0));
	(void)snprintf(d->zone, sizeof(d->zone), "%s", pg_row_text(a, 0, row, 1));
	d->starts_us = pg_row_time(a, 0, row, 2);
	d->ends_us = pg_row_time(a, 0, row, 3);
	d->opens_us = pg_row_time(a, 0, row, 4);
	d->closes_us = pg_row_time(a, 0, row, 5);
	d->is_open = pg_row_bool(a, 0, row, 6);
	(void)snprintf(d->ramp, sizeof(d->ramp), "%s", pg_row_text(a, 0, row, 7));
	d->cap_day = (int)pg_row_i64(a, 0, row, 8);
	d->gap_s = (int)pg_row_i64(a, 0, row, 9);
	d->new_share = pg_row_double(a, 0, row, 10);
	d->ceiling_24h = (int)pg_row_i64(a, 0, row, 11);
	(void)snprintf(d->band, sizeof(d->band), "%s", pg_row_text(a, 0, row, 12));
	d->ramp_index = (int)pg_row_i64(a, 0, row, 13);
	d->limit_hit = pg_row_bool(a, 0, row, 14);
	d->was_ends_us = pg_row_time(a, 0, row, 15);
	d->was_cap = (int)pg_row_i64(a, 0, row, 16);
	d->was_used = (int)pg_row_i64(a, 0, row, 17);
	d->external_24h = (int)pg_row_i64(a, 0, row, 18);
}

static void on_read(struct pg_tx *tx, const struct pg_answer *a)
{
	struct quota_days *q = container_of(tx, struct quota_days, tx);

	q->outcome = a->outcome;
	for (int i = 0; outcome_ok(&a->outcome) && i < pg_rows(a, 0) && i < QUOTA_DAYS; i++)
		read_day(a, i, &q->days[q->n++]);
	q->done(q);
}

int quota_day_open_start(struct pg *pg, struct quota_open *q, const char *workspace,
			 const struct quota_day *days, const struct quota_caps *caps, int n,
			 void (*done)(struct quota_open *))
{
	*q = (struct quota_open){ .done = done };
	pg_tx_init(&q->tx, workspace);
	for (int i = 0; i < n && i < QUOTA_DAYS; i++)
		pg_tx_add(&q->tx, &open_day, "uTtTTTTiitiii", days[i].inbox, days[i].was_ends_us,
			  days[i].zone, days[i].starts_us, days[i].ends_us, days[i].opens_us,
			  days[i].closes_us, (int64_t)caps[i].cap, (int64_t)caps[i].cap_new,
			  caps[i].bound, (int64_t)caps[i].gap_ms, (int64_t)days[i].ceiling_24h,
			  (int64_t)caps[i].ramp_index);
	return pg_tx_start(pg, &q->tx, on_opened);
}

static void on_opened(struct pg_tx *tx, const struct pg_answer *a)
{
	struct quota_open *q = container_of(tx, struct quota_open, tx);

	q->outcome = a->outcome;
	q->done(q);
}
