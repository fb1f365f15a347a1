#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "db/capacity_read.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* The days that a capacity is told of: today there, whatever was opened, and another day as its
 * window says. */

#define POOL "80000000-0000-4000-8000-000000000001"

static struct pg_bench bench;
static struct session *admin;
static char said[1024];

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("capacity_read");
	admin = seed_session("capacity_read", PGTEST_ADMIN);
	pgtest_exec(
		admin,
		"insert into pool (workspace_id, pool_id, name) values ('" SEED_WS "', '" POOL
		"', 'p');"
		" insert into pool_member (workspace_id, pool_id, inbox_id, weight) values"
		" ('" SEED_WS "', '" POOL "', '" SEED_A "', 1), ('" SEED_WS "', '" POOL
		"', '" SEED_B "', 2);"
		" insert into send_policy (workspace_id, inbox_id, cap_day, time_zone, windows, "
		"ceiling_24h)"
		" values ('" SEED_WS "', '" SEED_A "', 40, 'Europe/Paris',"
		" '[{\"days\": [1], \"from\": 540, \"to\": 1020}]', 500);"
		" insert into send_standing (workspace_id, inbox_id, band, ramp_index, limit_hits)"
		" values ('" SEED_WS "', '" SEED_A
		"', 'watch', 4, array[now() - interval '30 days'])");
	pg_bench_open(&bench, "capacity_read");
	pg_bench_run(&bench, 1);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	pg_bench_close(&bench);
	session_close(admin);
	return 0;
}

static void on_row(struct capacity_read *q, const struct capacity_row *r)
{
	(void)q;
	(void)snprintf(said + strlen(said), sizeof(said) - strlen(said),
		       "%c %s %s cap %d ramp %s %d band %s ceiling %d hit %d window %lld..%lld of "
		       "%lld h; ",
		       r->inbox[35], r->is_today ? "today" : r->date, r->zone, r->cap_day, r->ramp,
		       r->ramp_index, r->band, r->ceiling_24h, r->limit_hit_yesterday,
		       (long long)((r->opens_us - r->starts_us) / 3600000000),
		       (long long)((r->closes_us - r->starts_us) / 3600000000),
		       (long long)((r->ends_us - r->starts_us) / 3600000000));
}

static void on_done(struct capacity_read *q)
{
	(void)q;
	pg_bench_happened(&bench);
}

static const char *ask(const char *workspace, const char *pool, const char *inbox, const char *day)
{
	struct capacity_read q;

	memset(&q, 0x5a, sizeof(q));
	said[0] = '\0';
	assert_int_equal(
		capacity_read_start(bench.pg, &q, workspace, pool, inbox, day, on_row, on_done), 0);
	pg_bench_run(&bench, 1);
	if (!outcome_ok(&q.outcome))
		fail_msg("%s: %s", q.outcome.what, q.outcome.said);
	return said;
}

static void another_day_is_as_its_window_says(void **state)
{
	static const struct {
		const char *name, *day, *says;
	} rows[] = {
		{ "a Monday of summer", "2027-07-05",
		  "a 2027-07-05 Europe/Paris cap 40 ramp standard 4 band watch ceiling 500 hit 0 "
		  "window 9..17 of 24 h; " },
		{ "a Tuesday", "2027-07-06",
		  "a 2027-07-06 Europe/Paris cap 40 ramp standard 4 band watch ceiling 500 hit 0 "
		  "window 0..0 of 24 h; " },
		{ "a Sunday of 23 hours", "2027-03-28",
		  "a 2027-03-28 Europe/Paris cap 40 ramp standard 4 band watch ceiling 500 hit 0 "
		  "window 0..0 of 23 h; " },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(ask(SEED_WS, NULL, SEED_A, rows[i].day), rows[i].says) != 0)
			fail_msg("%s: %s", rows[i].name, said);
}

static void the_members_of_a_pool_in_order(void **state)
{
	(void)state;
	(void)ask(SEED_WS, POOL, NULL, "2027-07-05");
	assert_non_null(strstr(said, "a 2027-07-05 Europe/Paris"));
	assert_non_null(strstr(said, "; b 2027-07-05 UTC cap 30 ramp standard 0 band healthy"));
	assert_string_equal(ask(SEED_OTHER, POOL, NULL, NULL), "");
	assert_string_equal(ask(SEED_OTHER, NULL, SEED_A, NULL), "");
}

static void today_is_today_there(void **state)
{
	const char *today;

	(void)state;
	assert_non_null(strstr(ask(SEED_WS, NULL, SEED_A, NULL), "a today Europe/Paris cap 40"));
	today = pgtest_value(admin, "select (now() at time zone 'Europe/Paris')::date");
	assert_non_null(strstr(ask(SEED_WS, NULL, SEED_A, today), "a today Europe/Paris cap 40"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_day_is_as_its_window_says),
		cmocka_unit_test(the_members_of_a_pool_in_order),
		cmocka_unit_test(today_is_today_there),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
