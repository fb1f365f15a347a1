#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/timeline.h"
#include "db/view.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* The history of an inbox: written by workers in batches, read page by page, forgotten by months.
 */

static struct pg_bench writer, reader;
static struct session *admin;

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("timeline");
	admin = seed_session("timeline", PGTEST_ADMIN);
	pg_bench_open_as(&writer, pgtest_conninfo("timeline", "replyd_ingest"),
			 pgtest_password("replyd_ingest"));
	pg_bench_run(&writer, 1);
	pg_bench_open(&reader, "timeline");
	pg_bench_run(&reader, 1);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	pg_bench_close(&writer);
	pg_bench_close(&reader);
	session_close(admin);
	return 0;
}

static void on_put(struct timeline_put *q)
{
	assert_true(outcome_ok(&q->outcome));
	pg_bench_happened(&writer);
}

static void put(const struct timeline_note *notes, size_t n)
{
	struct timeline_put q = { 0 };

	assert_int_equal(timeline_put_start(writer.pg, &q, notes, n, on_put), 0);
	pg_bench_run(&writer, 1);
}

static struct timeline_note note(const char *workspace, const char *inbox, int64_t at_us,
				 const char *words)
{
	struct timeline_note n = { .at_us = at_us, .code = "bye" };

	(void)snprintf(n.workspace, sizeof(n.workspace), "%s", workspace);
	(void)snprintf(n.inbox, sizeof(n.inbox), "%s", inbox);
	(void)snprintf(n.words, sizeof(n.words), "%s", words);
	return n;
}

static void on_seen(struct view *v)
{
	assert_true(outcome_ok(&v->outcome));
	pg_bench_happened(&reader);
}

/* One page; NULL: there is no such inbox. */
static json_t *page(const char *workspace, const char *inbox, const struct view_page *p)
{
	struct view v = { 0 };
	json_t *j = NULL;

	assert_int_equal(view_timeline_start(reader.pg, &v, workspace, inbox, p, on_seen), 0);
	pg_bench_run(&reader, 1);
	if (v.found)
		j = json_loadb((const char *)v.json.data, v.json.len, 0, NULL);
	view_clear(&v);
	return j;
}

/* "3 2 1": words of all pages of this size, newest first. */
static const char *pages(int64_t size)
{
	static char line[400];
	struct view_page p = { INT64_MAX, INT64_MAX, size };
	const char *next;

	line[0] = '\0';
	do {
		cleanup_json json_t *j = page(SEED_WS, SEED_A, &p);
		const json_t *l;
		size_t i;

		json_array_foreach(json_object_get(j, "lines"), i, l)(void) snprintf(
			line + strlen(line), sizeof(line) - strlen(line), "%s%s",
			line[0] ? " " : "", json_string_value(json_object_get(l, "words")));
		next = json_string_value(json_object_get(j, "next"));
		if (next) {
			char *dot;

			p.before_us = strtoll(next, &dot, 10);
			assert_int_equal(*dot, '.');
			p.before_line = strtoll(dot + 1, NULL, 10);
		} else {
			p.limit = 0;
		}
	} while (p.limit);
	return line;
}

static void every_line_is_on_one_page(void **state)
{
	int64_t now_us = clock_unix_us();
	/* Three within one microsecond, as a batch has them, and one of another inbox. */
	const struct timeline_note notes[] = {
		note(SEED_WS, SEED_A, now_us - 3000000, "1"),
		note(SEED_WS, SEED_A, now_us - 2000000, "2"),
		note(SEED_WS, SEED_B, now_us - 2000000, "b"),
		note(SEED_WS, SEED_A, now_us - 2000000, "3"),
		note(SEED_WS, SEED_A, now_us - 2000000, "4"),
		note(SEED_OTHER, SEED_C, now_us - 2000000, "c"),
		note(SEED_WS, SEED_A, now_us - 1000000, "5"),
	};

	(void)state;
	put(notes, countof(notes));
	for (int64_t size = 1; size <= 6; size++)
		assert_string_equal(pages(size), "5 4 3 2 1");
}

static void another_workspace_sees_nothing(void **state)
{
	const struct view_page p = { INT64_MAX, INT64_MAX, 10 };
	cleanup_json json_t *j = page(SEED_OTHER, SEED_C, &p);

	(void)state;
	assert_null(page(SEED_OTHER, SEED_A, &p));
	assert_int_equal(json_array_size(json_object_get(j, "lines")), 1);
}

