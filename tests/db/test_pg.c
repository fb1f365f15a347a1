#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/pg.h"
#include "db/session.h"
#include "tests/db/pgtest.h"

/*
 * A bench: a loop, a pg, and a limit of time after which the test has failed.
 * A test starts things, runs the loop until `wanted` of them have happened, and
 * looks at what was said, in order.
 */
struct bench {
	struct loop loop;
	struct pg *pg;
	struct timer limit;
	int ups, downs, heards;
	struct outcome down;
	int happened, wanted;
	char said[4096]; /* "a=1 b=2 " */
	const char *database;
};

static void finish(struct bench *b)
{
	pg_drop(b->pg);
	timer_drop(&b->limit, NULL);
	loop_stop(&b->loop);
}

static void happened(struct bench *b)
{
	if (++b->happened == b->wanted)
		uv_stop(&b->loop.uv);
}

static void on_limit(struct timer *t)
{
	struct bench *b = container_of(t, struct bench, limit);

	fail_msg("waited too long; happened %d of %d; said: %s", b->happened, b->wanted, b->said);
}

static void on_up(void *owner)
{
	struct bench *b = owner;

	b->ups++;
	happened(b);
}

static void on_down(void *owner, const struct outcome *why)
{
	struct bench *b = owner;

	b->downs++;
	b->down = *why;
	happened(b);
}

static void on_heard(void *owner)
{
	struct bench *b = owner;

	b->heards++;
	happened(b);
}

/* At least so many: one turn of the loop may bring more. */
static void run_some(struct bench *b, int wanted)
{
	b->happened = 0;
	b->wanted = wanted;
	timer_in(&b->limit, 20000);
	(void)uv_run(&b->loop.uv, UV_RUN_DEFAULT);
	assert_true(b->happened >= wanted);
}

static void run(struct bench *b, int wanted)
{
	run_some(b, wanted);
	assert_int_equal(b->happened, wanted);
}

static void open_as(struct bench *b, const char *conninfo, const struct secret *password)
{
	const struct pg_params p = { .conninfo = conninfo,
				     .password = password,
				     .application = "test_pg",
				     .owner = b,
				     .on_up = on_up,
				     .on_down = on_down };

	memset(b, 0, sizeof(*b));
	loop_init(&b->loop, NULL, b);
	timer_open(&b->limit, &b->loop, on_limit);
	assert_int_equal(pg_open(&b->loop, &p, &b->pg), 0);
}

static void open_bench(struct bench *b, const char *database)
{
	open_as(b, pgtest_conninfo(database, "replyd_api"), pgtest_password("replyd_api"));
	b->database = database;
}

static void close_bench(struct bench *b)
{
	finish(b);
	loop_run(&b->loop);
	loop_clear(&b->loop);
}

/* A transaction that says "name=value" of its last statement's first cell, or "name!sqlstate". */
struct ask {
	struct pg_tx tx;
	struct bench *b;
	const char *name;
	struct outcome outcome;
	void (*then)(struct ask *a);
};

static void on_asked(struct pg_tx *tx, const struct pg_answer *a)
{
	struct ask *ask = container_of(tx, struct ask, tx);
	struct bench *b = ask->b;
	size_t at = strlen(b->said);

	ask->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, a->n - 1) > 0)
		snprintf(b->said + at, sizeof(b->said) - at, "%s=%s ", ask->name,
			 pg_row_text(a, a->n - 1, 0, 0));
	else if (outcome_ok(&a->outcome))
		snprintf(b->said + at, sizeof(b->said) - at, "%s ", ask->name);
	else
		snprintf(b->said + at, sizeof(b->said) - at, "%s!%s:%s ", ask->name,
			 outcome_blame_name(a->outcome.blame), a->sqlstate);
	if (ask->then)
		ask->then(ask);
	happened(b);
}

static void ask(struct ask *a, struct bench *b, const char *name, const struct pg_stmt *stmt)
{
	a->b = b;
	a->name = name;
	pg_tx_init(&a->tx, NULL);
	pg_tx_add(&a->tx, stmt, "");
	assert_int_equal(pg_tx_start(b->pg, &a->tx, on_asked), 0);
}

