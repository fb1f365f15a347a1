#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/probe.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* A question for a fresh proof: asked by the API, heard and answered by the worker it is for. */

#define PROBE_A "70000000-0000-4000-8000-00000000000a"
#define PROBE_B "70000000-0000-4000-8000-00000000000b"

static struct pg_bench worker, api;
static struct session *admin;
static char heard[400];

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("probe");
	admin = seed_session("probe", PGTEST_ADMIN);
	pg_bench_open_as(&worker, pgtest_conninfo("probe", "replyd_ingest"),
			 pgtest_password("replyd_ingest"));
	pg_bench_run(&worker, 1);
	pg_bench_open(&api, "probe");
	pg_bench_run(&api, 1);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	pg_bench_close(&worker);
	pg_bench_close(&api);
	session_close(admin);
	return 0;
}

static void on_asked(struct probe_ask *q)
{
	assert_true(outcome_ok(&q->outcome));
	pg_bench_happened(&api);
}

static bool ask(const char *workspace, const char *inbox, const char *probe)
{
	struct probe_ask q = { 0 };

	assert_int_equal(probe_ask_start(api.pg, &q, workspace, inbox, probe, on_asked), 0);
	pg_bench_run(&api, 1);
	return q.is_there;
}

static void on_each(struct probe_list *q, const struct probe_asked *p)
{
	(void)q;
	(void)snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "%s%c of %c",
		       heard[0] ? " " : "", p->probe[35], p->inbox[35]);
}

static void on_listed(struct probe_list *q)
{
	assert_true(outcome_ok(&q->outcome));
	pg_bench_happened(&worker);
}

static const char *listed(const char *who)
{
	struct probe_list q = { 0 };

	heard[0] = '\0';
	assert_int_equal(probe_list_start(worker.pg, &q, who, on_each, on_listed), 0);
	pg_bench_run(&worker, 1);
	return heard;
}

static void on_answered(struct probe_answers *q)
{
	assert_true(outcome_ok(&q->outcome));
	pg_bench_happened(&worker);
}

static void answer(const struct probe_answer *answers, size_t n)
{
	struct probe_answers q = { 0 };

	assert_int_equal(probe_answers_start(worker.pg, &q, answers, n, on_answered), 0);
	pg_bench_run(&worker, 1);
}

static void on_read(struct probe_read *q)
{
	assert_true(outcome_ok(&q->outcome));
	pg_bench_happened(&api);
}

/* When it was answered, how far: INT64_MIN when not. */
static int64_t answered(const char *workspace, const char *probe)
{
	struct probe_read q = { 0 };
	int64_t us;

	assert_int_equal(probe_read_start(api.pg, &q, workspace, probe, on_read), 0);
	pg_bench_run(&api, 1);
	us = q.is_answered ? q.gated_through_us : INT64_MIN;
	if (q.is_answered)
		assert_non_null(strstr((const char *)q.covers.data, "\"role\": \"inbox\""));
	probe_read_clear(&q);
	return us;
}

static int64_t asked_us(const char *probe)
{
	const char *text = pgtest_value(admin,
					"select (extract(epoch from asked_at) * 1000000)::bigint "
					"from probe where probe_id = '%s'",
					probe);
	long long us = 0;

	assert_int_equal(sscanf(text, "%lld", &us), 1);
	return us;
}

static void set_out(void)
{
	pgtest_exec(admin,
		    "delete from probe; delete from inbox_proof; update lease set epoch = 1, "
		    "worker_id = '" SEED_WORKER "';"
		    "insert into inbox_proof (workspace_id, inbox_id, epoch, gated_through)"
		    " select workspace_id, inbox_id, 1, now() - interval '1 minute' from "
		    "inbox");
}

static void who_holds_the_inbox_hears_it(void **state)
{
	(void)state;
	set_out();
	assert_true(ask(SEED_WS, SEED_A, PROBE_A));
	assert_true(ask(SEED_OTHER, SEED_C, PROBE_B));
	assert_string_equal(listed(SEED_WORKER), "a of a b of c");
	assert_string_equal(listed(SEED_A), ""); /* another one */
	pgtest_exec(admin,
		    "update probe set asked_at = now() - interval '61 s' where probe_id = '" PROBE_A
		    "'");
	assert_string_equal(listed(SEED_WORKER), "b of c");
	pgtest_exec(admin, "update probe set answered_at = now(), gated_through = now()");
	assert_string_equal(listed(SEED_WORKER), "");
}

static void nobody_asks_about_anothers_inbox(void **state)
{
	(void)state;
	set_out();
	assert_false(ask(SEED_OTHER, SEED_A, PROBE_A));
	assert_string_equal(listed(SEED_WORKER), "");
	assert_true(ask(SEED_WS, SEED_A, PROBE_A));
	pgtest_exec(admin, "update probe set answered_at = now(), gated_through = now()");
	assert_true(answered(SEED_OTHER, PROBE_A) == INT64_MIN);
	assert_true(answered(SEED_WS, PROBE_A) != INT64_MIN);
}

