#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"

/* What pg does with transactions: values, order, failures, ceilings. */

static const struct pg_stmt one = { "one", "select 1" };
static const struct pg_stmt two = { "two", "select 2" };
static const struct pg_stmt zero = { "zero", "select 1 / (select 0)" };
static const struct pg_stmt wrong = { "wrong", "select no_such_column" };

/* Values ------------------------------------------------------------------- */

struct values {
	struct pg_tx tx;
	struct pg_bench *b;
	void (*look)(const struct pg_answer *a);
};

static void on_values(struct pg_tx *tx, const struct pg_answer *a)
{
	struct values *v = container_of(tx, struct values, tx);

	assert_string_equal(a->outcome.said, "");
	assert_true(outcome_ok(&a->outcome));
	v->look(a);
	pg_bench_happened(v->b);
}

static void look_at_types(const struct pg_answer *a)
{
	struct buf bytes = { .max = 16 };

	assert_int_equal(pg_rows(a, 0), 1);
	assert_string_equal(pg_row_text(a, 0, 0, 0), "it's");
	assert_true(pg_row_i64(a, 0, 0, 1) == INT64_MIN + 1);
	assert_int_equal(pg_row_bytes(a, 0, 0, 2, &bytes), 0);
	assert_int_equal(bytes.len, 4);
	assert_memory_equal(bytes.data, "\0\xff'\n", 4);
	assert_true(pg_row_bool(a, 0, 0, 3));
	assert_string_equal(pg_row_text(a, 0, 0, 4), "6f0c0000-0000-4000-8000-000000000001");
	assert_string_equal(pg_row_text(a, 0, 0, 5), "{\"a\": [1]}");
	assert_true(pg_row_time(a, 0, 0, 6) == 1700000000123456);
	assert_true(pg_row_double(a, 0, 0, 7) == 0.1);
	assert_string_equal(pg_row_text(a, 0, 0, 8), "a\xef\xbf\xbd"
						     "b");
	assert_string_equal(pg_row_text(a, 0, 0, 9), "");
	buf_clear(&bytes);

	assert_true(pg_row_is_null(a, 1, 0, 0));
	assert_string_equal(pg_row_text(a, 1, 0, 0), "");
	assert_true(pg_row_time(a, 1, 0, 1) == INT64_MIN);
	assert_true(pg_row_is_null(a, 1, 0, 2));
	assert_string_equal(pg_row_text(a, 1, 0, 3), "6f0c0000-0000-4000-8000-0000000000aa");
	assert_string_equal(pg_row_text(a, 1, 0, 4), "abcd");
	assert_false(pg_row_bool(a, 1, 0, 5));
}

static void values_arrive_as_they_left(void **state)
{
	static const struct pg_stmt all = {
		"all", "select $1::text, $2::bigint, $3::bytea, $4::boolean, $5::uuid,"
		       " $6::jsonb, (extract(epoch from $7::timestamptz) * 1000000)::bigint,"
		       " $8::double precision, $9::text, $10::text"
	};
	static const struct pg_stmt nulls = {
		"nulls", "select $1::text, (extract(epoch from $2::timestamptz) * 1000000)::bigint,"
			 " $3::uuid, current_setting('replyd.workspace'),"
			 " current_setting('replyd.presented'), $4::boolean"
	};
	struct pg_bench b;
	struct values v = { .b = &b, .look = look_at_types };

	(void)state;
	pg_bench_open(&b, pgtest_database("types"));
	pg_tx_init(&v.tx, "6f0c0000-0000-4000-8000-0000000000aa");
	v.tx.presented = "abcd";
	pg_tx_add(&v.tx, &all, "tibBujTdxx", "it's", INT64_MIN + 1, "\0\xff'\n", (size_t)4, 1,
		  "6f0c0000-0000-4000-8000-000000000001", "{\"a\":[1]}", INT64_C(1700000000123456),
		  0.1, TEXT("a\0b"), (struct text){ NULL, 0 });
	pg_tx_add(&v.tx, &nulls, "tTuB", NULL, INT64_MIN, NULL, 0);
	assert_int_equal(pg_tx_start(b.pg, &v.tx, on_values), 0);
	pg_bench_run(&b, 2);
	pg_bench_close(&b);
}

static void look_at_workspace(const struct pg_answer *a)
{
	assert_string_equal(pg_row_text(a, 0, 0, 0), "");
}

