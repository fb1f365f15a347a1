#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "db/kept_answer.h"
#include "db/upkeep.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* Answers that are given again; tests/scenarios/68-once has them over HTTP. */

#define KEY     "70000000-0000-4000-8000-000000000001"
#define REQUEST "71000000-0000-4000-8000-00000000000"

static struct pg_bench bench, rotation;
static struct session *admin;

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("kept");
	admin = seed_session("kept", PGTEST_ADMIN);
	pg_bench_open(&bench, "kept");
	pg_bench_run(&bench, 1);
	pg_bench_open_as(&rotation, pgtest_conninfo("kept", "replyd_rotation"),
			 pgtest_password("replyd_rotation"));
	pg_bench_run(&rotation, 1);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	pg_bench_close(&bench);
	pg_bench_close(&rotation);
	session_close(admin);
	return 0;
}

static void on_answer(struct kept_answer *k)
{
	(void)k;
	pg_bench_happened(&bench);
}

static struct kept_answer_id id_of(const char *request, char digest, char print)
{
	struct kept_answer_id id = { .workspace = SEED_WS, .api_key = KEY, .request = request };

	memset(id.digest, digest, sizeof(id.digest));
	memset(id.print, print, sizeof(id.print));
	return id;
}

static enum kept_answer_said begin(struct kept_answer *k, const struct kept_answer_id *id)
{
	assert_int_equal(kept_answer_begin(bench.pg, k, id, on_answer), 0);
	pg_bench_run(&bench, 1);
	if (!outcome_ok(&k->outcome))
		fail_msg("%s: %s", k->outcome.what, k->outcome.said);
	return k->said;
}

static void a_request_from_its_beginning_to_its_answer(void **state)
{
	const struct kept_answer_id one = id_of(REQUEST "1", 'a', 'x'),
				    two = id_of(REQUEST "2", 'a', 'x'),
				    other = id_of(REQUEST "3", 'a', 'y');
	cleanup_buf struct buf box = { .max = 64 };
	struct kept_answer k;

	(void)state;
	assert_int_equal(begin(&k, &one), KEPT_ANSWER_NEW);
	kept_answer_clear(&k);
	assert_int_equal(begin(&k, &two), KEPT_ANSWER_BUSY);
	kept_answer_clear(&k);
	/* The second sending cannot speak for the first. */
	assert_int_equal(kept_answer_let_go(bench.pg, &k, &two, on_answer), 0);
	pg_bench_run(&bench, 1);
	assert_int_equal(begin(&k, &two), KEPT_ANSWER_BUSY);
	(void)buf_add(&box, "sealed\0", 7);
	assert_int_equal(kept_answer_keep(bench.pg, &k, &one, 202, &box, on_answer), 0);
	pg_bench_run(&bench, 1);
	kept_answer_clear(&k);
	assert_int_equal(begin(&k, &two), KEPT_ANSWER_KEPT);
	assert_int_equal(k.status, 202);
	assert_int_equal(k.sealed.len, 7);
	assert_memory_equal(k.sealed.data, "sealed\0", 7);
	kept_answer_clear(&k);
	assert_int_equal(begin(&k, &other), KEPT_ANSWER_OTHER);
	kept_answer_clear(&k);
}

static void what_was_let_go_may_be_sent_again(void **state)
{
	const struct kept_answer_id one = id_of(REQUEST "4", 'b', 'x'),
				    other = id_of(REQUEST "5", 'b', 'y');
	struct kept_answer k;

	(void)state;
	assert_int_equal(begin(&k, &one), KEPT_ANSWER_NEW);
	assert_int_equal(kept_answer_let_go(bench.pg, &k, &one, on_answer), 0);
	pg_bench_run(&bench, 1);
	kept_answer_clear(&k);
	assert_int_equal(begin(&k, &other), KEPT_ANSWER_NEW);
	kept_answer_clear(&k);
}

static void on_swept(struct upkeep *q)
{
	(void)q;
	pg_bench_happened(&rotation);
}

static void a_day_later_it_is_gone(void **state)
{
	const struct upkeep_ages ages = { 0 };
	struct upkeep q = { 0 };

	(void)state;
	pgtest_value(admin,
		     "with a as (update replyd.kept_answer set made_at = now() - interval '25 "
		     "hours' where key_digest = decode(repeat('61', 32), 'hex') returning 1)"
		     " select count(*) from a");
	assert_int_equal(upkeep_start(rotation.pg, &q, UPKEEP_ANSWERS, &ages, on_swept), 0);
	pg_bench_run(&rotation, 1);
	assert_true(outcome_ok(&q.outcome));
	assert_int_equal(q.changed, 1);
	assert_string_equal("1", pgtest_value(admin, "select count(*) from replyd.kept_answer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_from_its_beginning_to_its_answer),
		cmocka_unit_test(what_was_let_go_may_be_sent_again),
		cmocka_unit_test(a_day_later_it_is_gone),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