static const struct pg_stmt one = { "one", "select 1" };
static const struct pg_stmt two = { "two", "select 2" };
static const struct pg_stmt zero = { "zero", "select 1 / (select 0)" };
static const struct pg_stmt wrong = { "wrong", "select no_such_column" };
static const struct pg_stmt pid = { "pid", "select pg_backend_pid()" };
static const struct pg_stmt nap = { "nap", "select pg_sleep(0.2)" };
static const struct pg_stmt die = { "die", "select pg_terminate_backend(pg_backend_pid())" };

/* Values ------------------------------------------------------------------- */

struct values {
	struct pg_tx tx;
	struct bench *b;
	void (*look)(const struct pg_answer *a);
};

static void on_values(struct pg_tx *tx, const struct pg_answer *a)
{
	struct values *v = container_of(tx, struct values, tx);

	assert_string_equal(a->outcome.said, "");
	assert_true(outcome_ok(&a->outcome));
	v->look(a);
	happened(v->b);
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
	struct bench b;
	struct values v = { .b = &b, .look = look_at_types };

	(void)state;
	open_bench(&b, pgtest_database("types"));
	pg_tx_init(&v.tx, "6f0c0000-0000-4000-8000-0000000000aa");
	strcpy(v.tx.presented, "abcd");
	pg_tx_add(&v.tx, &all, "tibBujTdxx", "it's", INT64_MIN + 1, "\0\xff'\n", (size_t)4, 1,
		  "6f0c0000-0000-4000-8000-000000000001", "{\"a\":[1]}", INT64_C(1700000000123456),
		  0.1, TEXT("a\0b"), (struct text){ NULL, 0 });
	pg_tx_add(&v.tx, &nulls, "tTuB", NULL, INT64_MIN, NULL, 0);
	assert_int_equal(pg_tx_start(b.pg, &v.tx, on_values), 0);
	run(&b, 2);
	close_bench(&b);
}

static void look_at_workspace(const struct pg_answer *a)
{
	assert_string_equal(pg_row_text(a, 0, 0, 0), "");
}

static void a_workspace_ends_with_its_transaction(void **state)
{
	static const struct pg_stmt which = { "which",
					      "select coalesce(workspace_now()::text, '')" };
	struct bench b;
	struct ask a = { .b = &b, .name = "set" };
	struct values v = { .b = &b, .look = look_at_workspace };

	(void)state;
	open_bench(&b, pgtest_database("ends"));
	pg_tx_init(&a.tx, "6f0c0000-0000-4000-8000-0000000000aa");
	pg_tx_add(&a.tx, &which, "");
	assert_int_equal(pg_tx_start(b.pg, &a.tx, on_asked), 0);
	pg_tx_init(&v.tx, NULL);
	pg_tx_add(&v.tx, &which, "");
	assert_int_equal(pg_tx_start(b.pg, &v.tx, on_values), 0);
	run(&b, 3);
	assert_string_equal(b.said, "set=6f0c0000-0000-4000-8000-0000000000aa ");
	close_bench(&b);
}

/* Order -------------------------------------------------------------------- */

static void answers_come_in_order(void **state)
{
	struct bench b;
	struct ask a[3] = { 0 };

	(void)state;
	open_bench(&b, pgtest_database("in_order"));
	ask(&a[0], &b, "a", &one); /* before it is up: it waits */
	ask(&a[1], &b, "b", &two);
	ask(&a[2], &b, "c", &one);
	assert_string_equal(b.said, "");
	run(&b, 4);
	assert_string_equal(b.said, "a=1 b=2 c=1 ");
	assert_int_equal(b.ups, 1);
	ask(&a[0], &b, "d", &two); /* and when it is up, not from inside the start */
	assert_string_equal(b.said, "a=1 b=2 c=1 ");
	run(&b, 1);
	assert_string_equal(b.said, "a=1 b=2 c=1 d=2 ");
	close_bench(&b);
}

struct many {
	struct pg_tx tx;
	struct bench *b;
	int number;
};