/* The worker's clock does not matter: the proof began after the question, and is over. */
static void an_answer_lies_between_question_and_now(void **state)
{
	static const struct {
		const char *name;
		int64_t off_us;
		int64_t epoch;
		bool counts;
	} rows[] = {
		{ "clocks agree", 0, 1, true },
		{ "the worker is behind", -INT64_C(3600000000), 1, true },
		{ "the worker is ahead", INT64_C(3600000000), 1, true },
		{ "its lease is lost", 0, 2, false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct probe_answer a = { .probe = PROBE_A,
					  .inbox = SEED_A,
					  .epoch = rows[i].epoch };
		int64_t us;

		set_out();
		assert_true(ask(SEED_WS, SEED_A, PROBE_A));
		assert_true(answered(SEED_WS, PROBE_A) == INT64_MIN);
		a.gated_through_us = clock_unix_us() + rows[i].off_us;
		answer(&a, 1);
		us = answered(SEED_WS, PROBE_A);
		if ((us != INT64_MIN) != rows[i].counts)
			fail_msg("%s: %s", rows[i].name, us != INT64_MIN ? "counts" : "is nothing");
		if (rows[i].counts && (us < asked_us(PROBE_A) || us > clock_unix_us() + 1000000))
			fail_msg("%s: %lld", rows[i].name, (long long)us);
		/* It is a proof like others. */
		if (strcmp(pgtest_value(
				   admin,
				   "select p.gated_through = b.gated_through from inbox_proof p "
				   "join probe b using (inbox_id)"),
			   rows[i].counts ? "t" : "") != 0)
			fail_msg("%s: the watermark", rows[i].name);
	}
}

static void two_questions_one_proof(void **state)
{
	struct probe_answer a[] = { { .probe = PROBE_A, .inbox = SEED_A, .epoch = 1 },
				    { .probe = PROBE_B, .inbox = SEED_A, .epoch = 1 } };

	(void)state;
	set_out();
	assert_true(ask(SEED_WS, SEED_A, PROBE_A));
	assert_true(ask(SEED_WS, SEED_A, PROBE_B));
	a[0].gated_through_us = a[1].gated_through_us = clock_unix_us();
	answer(a, 2);
	answer(a, 2); /* again, as after a connection that broke */
	assert_true(answered(SEED_WS, PROBE_A) != INT64_MIN);
	assert_true(answered(SEED_WS, PROBE_B) != INT64_MIN);
}

/* Who asks about an inbox that nobody watches, or that waits for somebody, need not wait too. */
static void where_nobody_can_answer_it_is_said(void **state)
{
	static const struct {
		const char *name, *admin, *worker, *state, *reason;
		bool is_hopeless;
		const char *says;
	} rows[] = {
		{ "watched", "enabled", "'" SEED_WORKER "'", "live", "", false, "live " },
		{ "just taken", "enabled", "'" SEED_WORKER "'", "unwatched", "enabled", false,
		  "new " },
		{ "for a while", "enabled", "'" SEED_WORKER "'", "backing_off", "network", false,
		  "backing_off network" },
		{ "held", "enabled", "'" SEED_WORKER "'", "held", "no_starttls", true,
		  "held no_starttls" },
		{ "consent", "enabled", "'" SEED_WORKER "'", "reauth_required", "token_refused",
		  true, "reauth_required token_refused" },
		{ "consent, and no worker", "enabled", "null", "reauth_required", "token_refused",
		  true, "reauth_required token_refused" },
		{ "paused", "paused", "null", "unwatched", "paused", true, "paused " },
		{ "paused just now", "paused", "'" SEED_WORKER "'", "live", "", true, "paused " },
		{ "no worker", "enabled", "null", "unwatched", "", true, "unwatched " },
		{ "its worker is gone", "enabled", "null", "live", "", true, "unwatched " },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct probe_read q = { 0 };
		char says[120];

		set_out();
		assert_true(ask(SEED_WS, SEED_A, PROBE_A));
		pgtest_exec(admin, "update inbox set admin_state = '%s'", rows[i].admin);
		pgtest_exec(admin, "update lease set worker_id = %s", rows[i].worker);
		pgtest_exec(admin, "update inbox_state set state = '%s', reason = '%s'",
			    rows[i].state, rows[i].reason);
		assert_int_equal(probe_read_start(api.pg, &q, SEED_WS, PROBE_A, on_read), 0);
		pg_bench_run(&api, 1);
		(void)snprintf(says, sizeof(says), "%s %s", q.state, q.reason);
		if (q.is_hopeless != rows[i].is_hopeless || strcmp(says, rows[i].says) != 0)
			fail_msg("%s: %d %s", rows[i].name, q.is_hopeless, says);
		probe_read_clear(&q);
	}
	pgtest_exec(admin, "update inbox set admin_state = 'enabled'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_holds_the_inbox_hears_it),
		cmocka_unit_test(nobody_asks_about_anothers_inbox),
		cmocka_unit_test(an_answer_lies_between_question_and_now),
		cmocka_unit_test(two_questions_one_proof),
		cmocka_unit_test(where_nobody_can_answer_it_is_said),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