static void a_workspace_ends_with_its_transaction(void **state)
{
	static const struct pg_stmt which = { "which",
					      "select coalesce(workspace_now()::text, '')" };
	struct pg_bench b;
	struct pg_bench_ask a = { .b = &b, .name = "set" };
	struct values v = { .b = &b, .look = look_at_workspace };

	(void)state;
	pg_bench_open(&b, pgtest_database("ends"));
	pg_tx_init(&a.tx, "6f0c0000-0000-4000-8000-0000000000aa");
	pg_tx_add(&a.tx, &which, "");
	assert_int_equal(pg_tx_start(b.pg, &a.tx, pg_bench_on_asked), 0);
	pg_tx_init(&v.tx, NULL);
	pg_tx_add(&v.tx, &which, "");
	assert_int_equal(pg_tx_start(b.pg, &v.tx, on_values), 0);
	pg_bench_run(&b, 3);
	assert_string_equal(b.said, "set=6f0c0000-0000-4000-8000-0000000000aa ");
	pg_bench_close(&b);
}

/* Order -------------------------------------------------------------------- */

static void answers_come_in_order(void **state)
{
	struct pg_bench b;
	struct pg_bench_ask a[3] = { 0 };

	(void)state;
	pg_bench_open(&b, pgtest_database("in_order"));
	pg_bench_ask(&a[0], &b, "a", &one); /* before it is up: it waits */
	pg_bench_ask(&a[1], &b, "b", &two);
	pg_bench_ask(&a[2], &b, "c", &one);
	assert_string_equal(b.said, "");
	pg_bench_run(&b, 4);
	assert_string_equal(b.said, "a=1 b=2 c=1 ");
	assert_int_equal(b.ups, 1);
	pg_bench_ask(&a[0], &b, "d", &two); /* and when it is up, not from inside the start */
	assert_string_equal(b.said, "a=1 b=2 c=1 ");
	pg_bench_run(&b, 1);
	assert_string_equal(b.said, "a=1 b=2 c=1 d=2 ");
	pg_bench_close(&b);
}

struct many {
	struct pg_tx tx;
	struct pg_bench *b;
	int number;
};

static void on_many(struct pg_tx *tx, const struct pg_answer *a)
{
	struct many *m = container_of(tx, struct many, tx);

	assert_true(outcome_ok(&a->outcome));
	assert_int_equal(pg_row_i64(a, 0, 0, 0), m->number);
	assert_int_equal(m->number, m->b->happened);
	pg_bench_happened(m->b);
}

#define MANY 1000
static void more_than_fit_into_the_pipeline(void **state)
{
	static const struct pg_stmt same = { "same", "select $1::bigint" };
	struct pg_bench b;
	struct many *m = mem_new(MANY * sizeof(*m));

	(void)state;
	pg_bench_open(&b, pgtest_database("many"));
	pg_bench_run(&b, 1);
	for (int i = 0; i < MANY; i++) {
		m[i].b = &b;
		m[i].number = i;
		pg_tx_init(&m[i].tx, NULL);
		pg_tx_add(&m[i].tx, &same, "i", (int64_t)i);
		assert_int_equal(pg_tx_start(b.pg, &m[i].tx, on_many), 0);
	}
	pg_bench_run(&b, MANY);
	pg_bench_close(&b);
	mem_cleanup(&m);
}

/* More bytes both ways than any socket buffer holds: a client that only writes would wait for ever.
 */
static void both_sides_write_at_once(void **state)
{
	static const struct pg_stmt back = { "back", "select $1::bigint, $2::text" };
	struct pg_bench b;
	struct many *m = mem_new(100 * sizeof(*m));
	char *large = mem_new(500001);

	(void)state;
	memset(large, 'x', 500000);
	pg_bench_open(&b, pgtest_database("back"));
	pg_bench_run(&b, 1);
	for (int i = 0; i < 100; i++) {
		m[i].b = &b;
		m[i].number = i;
		pg_tx_init(&m[i].tx, NULL);
		pg_tx_add(&m[i].tx, &back, "it", (int64_t)i, large);
		assert_int_equal(pg_tx_start(b.pg, &m[i].tx, on_many), 0);
	}
	pg_bench_run(&b, 100);
	pg_bench_close(&b);
	mem_cleanup(&large);
	mem_cleanup(&m);
}

/* Failures ----------------------------------------------------------------- */

static void start_with(struct pg_bench_ask *a, struct pg_bench *b, const char *name,
		       const struct pg_stmt *first, const struct pg_stmt *second,
		       const struct pg_stmt *third)
{
	a->b = b;
	a->name = name;
	pg_tx_init(&a->tx, NULL);
	pg_tx_add(&a->tx, first, "");
	if (second)
		pg_tx_add(&a->tx, second, "");
	if (third)
		pg_tx_add(&a->tx, third, "");
	assert_int_equal(pg_tx_start(b->pg, &a->tx, pg_bench_on_asked), 0);
}

static const struct pg_stmt put = { "put", "insert into kept values (1)" };
static const struct pg_stmt put_again = { "put_again", "insert into kept values (1)" };
static const struct pg_stmt put_late = { "put_late", "insert into late values (1), (1)" };
static const struct pg_stmt kept = { "kept", "select count(*) from kept" };