static void on_many(struct pg_tx *tx, const struct pg_answer *a)
{
	struct many *m = container_of(tx, struct many, tx);

	assert_true(outcome_ok(&a->outcome));
	assert_int_equal(pg_row_i64(a, 0, 0, 0), m->number);
	assert_int_equal(m->number, m->b->happened);
	happened(m->b);
}

#define MANY 1000
static void more_than_fit_into_the_pipeline(void **state)
{
	static const struct pg_stmt same = { "same", "select $1::bigint" };
	struct bench b;
	struct many *m = mem_new(MANY * sizeof(*m));

	(void)state;
	open_bench(&b, pgtest_database("many"));
	run(&b, 1);
	for (int i = 0; i < MANY; i++) {
		m[i].b = &b;
		m[i].number = i;
		pg_tx_init(&m[i].tx, NULL);
		pg_tx_add(&m[i].tx, &same, "i", (int64_t)i);
		assert_int_equal(pg_tx_start(b.pg, &m[i].tx, on_many), 0);
	}
	run(&b, MANY);
	close_bench(&b);
	mem_cleanup(&m);
}

/* More bytes both ways than any socket buffer holds: a client that only writes would wait for ever.
 */
static void both_sides_write_at_once(void **state)
{
	static const struct pg_stmt back = { "back", "select $1::bigint, $2::text" };
	struct bench b;
	struct many *m = mem_new(100 * sizeof(*m));
	char *large = mem_new(500001);

	(void)state;
	memset(large, 'x', 500000);
	open_bench(&b, pgtest_database("back"));
	run(&b, 1);
	for (int i = 0; i < 100; i++) {
		m[i].b = &b;
		m[i].number = i;
		pg_tx_init(&m[i].tx, NULL);
		pg_tx_add(&m[i].tx, &back, "it", (int64_t)i, large);
		assert_int_equal(pg_tx_start(b.pg, &m[i].tx, on_many), 0);
	}
	run(&b, 100);
	close_bench(&b);
	mem_cleanup(&large);
	mem_cleanup(&m);
}

/* Failures ----------------------------------------------------------------- */

static void start_with(struct ask *a, struct bench *b, const char *name,
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
	assert_int_equal(pg_tx_start(b->pg, &a->tx, on_asked), 0);
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
	};
	struct bench b;
	struct session *s = pgtest_session(pgtest_database("undone"), PGTEST_ADMIN);
	struct ask a = { 0 }, n = { 0 };

	(void)state;
	pgtest_exec(s, "create table replyd.kept (n int primary key);"
		       "create table replyd.late (n int unique deferrable initially deferred);"
		       "grant all on replyd.kept, replyd.late to replyd_api");
	open_bench(&b, "undone");
	run(&b, 1);
	for (size_t i = 0; i < countof(rows); i++)
		for (int again = 0; again < 2;
		     again++) { /* what is prepared the second time is known to be wrong */
			b.said[0] = '\0';
			start_with(&a, &b, "x", rows[i].st[0], rows[i].st[1], rows[i].st[2]);
			ask(&n, &b, "n", &kept);
			run(&b, 2);
			if (strcmp(b.said, rows[i].said) != 0)
				fail_msg("%s: %s", rows[i].name, b.said);
		}
	assert_int_equal(b.downs, 0);
	close_bench(&b);
	session_close(s);
}

static void a_statement_that_failed_is_prepared_anew(void **state)
{
	static const struct pg_stmt later = { "later", "select n from replyd.later" };
	struct bench b;
	struct session *s = pgtest_session(pgtest_database("anew"), PGTEST_ADMIN);
	struct ask a = { 0 }, c = { 0 };

	(void)state;
	open_bench(&b, "anew");
	/* Both under way at once: the second counts on the first's preparation. */
	ask(&a, &b, "a", &later);
	ask(&c, &b, "c", &later);
	run(&b, 3);
	pgtest_exec(s, "create table replyd.later (n int); insert into replyd.later values (7);"
		       "grant select on replyd.later to replyd_api");
	ask(&a, &b, "a", &later);
	run(&b, 1);
	assert_string_equal(b.said, "a!us:42P01 c!us:42P01 a=7 ");
	close_bench(&b);
	session_close(s);
}

