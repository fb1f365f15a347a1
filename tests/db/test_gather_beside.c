/* A group of events that waits for a lock does not hold up the many that wait behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/gather.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/race.h"
#include "tests/db/seed.h"

#define MANY 25 /* more than wait for the one that is under way */

struct one {
	struct gather_ask ask;
	struct pg_bench *b;
	int rows;
	bool is_over;
};

static void on_row(struct gather_ask *q, const struct pg_answer *a, int row)
{
	(void)a;
	(void)row;
	container_of(q, struct one, ask)->rows++;
}

static void on_done(struct gather_ask *q, const struct outcome *o)
{
	struct one *one = container_of(q, struct one, ask);

	assert_true(outcome_ok(o));
	one->is_over = true;
	pg_bench_happened(one->b);
}

/* A verdict about a mail that was never gated: what becomes of it is no matter here. */
static void settle(struct gather *g, struct pg_bench *b, struct one *one, const char *inbox)
{
	struct buf job, item;

	buf_init(&job, LIMIT_PG_PARAMS);
	buf_init(&item, LIMIT_PG_PARAMS);
	text_addf(&job, "\"workspace_id\":\"%s\",\"inbox_id\":\"%s\",\"epoch\":1", SEED_WS, inbox);
	text_addf(&item, "\"message_id\":\"%s\",\"prospect_keys\":[\"pat\"],\"level\":3\n", SEED_A);
	*one = (struct one){ .b = b };
	gather_start(g, &one->ask, GATHER_SETTLE, SEED_WS, &job, &item, 1, on_row, on_done);
}

static void many_do_not_wait_for_one(void **state)
{
	static const struct pg_stmt turn = { "turn", "select 1" };
	struct pg_bench b;
	struct pg_bench_ask turned = { 0 };
	struct pg_params p = { .conninfo = pgtest_conninfo("beside", "replyd_ingest"),
			       .password = pgtest_password("replyd_ingest"),
			       .application = "beside" };
	struct gather_ways ways = { 0 };
	struct gather *g;
	struct race holder;
	struct one first, others[MANY];

	(void)state;
	(void)seed_database("beside");
	pg_bench_open_as(&b, p.conninfo, p.password);
	ways.pg = b.pg;
	assert_int_equal(pg_open(&b.loop, &p, &ways.more_events), 0);
	g = gather_open(&b.loop, &ways);
	pg_bench_run(&b, 1);
	race_open(&holder, "beside", PGTEST_ADMIN);
	race_run(&holder, "begin");
	race_run(&holder, "select 1 from lease where inbox_id = '" SEED_A "' for update");

	settle(g, &b, &first, SEED_A);
	pg_bench_ask(&turned, &b, "turned", &turn);
	pg_bench_run(&b, 1); /* when that is answered, the group has been sent behind it */
	for (int i = 0; i < MANY; i++)
		settle(g, &b, &others[i], SEED_B);
	pg_bench_run(&b, MANY);
	assert_false(first.is_over);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(others[i].rows, 1);
	race_run(&holder, "commit");
	pg_bench_run(&b, 1);
	assert_true(first.is_over);

	race_close(&holder);
	gather_drop(g);
	pg_drop(ways.more_events);
	pg_bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(many_do_not_wait_for_one) };

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