static void a_failure_undoes_its_transaction_and_no_other(void **state)
{
	static const struct {
		const char *name;
		const struct pg_stmt *st[3];
		const char *said;
	} rows[] = {
		{ "first fails", { &zero, &put, NULL }, "x!us:22012 n=0 " },
		{ "last fails", { &put, &zero, NULL }, "x!us:22012 n=0 " },
		{ "middle fails", { &put, &zero, &one }, "x!us:22012 n=0 " },
		{ "cannot be prepared", { &put, &wrong, NULL }, "x!us:42703 n=0 " },
		{ "duplicate", { &put, &put_again, NULL }, "x!us:23505 n=0 " },
		{ "fails at commit", { &put, &put_late, NULL }, "x!us:23505 n=0 " },
		{ "alone, fails", { &zero, NULL, NULL }, "x!us:22012 n=0 " },
		{ "alone, cannot be prepared", { &wrong, NULL, NULL }, "x!us:42703 n=0 " },
		{ "alone, fails at commit", { &put_late, NULL, NULL }, "x!us:23505 n=0 " },
	};
	struct pg_bench b;
	struct session *s = pgtest_session(pgtest_database("undone"), PGTEST_ADMIN);
	struct pg_bench_ask a = { 0 }, n = { 0 };

	(void)state;
	pgtest_exec(s, "create table replyd.kept (n int primary key);"
		       "create table replyd.late (n int unique deferrable initially deferred);"
		       "grant all on replyd.kept, replyd.late to replyd_api");
	pg_bench_open(&b, "undone");
	pg_bench_run(&b, 1);
	for (size_t i = 0; i < countof(rows); i++)
		for (int again = 0; again < 2;
		     again++) { /* what is prepared the second time is known to be wrong */
			b.said[0] = '\0';
			start_with(&a, &b, "x", rows[i].st[0], rows[i].st[1], rows[i].st[2]);
			pg_bench_ask(&n, &b, "n", &kept);
			pg_bench_run(&b, 2);
			if (strcmp(b.said, rows[i].said) != 0)
				fail_msg("%s: %s", rows[i].name, b.said);
		}
	assert_int_equal(b.downs, 0);
	pg_bench_close(&b);
	session_close(s);
}

static void a_statement_that_failed_is_prepared_anew(void **state)
{
	static const struct pg_stmt later = { "later", "select n from replyd.later" };
	struct pg_bench b;
	struct session *s = pgtest_session(pgtest_database("anew"), PGTEST_ADMIN);
	struct pg_bench_ask a = { 0 }, c = { 0 };

	(void)state;
	pg_bench_open(&b, "anew");
	/* Both under way at once: the second counts on the first's preparation. */
	pg_bench_ask(&a, &b, "a", &later);
	pg_bench_ask(&c, &b, "c", &later);
	pg_bench_run(&b, 3);
	pgtest_exec(s, "create table replyd.later (n int); insert into replyd.later values (7);"
		       "grant select on replyd.later to replyd_api");
	pg_bench_ask(&a, &b, "a", &later);
	pg_bench_run(&b, 1);
	assert_string_equal(b.said, "a!us:42P01 c!us:42P01 a=7 ");
	pg_bench_close(&b);
	session_close(s);
}

static void a_changed_table_costs_a_connection_not_the_process(void **state)
{
	static const struct pg_stmt all = { "all_of_it", "select * from replyd.changing" };
	struct pg_bench b;
	struct session *s = pgtest_session(pgtest_database("changing"), PGTEST_ADMIN);
	struct pg_bench_ask a = { 0 };

	(void)state;
	pgtest_exec(s,
		    "create table replyd.changing (n int); insert into replyd.changing values (7);"
		    "grant select on replyd.changing to replyd_api");
	pg_bench_open(&b, "changing");
	pg_bench_ask(&a, &b, "a", &all);
	pg_bench_run(&b, 2);
	pgtest_exec(s, "alter table replyd.changing alter n type text using 'seven'");
	pg_bench_ask(&a, &b, "b", &all);
	pg_bench_run(&b, 3); /* the answer, down, up */
	pg_bench_ask(&a, &b, "c", &all);
	pg_bench_run(&b, 1);
	assert_string_equal(b.said, "a=7 b!refused:0A000 c=seven ");
	assert_string_equal(b.down.what, "the schema has changed");
	pg_bench_close(&b);
	session_close(s);
}