static void a_changed_table_costs_a_connection_not_the_process(void **state)
{
	static const struct pg_stmt all = { "all_of_it", "select * from replyd.changing" };
	struct bench b;
	struct session *s = pgtest_session(pgtest_database("changing"), PGTEST_ADMIN);
	struct ask a = { 0 };

	(void)state;
	pgtest_exec(s,
		    "create table replyd.changing (n int); insert into replyd.changing values (7);"
		    "grant select on replyd.changing to replyd_api");
	open_bench(&b, "changing");
	ask(&a, &b, "a", &all);
	run(&b, 2);
	pgtest_exec(s, "alter table replyd.changing alter n type text using 'seven'");
	ask(&a, &b, "b", &all);
	run(&b, 3); /* the answer, down, up */
	ask(&a, &b, "c", &all);
	run(&b, 1);
	assert_string_equal(b.said, "a=7 b!refused:0A000 c=seven ");
	assert_string_equal(b.down.what, "the schema has changed");
	close_bench(&b);
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
	struct bench b;
	struct session *s = pgtest_session(pgtest_database("blame"), PGTEST_ADMIN);
	struct ask a = { 0 };

	(void)state;
	pgtest_exec(s,
		    "create function replyd.raise_it(code text) returns void language plpgsql as "
		    "$$ begin raise exception 'as asked' using errcode = code; end $$;"
		    "grant execute on function replyd.raise_it(text) to replyd_api");
	open_bench(&b, "blame");
	run(&b, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		b.said[0] = '\0';
		ask(&a, &b, "x", &rows[i].stmt);
		run(&b, 1);
		if (strcmp(b.said, rows[i].said) != 0)
			fail_msg("%s: %s", rows[i].name, b.said);
	}
	close_bench(&b);
	session_close(s);
}

/* Ceilings ----------------------------------------------------------------- */

static void huge_results_are_refused(void **state)
{
	static const struct pg_stmt huge = {
		"huge", "select repeat('x', 1000000) from generate_series(1, 45)"
	};
	struct bench b;
	struct ask a = { 0 }, c = { 0 };

	(void)state;
	open_bench(&b, pgtest_database("huge"));
	ask(&a, &b, "a", &huge);
	ask(&c, &b, "c", &one);
	run(&b, 3);
	assert_string_equal(b.said, "a!us:54000 c=1 ");
	close_bench(&b);
}

static void large_values_and_full_queues_are_refused(void **state)
{
	static const struct pg_stmt size = { "size", "select length($1::text), length($2::text)" };
	struct bench b;
	struct many *m = mem_new((LIMIT_PG_QUEUE + 1) * sizeof(*m));
	char *large = mem_new(LIMIT_PG_PARAMS + 1);
	struct pg_tx tx;

	(void)state;
	memset(large, 'x', LIMIT_PG_PARAMS);
	open_as(&b, pgtest_conninfo("no_such_database", "replyd_api"), NULL);
	pg_tx_init(&tx, NULL);
	pg_tx_add(&tx, &size, "tt", large, "");
	assert_int_equal(pg_tx_start(b.pg, &tx, on_asked), -EMSGSIZE);
	pg_tx_init(&tx, NULL);
	pg_tx_add(&tx, &size, "tt", "", large);
	assert_int_equal(pg_tx_start(b.pg, &tx, on_asked), -EMSGSIZE);
	for (int i = 0; i <= LIMIT_PG_QUEUE; i++) {
		pg_tx_init(&m[i].tx, NULL);
		pg_tx_add(&m[i].tx, &size, "tt", "a", "b");
		assert_int_equal(pg_tx_start(b.pg, &m[i].tx, on_many),
				 i < LIMIT_PG_QUEUE ? 0 : -ENOBUFS);
	}
	pg_drop(b.pg);
	pg_tx_init(&tx, NULL);
	pg_tx_add(&tx, &one, "");
	assert_int_equal(pg_tx_start(b.pg, &tx, on_asked), -ESHUTDOWN);
	close_bench(&b);
	mem_cleanup(&large);
	mem_cleanup(&m);
}

