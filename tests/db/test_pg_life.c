#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"

/* What becomes of pg: cancelled, dropped, lost, found again, refused; and what it hears. */

static const struct pg_stmt one = { "one", "select 1" };
static const struct pg_stmt two = { "two", "select 2" };
static const struct pg_stmt pid = { "pid", "select pg_backend_pid()" };
static const struct pg_stmt nap = { "nap", "select pg_sleep(0.2)" };
static const struct pg_stmt die = { "die", "select pg_terminate_backend(pg_backend_pid())" };

/* Cancel and drop ---------------------------------------------------------- */

static void cancel_others(struct pg_bench_ask *a)
{
	struct pg_bench_ask *all = a - 1;

	pg_tx_cancel(&all[0].tx); /* answered */
	pg_tx_cancel(&all[1].tx); /* this one */
	pg_tx_cancel(&all[2].tx); /* sent */
	pg_tx_cancel(&all[2].tx);
}

static void cancelled_ones_are_not_answered(void **state)
{
	struct pg_bench b;
	struct pg_bench_ask a[4] = { 0 };
	struct pg_tx zeroed = { 0 };

	(void)state;
	pg_tx_cancel(&zeroed);
	pg_bench_open(&b, pgtest_database("cancelled"));
	pg_bench_ask(&a[0], &b, "a", &one);
	pg_bench_ask(&a[1], &b, "b", &one);
	pg_tx_cancel(&a[0].tx); /* queued */
	pg_bench_run(&b, 2);
	assert_string_equal(b.said, "b=1 ");
	b.said[0] = '\0';
	for (int i = 0; i < 4; i++)
		pg_bench_ask(&a[i], &b, (const char *[]){ "a", "b", "c", "d" }[i], &one);
	a[1].then = cancel_others;
	pg_bench_run(&b, 3);
	assert_string_equal(b.said, "a=1 b=1 d=1 ");
	pg_bench_close(&b);
}

static void start_again(struct pg_bench_ask *a)
{
	a->then = NULL;
	pg_bench_ask(a, a->b, "again", &two);
}

static void a_callback_may_start_its_request_again(void **state)
{
	struct pg_bench b;
	struct pg_bench_ask a = { .then = start_again };

	(void)state;
	pg_bench_open(&b, pgtest_database("again"));
	pg_bench_ask(&a, &b, "first", &one);
	pg_bench_run(&b, 3);
	assert_string_equal(b.said, "first=1 again=2 ");
	pg_bench_close(&b);
}

static void drop_it(struct pg_bench_ask *a)
{
	pg_drop(a->b->pg);
	pg_drop(a->b->pg);
	a->b->pg = NULL;
}

static void a_drop_forgets_what_is_under_way(void **state)
{
	struct pg_bench b;
	struct pg_bench_ask *a = mem_new(200 * sizeof(*a));

	(void)state;
	pg_bench_open(&b, pgtest_database("dropped"));
	pg_bench_run(&b, 1);
	a[3].then = drop_it;
	for (int i = 0; i < 200; i++)
		pg_bench_ask(&a[i], &b, "a", &one);
	pg_bench_run(&b, 4);
	assert_string_equal(b.said, "a=1 a=1 a=1 a=1 ");
	for (int i = 0; i < 200; i++)
		pg_tx_cancel(&a[i].tx);
	mem_cleanup(&a);
	pg_bench_close(&b);
	assert_int_equal(b.downs, 0);
}

static void drop_while_connecting(void **state)
{
	struct pg_bench b;
	struct pg_bench_ask a = { 0 };

	(void)state;
	pg_bench_open(&b, pgtest_database("early"));
	pg_bench_ask(&a, &b, "a", &one);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	pg_bench_close(&b);
	assert_string_equal(b.said, "");
	assert_int_equal(b.ups + b.downs, 0);
}

/* Lost and found ----------------------------------------------------------- */