static void who_is_to_blame(void **state)
{
	static const struct {
		const char *name;
		struct pg_stmt stmt;
		const char *said;
	} rows[] = {
		{ "not allowed", { "b1", "select * from inbox_grant" }, "x!auth:42501 " },
		{ "lease lost", { "b2", "select raise_it('RP001')" }, "x!us:RP001 " },
		{ "deadlock", { "b3", "select raise_it('40P01')" }, "x!refused:40P01 " },
		{ "serialization", { "b4", "select raise_it('40001')" }, "x!refused:40001 " },
		{ "lock timeout", { "b5", "select raise_it('55P03')" }, "x!refused:55P03 " },
		{ "statement timeout", { "b6", "select raise_it('57014')" }, "x!refused:57014 " },
		{ "disk full", { "b7", "select raise_it('53100')" }, "x!refused:53100 " },
		{ "bad value", { "b8", "select 'x'::int" }, "x!us:22P02 " },
	};
	struct pg_bench b;
	struct session *s = pgtest_session(pgtest_database("blame"), PGTEST_ADMIN);
	struct pg_bench_ask a = { 0 };

	(void)state;
	pgtest_exec(s,
		    "create function replyd.raise_it(code text) returns void language plpgsql as "
		    "$$ begin raise exception 'as asked' using errcode = code; end $$;"
		    "grant execute on function replyd.raise_it(text) to replyd_api");
	pg_bench_open(&b, "blame");
	pg_bench_run(&b, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		b.said[0] = '\0';
		pg_bench_ask(&a, &b, "x", &rows[i].stmt);
		pg_bench_run(&b, 1);
		if (strcmp(b.said, rows[i].said) != 0)
			fail_msg("%s: %s", rows[i].name, b.said);
	}
	pg_bench_close(&b);
	session_close(s);
}

/* Ceilings ----------------------------------------------------------------- */

static void huge_results_are_refused(void **state)
{
	static const struct pg_stmt huge = {
		"huge", "select repeat('x', 1000000) from generate_series(1, 45)"
	};
	struct pg_bench b;
	struct pg_bench_ask a = { 0 }, c = { 0 };

	(void)state;
	pg_bench_open(&b, pgtest_database("huge"));
	pg_bench_ask(&a, &b, "a", &huge);
	pg_bench_ask(&c, &b, "c", &one);
	pg_bench_run(&b, 3);
	assert_string_equal(b.said, "a!us:54000 c=1 ");
	pg_bench_close(&b);
}

static void large_values_and_full_queues_are_refused(void **state)
{
	static const struct pg_stmt size = { "size", "select length($1::text), length($2::text)" };
	struct pg_bench b;
	struct many *m = mem_new((LIMIT_PG_QUEUE + 1) * sizeof(*m));
	char *large = mem_new(LIMIT_PG_PARAMS + 1);
	struct pg_tx tx;

	(void)state;
	memset(large, 'x', LIMIT_PG_PARAMS);
	pg_bench_open_as(&b, pgtest_conninfo("no_such_database", "replyd_api"), NULL);
	pg_tx_init(&tx, NULL);
	pg_tx_add(&tx, &size, "tt", large, "");
	assert_int_equal(pg_tx_start(b.pg, &tx, pg_bench_on_asked), -EMSGSIZE);
	pg_tx_init(&tx, NULL);
	pg_tx_add(&tx, &size, "tt", "", large);
	assert_int_equal(pg_tx_start(b.pg, &tx, pg_bench_on_asked), -EMSGSIZE);
	for (int i = 0; i <= LIMIT_PG_QUEUE; i++) {
		pg_tx_init(&m[i].tx, NULL);
		pg_tx_add(&m[i].tx, &size, "tt", "a", "b");
		assert_int_equal(pg_tx_start(b.pg, &m[i].tx, on_many),
				 i < LIMIT_PG_QUEUE ? 0 : -ENOBUFS);
	}
	pg_drop(b.pg);
	pg_tx_init(&tx, NULL);
	pg_tx_add(&tx, &one, "");
	assert_int_equal(pg_tx_start(b.pg, &tx, pg_bench_on_asked), -ESHUTDOWN);
	pg_bench_close(&b);
	mem_cleanup(&large);
	mem_cleanup(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_arrive_as_they_left),
		cmocka_unit_test(a_workspace_ends_with_its_transaction),
		cmocka_unit_test(answers_come_in_order),
		cmocka_unit_test(more_than_fit_into_the_pipeline),
		cmocka_unit_test(both_sides_write_at_once),
		cmocka_unit_test(a_failure_undoes_its_transaction_and_no_other),
		cmocka_unit_test(a_statement_that_failed_is_prepared_anew),
		cmocka_unit_test(a_changed_table_costs_a_connection_not_the_process),
		cmocka_unit_test(who_is_to_blame),
		cmocka_unit_test(huge_results_are_refused),
		cmocka_unit_test(large_values_and_full_queues_are_refused),
	};

	/* Lost connections are what these tests are about. */
	log_setup("test", LOG_ERROR, LOG_KEY_VALUE);
	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