/* Cancel and drop ---------------------------------------------------------- */

static void cancel_others(struct ask *a)
{
	struct ask *all = a - 1;

	pg_tx_cancel(&all[0].tx); /* answered */
	pg_tx_cancel(&all[1].tx); /* this one */
	pg_tx_cancel(&all[2].tx); /* sent */
	pg_tx_cancel(&all[2].tx);
}

static void cancelled_ones_are_not_answered(void **state)
{
	struct bench b;
	struct ask a[4] = { 0 };
	struct pg_tx zeroed = { 0 };

	(void)state;
	pg_tx_cancel(&zeroed);
	open_bench(&b, pgtest_database("cancelled"));
	ask(&a[0], &b, "a", &one);
	ask(&a[1], &b, "b", &one);
	pg_tx_cancel(&a[0].tx); /* queued */
	run(&b, 2);
	assert_string_equal(b.said, "b=1 ");
	b.said[0] = '\0';
	for (int i = 0; i < 4; i++)
		ask(&a[i], &b, (const char *[]){ "a", "b", "c", "d" }[i], &one);
	a[1].then = cancel_others;
	run(&b, 3);
	assert_string_equal(b.said, "a=1 b=1 d=1 ");
	close_bench(&b);
}

static void start_again(struct ask *a)
{
	a->then = NULL;
	ask(a, a->b, "again", &two);
}

static void a_callback_may_start_its_request_again(void **state)
{
	struct bench b;
	struct ask a = { .then = start_again };

	(void)state;
	open_bench(&b, pgtest_database("again"));
	ask(&a, &b, "first", &one);
	run(&b, 3);
	assert_string_equal(b.said, "first=1 again=2 ");
	close_bench(&b);
}

static void drop_it(struct ask *a)
{
	pg_drop(a->b->pg);
	pg_drop(a->b->pg);
	a->b->pg = NULL;
}

static void a_drop_forgets_what_is_under_way(void **state)
{
	struct bench b;
	struct ask *a = mem_new(200 * sizeof(*a));

	(void)state;
	open_bench(&b, pgtest_database("dropped"));
	run(&b, 1);
	a[3].then = drop_it;
	for (int i = 0; i < 200; i++)
		ask(&a[i], &b, "a", &one);
	run(&b, 4);
	assert_string_equal(b.said, "a=1 a=1 a=1 a=1 ");
	for (int i = 0; i < 200; i++)
		pg_tx_cancel(&a[i].tx);
	mem_cleanup(&a);
	close_bench(&b);
	assert_int_equal(b.downs, 0);
}

static void drop_while_connecting(void **state)
{
	struct bench b;
	struct ask a = { 0 };

	(void)state;
	open_bench(&b, pgtest_database("early"));
	ask(&a, &b, "a", &one);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	close_bench(&b);
	assert_string_equal(b.said, "");
	assert_int_equal(b.ups + b.downs, 0);
}

/* Lost and found ----------------------------------------------------------- */

static void a_killed_backend_is_replaced(void **state)
{
	struct bench b;
	struct ask a[3] = { 0 };

	(void)state;
	open_bench(&b, pgtest_database("killed"));
	run(&b, 1);
	ask(&a[0], &b, "a", &one);
	ask(&a[1], &b, "b", &die);
	ask(&a[2], &b, "c", &one);
	run(&b, 4); /* three answers, down */
	assert_string_equal(b.said, "a=1 b!net:57P01 c!net: ");
	assert_int_equal(b.downs, 1);
	assert_int_equal(b.down.blame, BLAME_NET);
	assert_false(pg_is_up(b.pg));
	assert_true(pg_up_since_ms(b.pg) == 0);
	ask(&a[0], &b, "d", &one);
	run(&b, 2); /* up, answer */
	assert_string_equal(b.said, "a=1 b!net:57P01 c!net: d=1 ");
	assert_true(pg_up_since_ms(b.pg) > 0 && pg_up_since_ms(b.pg) <= clock_mono_ms());
	close_bench(&b);
}