static void a_killed_backend_is_replaced(void **state)
{
	struct pg_bench b;
	struct pg_bench_ask a[3] = { 0 };

	(void)state;
	pg_bench_open(&b, pgtest_database("killed"));
	pg_bench_run(&b, 1);
	pg_bench_ask(&a[0], &b, "a", &one);
	pg_bench_run(&b, 1);
	pg_bench_ask(&a[1], &b, "b", &die);
	pg_bench_ask(&a[2], &b, "c", &one);
	pg_bench_run(&b, 3); /* two answers, down */
	/* Its last words reach us, unless the reset of the socket was faster. */
	assert_true(strcmp(b.said, "a=1 b!net:57P01 c!net: ") == 0 ||
		    strcmp(b.said, "a=1 b!net: c!net: ") == 0);
	assert_int_equal(b.downs, 1);
	assert_int_equal(b.down.blame, BLAME_NET);
	assert_false(pg_is_up(b.pg));
	assert_true(pg_up_since_ms(b.pg) == 0);
	pg_bench_ask(&a[0], &b, "d", &one);
	pg_bench_run(&b, 2); /* up, answer */
	assert_non_null(strstr(b.said, " c!net: d=1 "));
	assert_true(pg_up_since_ms(b.pg) > 0 && pg_up_since_ms(b.pg) <= clock_mono_ms());
	pg_bench_close(&b);
}

static void an_idle_backend_that_is_killed_is_replaced(void **state)
{
	struct pg_bench b;
	struct session *s = pgtest_session(pgtest_database("idle_killed"), PGTEST_ADMIN);
	struct pg_bench_ask a = { 0 };

	(void)state;
	pg_bench_open(&b, "idle_killed");
	pg_bench_run(&b, 1);
	pgtest_exec(s, "select pg_terminate_backend(pid) from pg_stat_activity where usename = "
		       "'replyd_api'"
		       " and datname = 'idle_killed'");
	pg_bench_run(&b, 2); /* down, up */
	pg_bench_ask(&a, &b, "a", &one);
	pg_bench_run(&b, 1);
	assert_string_equal(b.said, "a=1 ");
	pg_bench_close(&b);
	session_close(s);
}

static void a_stopped_server_is_waited_for(void **state)
{
	struct pg_bench b;
	struct pg_bench_ask a[4] = { 0 };

	(void)state;
	pg_bench_open(&b, pgtest_database("stopped"));
	pg_bench_ask(&a[0], &b, "a", &pid);
	pg_bench_run(&b, 2);
	b.said[0] = '\0';
	pg_bench_ask(&a[0], &b, "a", &nap);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	pgtest_server_stop();
	pg_bench_ask(&a[1], &b, "b", &one);
	while (b.downs < 3) /* lost, and two more attempts that fail */
		pg_bench_run_some(&b, 1);
	assert_int_equal(a[0].outcome.blame, BLAME_NET);
	pg_bench_ask(&a[2], &b, "c", &two); /* it waits as well */
	pgtest_server_go();
	while (b.ups < 2)
		pg_bench_run_some(&b, 1);
	while (!strstr(b.said, "c="))
		pg_bench_run_some(&b, 1);
	/* b was started while the connection still seemed to stand: lost with it, or in time for
	 * the next one. */
	assert_non_null(strstr(b.said, "b"));
	assert_non_null(strstr(b.said, "a!net:"));
	assert_non_null(strstr(b.said, "c=2 "));
	pg_bench_close(&b);
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
	struct pg_bench b;

	(void)state;
	secret_set_text(&bad, TEXT("not the password"));
	for (size_t i = 0; i < countof(rows); i++) {
		pg_bench_open_as(&b, pgtest_conninfo(rows[i].database, rows[i].role),
				 rows[i].no_password ? &bad : NULL);
		pg_bench_run(&b, 1);
		if (b.ups || b.down.blame != rows[i].blame)
			fail_msg("%s: %s: %s", rows[i].name, outcome_blame_name(b.down.blame),
				 b.down.said);
		pg_bench_close(&b);
	}
	pg_bench_open_as(&b, "host=/nonexistent user=replyd_api", &bad);
	pg_bench_run(&b, 2); /* it keeps trying */
	assert_int_equal(b.down.blame, BLAME_NET);
	pg_bench_close(&b);
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
	struct pg_bench b;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(conninfo, sizeof(conninfo), "host=localhost port=%d user=x",
		       ntohs(at.sin_port));
	pg_bench_open_as(&b, conninfo, NULL);
	do {
		timer_in(&b.limit, 20000);
		(void)uv_run(&b.loop.uv, UV_RUN_ONCE);
		caller = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	} while (caller < 0);
	(void)close(caller);
	(void)close(listener);
	pg_bench_run(&b, 1);
	assert_int_equal(b.downs, 1);
	assert_int_equal(b.down.blame, BLAME_NET);
	pg_bench_close(&b);
	assert_int_equal(b.ups, 0);

	/* Given up while the name is looked up. */
	pg_bench_open_as(&b, conninfo, NULL);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	(void)uv_run(&b.loop.uv, UV_RUN_NOWAIT);
	pg_bench_close(&b);
	assert_int_equal(b.ups, 0); /* a quick name server may have led us to the closed port */
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
	struct pg_bench b;
	struct pg_bench_ask a = { 0 };

	(void)state;
	pg_bench_open(&b, pgtest_database("settings"));
	pg_bench_ask(&a, &b, "a", &show);
	pg_bench_run(&b, 2);
	assert_string_equal(b.said, "a=15s 10s 10s replyd, pg_temp test_pg UTF8 UTC ");
	pg_bench_close(&b);
}