/* A worker's clock may be wrong; the order of what it tells is not. */
static void a_wrong_clock_moves_nothing_far(void **state)
{
	int64_t now_us = clock_unix_us();
	const struct timeline_note notes[] = {
		note(SEED_WS, SEED_B, now_us - INT64_C(400) * 86400 * 1000000, "ancient"),
		note(SEED_WS, SEED_B, now_us + INT64_C(400) * 86400 * 1000000, "of the future"),
	};

	(void)state;
	put(notes, countof(notes));
	assert_string_equal(
		"t", pgtest_value(admin, "select bool_and(noted_at between now() - interval '1 day "
					 "1 minute' and now()) from timeline"));
	/* Everything went where its month is. */
	assert_string_equal("0", pgtest_value(admin, "select count(*) from timeline_default"));
}

static void old_months_are_dropped_as_a_whole(void **state)
{
	struct session *rotation = pgtest_session("timeline", "replyd_rotation");

	(void)state;
	pgtest_exec(admin, "set role replyd_owner;"
			   "create table timeline_2020_01 partition of timeline for values from "
			   "('2020-01-01 00:00+00') to ('2020-02-01 00:00+00');"
			   "create table timeline_2020_02 partition of timeline for values from "
			   "('2020-02-01 00:00+00') to ('2020-03-01 00:00+00');"
			   "reset role");
	pgtest_exec(rotation, "set search_path = replyd, pg_temp");
	pgtest_exec(rotation, "call timeline_forget(now() - '2020-02-29 23:00+00')");
	assert_string_equal("timeline_2020_02",
			    pgtest_value(admin, "select string_agg(relname, ' ') from pg_class "
						"where relname like 'timeline\\_2020\\___' and "
						"relkind = 'r'"));
	pgtest_exec(rotation, "call timeline_forget(now() - '2020-03-01 01:00+00')");
	assert_string_equal("0", pgtest_value(admin, "select count(*) from pg_class where relname "
						     "like 'timeline\\_2020\\___' and relkind = "
						     "'r'"));
	assert_string_equal("t", pgtest_value(admin, "select count(*) > 4 from timeline"));
	session_close(rotation);
}

/* ---- what an inbox was sent ---- */

static struct timeline_note sent(const char *inbox, int64_t at_us, const char *commands)
{
	struct timeline_note n = note(SEED_WS, inbox, at_us, commands);

	(void)snprintf(n.code, sizeof(n.code), TIMELINE_COMMANDS);
	return n;
}

/* Once for each command, with the first time and the last; no line of the history. */
static void commands_are_kept(void **state)
{
	int64_t now_us = clock_unix_us();
	const struct timeline_note first[] = {
		sent(SEED_A, now_us - 30000000, "LOGIN, EXAMINE"),
		sent(SEED_B, now_us - 30000000, "LOGIN"),
		sent(SEED_A, now_us - 20000000, "EXAMINE, UID FETCH"),
	};
	const struct timeline_note second[] = { sent(SEED_A, now_us - 10000000, "EXAMINE, IDLE") };

	(void)state;
	put(first, countof(first));
	put(second, countof(second));
	assert_string_equal(
		pgtest_value(admin, "select string_agg(c.key || ' ' || round(extract(epoch from"
				    " (c.value->>'last_at')::timestamptz - (c.value->>'first_at')"
				    "::timestamptz)), ', ' order by c.key) from inbox_commands,"
				    " jsonb_each(commands) c where inbox_id = '" SEED_A "'"),
		"EXAMINE 20, IDLE 0, LOGIN 0, UID FETCH 0");
	assert_string_equal(
		pgtest_value(admin, "select string_agg(k, ',') from inbox_commands,"
				    " jsonb_object_keys(commands) k where inbox_id = '" SEED_B "'"),
		"LOGIN");
	assert_string_equal(
		pgtest_value(admin, "select count(*) from timeline where code = 'commands'"), "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_is_on_one_page),
		cmocka_unit_test(another_workspace_sees_nothing),
		cmocka_unit_test(a_wrong_clock_moves_nothing_far),
		cmocka_unit_test(old_months_are_dropped_as_a_whole),
		cmocka_unit_test(commands_are_kept),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