static void an_idle_backend_that_is_killed_is_replaced(void **state)
{
	struct bench b;
	struct session *s = pgtest_session(pgtest_database("idle_killed"), PGTEST_ADMIN);
	struct ask a = { 0 };

	(void)state;
	open_bench(&b, "idle_killed");
	run(&b, 1);
	pgtest_exec(s, "select pg_terminate_backend(pid) from pg_stat_activity where usename = "
		       "'replyd_api'"
		       " and datname = 'idle_killed'");
	run(&b, 2); /* down, up */
	ask(&a, &b, "a", &one);
	run(&b, 1);
	assert_string_equal(b.said, "a=1 ");
	close_bench(&b);
	session_close(s);
}

static void a_stopped_server_is_waited_for(void **state)
{
	struct bench b;
	struct ask a[4] = { 0 };

	(void)state;
	open_bench(&b, pgtest_database("stopped"));
	ask(&a[0], &b, "a", &pid);
	run(&b, 2);
	b.said[0] = '\0';
	ask(&a[0], &b, "a", &nap);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	pgtest_server_stop();
	ask(&a[1], &b, "b", &one);
	while (b.downs < 3) /* lost, and two more attempts that fail */
		run_some(&b, 1);
	assert_int_equal(a[0].outcome.blame, BLAME_NET);
	ask(&a[2], &b, "c", &two); /* it waits as well */
	pgtest_server_go();
	while (b.ups < 2)
		run_some(&b, 1);
	while (!strstr(b.said, "c="))
		run_some(&b, 1);
	/* b was started while the connection still seemed to stand: lost with it, or in time for
	 * the next one. */
	assert_non_null(strstr(b.said, "b"));
	assert_non_null(strstr(b.said, "a!net:"));
	assert_non_null(strstr(b.said, "c=2 "));
	close_bench(&b);
}

static void refusals_are_told_from_failures(void **state)
{
	static const struct {
		const char *name, *database, *role;
		bool no_password;
		enum blame blame;
	} rows[] = {
		{ "wrong password", "postgres", "replyd_api", true, BLAME_AUTH },
		{ "unknown role", "postgres", "nobody_of_ours", true, BLAME_AUTH },
		{ "owner cannot log in", "postgres", "replyd_owner", true, BLAME_AUTH },
		{ "unknown database", "no_such_database", PGTEST_ADMIN, false, BLAME_US },
	};
	struct secret bad = { 0 };
	struct bench b;

	(void)state;
	secret_set_text(&bad, TEXT("not the password"));
	for (size_t i = 0; i < countof(rows); i++) {
		open_as(&b, pgtest_conninfo(rows[i].database, rows[i].role),
			rows[i].no_password ? &bad : NULL);
		run(&b, 1);
		if (b.ups || b.down.blame != rows[i].blame)
			fail_msg("%s: %s: %s", rows[i].name, outcome_blame_name(b.down.blame),
				 b.down.said);
		close_bench(&b);
	}
	open_as(&b, "host=/nonexistent user=replyd_api", &bad);
	run(&b, 2); /* it keeps trying */
	assert_int_equal(b.down.blame, BLAME_NET);
	close_bench(&b);
	secret_clear(&bad);
}

/* By name, looked up outside of the loop; over TCP. */
static void a_host_is_reached_by_its_name(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), caller;
	char conninfo[64];
	struct bench b;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(conninfo, sizeof(conninfo), "host=localhost port=%d user=x",
		       ntohs(at.sin_port));
	open_as(&b, conninfo, NULL);
	do {
		timer_in(&b.limit, 20000);
		(void)uv_run(&b.loop.uv, UV_RUN_ONCE);
		caller = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	} while (caller < 0);
	(void)close(caller);
	(void)close(listener);
	run(&b, 1);
	assert_int_equal(b.downs, 1);
	assert_int_equal(b.down.blame, BLAME_NET);
	close_bench(&b);
	assert_int_equal(b.ups, 0);

	/* Given up while the name is looked up. */
	open_as(&b, conninfo, NULL);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	close_bench(&b);
	assert_int_equal(b.ups + b.downs, 0);
}