/* Hints -------------------------------------------------------------------- */

static void hints_are_heard_and_coalesced(void **state)
{
	struct pg_bench b;
	struct pg_params p = { .application = "other", .owner = &b, .on_up = pg_bench_on_up };
	struct pg *other;

	(void)state;
	pg_bench_open(&b, pgtest_database("hints"));
	pg_listen(b.pg, "replyd_event", pg_bench_on_heard, &b); /* before it is up */
	pg_bench_run(&b, 1);
	pg_listen(b.pg, "replyd_token", pg_bench_on_heard, &b); /* and after */
	p.conninfo = pgtest_conninfo("hints", "replyd_broker");
	p.password = pgtest_password("replyd_broker");
	assert_int_equal(pg_open(&b.loop, &p, &other), 0);
	pg_notify(other, "replyd_event"); /* it is not up: nobody hears */
	pg_bench_run(&b, 1);

	for (int i = 0; i < 100; i++)
		pg_notify(b.pg, "replyd_event");
	pg_bench_run(&b, 1);
	assert_int_equal(b.heards, 1);

	/* Another process: two channels at once, and one that nobody listens to. */
	pg_notify(other, "replyd_token");
	pg_notify(other, "replyd_event");
	pg_notify(other, "replyd_unheard");
	pg_bench_run(&b, 2);
	assert_int_equal(b.heards, 3);
	pg_drop(other);
	pg_bench_close(&b);
}

static void a_new_connection_listens_too(void **state)
{
	struct pg_bench b;
	struct session *s = pgtest_session(pgtest_database("listens"), PGTEST_ADMIN);
	struct pg_bench_ask a = { 0 };

	(void)state;
	pg_bench_open(&b, "listens");
	pg_listen(b.pg, "replyd_event", pg_bench_on_heard, &b);
	pg_listen(b.pg, "replyd_event", pg_bench_on_heard, &b); /* two who want to know */
	pg_bench_run(&b, 1);
	pg_bench_ask(&a, &b, "a", &die);
	pg_bench_run(&b, 3); /* answer, down, up */
	pgtest_exec(s, "notify replyd_event");
	pg_bench_run(&b, 2);
	assert_int_equal(b.heards, 2);
	pg_bench_close(&b);
	session_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