static void a_conninfo_must_parse(void **state)
{
	const struct pg_params p = { .conninfo = "postgres//user:secret@host" };
	struct pg *pg = NULL;
	struct loop loop;

	(void)state;
	loop_init(&loop, NULL, NULL);
	assert_int_equal(pg_open(&loop, &p, &pg), -EINVAL);
	assert_null(pg);
	loop_clear(&loop);
}

static void sessions_are_set_up(void **state)
{
	static const struct pg_stmt show = {
		"show_all",
		"select concat_ws(' ', current_setting('statement_timeout'), "
		"current_setting('lock_timeout'),"
		" current_setting('idle_in_transaction_session_timeout'), "
		"current_setting('search_path'),"
		" current_setting('application_name'), current_setting('client_encoding'), "
		"current_setting('timezone'))",
	};
	struct bench b;
	struct ask a = { 0 };

	(void)state;
	open_bench(&b, pgtest_database("settings"));
	ask(&a, &b, "a", &show);
	run(&b, 2);
	assert_string_equal(b.said, "a=15s 10s 10s replyd, pg_temp test_pg UTF8 UTC ");
	close_bench(&b);
}

/* Hints -------------------------------------------------------------------- */

static void hints_are_heard_and_coalesced(void **state)
{
	struct bench b;
	struct pg_params p = { .application = "other", .owner = &b, .on_up = on_up };
	struct pg *other;

	(void)state;
	open_bench(&b, pgtest_database("hints"));
	pg_listen(b.pg, "replyd_event", on_heard, &b); /* before it is up */
	run(&b, 1);
	pg_listen(b.pg, "replyd_token", on_heard, &b); /* and after */
	p.conninfo = pgtest_conninfo("hints", "replyd_broker");
	p.password = pgtest_password("replyd_broker");
	assert_int_equal(pg_open(&b.loop, &p, &other), 0);
	pg_notify(other, "replyd_event"); /* it is not up: nobody hears */
	run(&b, 1);

	for (int i = 0; i < 100; i++)
		pg_notify(b.pg, "replyd_event");
	run(&b, 1);
	assert_int_equal(b.heards, 1);

	/* Another process: two channels at once, and one that nobody listens to. */
	pg_notify(other, "replyd_token");
	pg_notify(other, "replyd_event");
	pg_notify(other, "replyd_unheard");
	run(&b, 2);
	assert_int_equal(b.heards, 3);
	pg_drop(other);
	close_bench(&b);
}

static void a_new_connection_listens_too(void **state)
{
	struct bench b;
	struct session *s = pgtest_session(pgtest_database("listens"), PGTEST_ADMIN);
	struct ask a = { 0 };

	(void)state;
	open_bench(&b, "listens");
	pg_listen(b.pg, "replyd_event", on_heard, &b);
	pg_listen(b.pg, "replyd_event", on_heard, &b); /* two who want to know */
	run(&b, 1);
	ask(&a, &b, "a", &die);
	run(&b, 3); /* answer, down, up */
	pgtest_exec(s, "notify replyd_event");
	run(&b, 2);
	assert_int_equal(b.heards, 2);
	close_bench(&b);
	session_close(s);
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
		cmocka_unit_test(cancelled_ones_are_not_answered),
		cmocka_unit_test(a_callback_may_start_its_request_again),
		cmocka_unit_test(a_drop_forgets_what_is_under_way),
		cmocka_unit_test(drop_while_connecting),
		cmocka_unit_test(a_killed_backend_is_replaced),
		cmocka_unit_test(an_idle_backend_that_is_killed_is_replaced),
		cmocka_unit_test(a_stopped_server_is_waited_for),
		cmocka_unit_test(refusals_are_told_from_failures),
		cmocka_unit_test(a_host_is_reached_by_its_name),
		cmocka_unit_test(a_conninfo_must_parse),
		cmocka_unit_test(sessions_are_set_up),
		cmocka_unit_test(hints_are_heard_and_coalesced),
		cmocka_unit_test(a_new_connection_listens_too),
	};

	/* Lost connections are what these tests are about. */
	log_setup("test", LOG_ERROR, LOG_KEY_VALUE);
	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
