#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "db/endpoint.h"
#include "db/view.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* What the API shows: its fields are those of docs/interfaces.md, and nobody sees another
 * workspace. */
#define LINK "60000000-0000-4000-8000-000000000001"

static const char rows[] =
	"update inbox_state set state = 'live', reason = '', since = '2026-11-23 09:02:11.123456Z'"
	"  where inbox_id = '" SEED_A "';"
	"update folder set gated_through = '2026-11-23 09:00:00Z', ingested_through = '2026-11-23 "
	"08:59:59.5Z'"
	"  where inbox_id = '" SEED_A "';"
	"insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
	"uidvalidity, uid_gated, uid_ingested,"
	"  gated_through, ingested_through) values ('" SEED_WS "', '" SEED_A
	"', gen_random_uuid(), 'Spam', 'Spam', 'junk', 1, 0, 0,"
	"  '2026-11-23 08:58:00Z', null);"
	"insert into connect_link (workspace_id, connect_link_id, token_digest, provider, "
	"expires_at)"
	"  values ('" SEED_WS "', '" LINK "', sha256('t'), 'p', '2030-01-01Z');"
	"insert into event_key select '" SEED_WS
	"', md5(n::text)::uuid, '2026-11-23 09:00:00Z' from generate_series(1, 5) n;"
	"insert into event (workspace_id, event_id, created_at, type, data)"
	"  select '" SEED_WS "', md5(n::text)::uuid, '2026-11-23 09:00:00Z', 'reply.received', "
	"jsonb_build_object('n', n)"
	"  from generate_series(1, 5) n;"
	"insert into feed (workspace_id, position, event_id, event_created_at)"
	"  select '" SEED_WS
	"', n, md5(n::text)::uuid, '2026-11-23 09:00:00Z' from generate_series(1, 5) n;"
	"insert into attempt (workspace_id, attempt_id, started_at, endpoint_id, event_id, "
	"position, try, status, outcome, took_ms)"
	"  values ('" SEED_WS "', gen_random_uuid(), '2026-11-23 09:00:02Z', '" SEED_ENDPOINT
	"', md5('1')::uuid, 1, 2, 204, 'delivered', 7),"
	"  ('" SEED_WS "', gen_random_uuid(), '2026-11-23 09:00:01Z', '" SEED_ENDPOINT
	"', md5('1')::uuid, 1, 1, 500, 'refused', 9);"
	"insert into delivery (workspace_id, endpoint_id, position, event_id, event_created_at)"
	"  values ('" SEED_WS "', '" SEED_ENDPOINT "', 2, md5('2')::uuid, '2026-11-23 09:00:00Z');";

static struct pg_bench bench;
static struct session *admin;

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("view");
	admin = seed_session("view", PGTEST_ADMIN);
	pgtest_exec(admin, "%s", rows);
	pg_bench_open(&bench, "view");
	pg_bench_run(&bench, 1); /* it is up */
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	pg_bench_close(&bench);
	session_close(admin);
	return 0;
}

static void on_view(struct view *v)
{
	(void)v;
	pg_bench_happened(&bench);
}

/* A page of the feed, read as a view. */
static int view_events(struct pg *pg, struct view *v, const char *workspace, int64_t after,
		       int64_t limit)
{
	static const struct pg_stmt page = {
		"test_view_events",
		"select page from feed_page($1::bigint, null, null, $2::bigint, $2::bigint)",
	};

	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &page, "ii", after, limit);
	return view_begin(pg, v, on_view);
}

static int start(struct view *v, const char *what, const char *workspace, const char *id)
{
	switch (what[0] * 256 + what[1]) {
	case 'i' * 256 + 's':
		return view_inboxes_start(bench.pg, v, workspace, "", 1000, on_view);
	case 'i' * 256 + '1':
		return view_inbox_start(bench.pg, v, workspace, id, on_view);
	case 'p' * 256 + 's':
		return endpoint_list(bench.pg, v, workspace, on_view);
	case 'e' * 256 + 's':
		return view_events(bench.pg, v, workspace, /* after= */ 0, /* limit= */ 100);
	case 'e' * 256 + '1':
		return view_event_start(bench.pg, v, workspace, id, on_view);
	case 'l' * 256 + '1':
		return view_connect_link_start(bench.pg, v, workspace, id, on_view);
	}
	return -1;
}

/* The document, NULL when nothing was found. */
static json_t *see(const char *what, const char *workspace, const char *id)
{
	struct view v = { 0 };
	json_t *j = NULL;

	assert_int_equal(start(&v, what, workspace, id), 0);
	pg_bench_run(&bench, 1);
	if (!outcome_ok(&v.outcome))
		fail_msg("%s: %s %s", what, v.outcome.what, v.outcome.said);
	if (v.found) {
		j = json_loadb((const char *)v.json.data, v.json.len, JSON_DECODE_ANY, NULL);
		assert_non_null(j);
	}
	view_clear(&v);
	return j;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "address folders[gated_through name] id": names of objects, sorted; of an array what its first
 * item has. */
static void name_fields(const json_t *j, struct buf *b)
{
	const char *names[64];
	size_t n = 0;
	const char *name;
	json_t *value;

	if (json_is_array(j))
		j = json_array_get(j, 0);
	json_object_foreach((json_t *)(uintptr_t)j, name, value) names[n++] = name;
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		const json_t *below = json_object_get(j, names[i]);

		text_addf(b, "%s%s", i ? " " : "", names[i]);
		if (strcmp(names[i], "data") != 0 &&
		    (json_is_object(below) || json_is_array(below))) {
			text_addf(b, "(");
			name_fields(below, b);
			text_addf(b, ")");
		}
	}
}

#define INBOX_AS(commands)                                                                         \
	"address admin_state " commands "covers(folders role seen_by seen_every_s) detail"         \
	" folders(gated_through ingested_through name role seen_by seen_every_s) gap"              \
	" grant(dies_at kind reason state) id progress provider reason removal retry_at since"     \
	" smtp(checked_at detail host port reason security state) state"                           \
	" waiting_for watermarks(gated_through ingested_through)"

static void fields_are_those_of_the_reference(void **state)
{
	static const struct {
		const char *what, *id, *fields;
	} views[] = {
		{ "is", NULL, INBOX_AS("") },
		{ "i1", SEED_A, INBOX_AS("commands() ") },
		{ "ps", NULL,
		  "batch concurrency created_at disabled_at etag has_client_certificate "
		  "has_headers "
		  "health(dead failing_since last_failure last_failure_at last_success_at "
		  "lately(attempts delivered took_ms(p50 p95)) owed state) "
		  "hold_for_s id inbox_ids label old_secret_until rate_per_s reason state "
		  "timeout_ms types url" },
		{ "es", NULL, "events(data id position timestamp type) next" },
		{ "e1", "c4ca4238-a0b9-2382-0dcc-509a6f75849b",
		  "attempts(at detail endpoint_id outcome status took_ms try) "
		  "chain(acknowledged delivered logged) data id owed position timestamp type" },
		{ "l1", LINK,
		  "address expires_at id inbox_id offers problem problem_detail provider smtp "
		  "state" },
	};

	(void)state;
	for (size_t i = 0; i < countof(views); i++) {
		cleanup_json json_t *j = see(views[i].what, SEED_WS, views[i].id);
		cleanup_buf struct buf b = { .max = 4096 };

		assert_non_null(j);
		name_fields(j, &b);
		if (strcmp((const char *)b.data, views[i].fields) != 0)
			fail_msg("%s: %s", views[i].what, (const char *)b.data);
	}
}

static void another_workspace_sees_nothing(void **state)
{
	static const struct {
		const char *what, *id, *is; /* NULL: not found */
	} views[] = {
		{ "ps", NULL, "[]" },   { "es", NULL, "{\"events\":[],\"next\":0}" },
		{ "i1", SEED_A, NULL }, { "e1", "c4ca4238-a0b9-2382-0dcc-509a6f75849b", NULL },
		{ "l1", LINK, NULL },
	};
	json_t *inboxes = see("is", SEED_OTHER, NULL);

	(void)state;
	assert_int_equal(json_array_size(inboxes), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(inboxes, 0), "id")),
			    SEED_C);
	json_decref(inboxes);
	for (size_t i = 0; i < countof(views); i++) {
		cleanup_json json_t *j = see(views[i].what, SEED_OTHER, views[i].id);
		cleanup_json json_t *is =
			views[i].is ? json_loads(views[i].is, JSON_DECODE_ANY, NULL) : NULL;

		if (!j != !is || (j && !json_equal(j, is)))
			fail_msg("%s", views[i].what);
	}
}

static const char *text_at(const json_t *j, const char *name)
{
	return json_string_value(json_object_get(j, name));
}

static void an_inbox_is_seen_up_to_its_slowest_folder(void **state)
{
	cleanup_json json_t *a = see("i1", SEED_WS, SEED_A), *b = NULL;
	const json_t *marks = json_object_get(a, "watermarks");

	(void)state;
	assert_string_equal(text_at(a, "since"), "2026-11-23T09:02:11.123456Z");
	assert_string_equal(text_at(marks, "gated_through"), "2026-11-23T08:58:00.000000Z");
	assert_int_equal(json_array_size(json_object_get(a, "folders")), 2);
	assert_string_equal(text_at(a, "waiting_for"), "mail");
	json_decref(a);
	pgtest_exec(admin,
		    "update inbox_state set state = 'catching_up', waiting_for = 'INBOX 3 "
		    "of 9', progress_done = 3, progress_of = 9 where inbox_id = '" SEED_A "'");
	a = see("i1", SEED_WS, SEED_A);
	assert_string_equal(text_at(a, "waiting_for"), "INBOX 3 of 9");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(a, "progress"), "of")),
			 9);
	pgtest_exec(admin, "update inbox_state set state = 'live', waiting_for = '', progress_done "
			   "= null, progress_of = null");
	b = see("i1", SEED_WS, SEED_B);
	marks = json_object_get(b, "watermarks");
	assert_true(json_is_null(json_object_get(marks, "gated_through")));
}

static void a_page_of_the_feed_says_where_the_next_begins(void **state)
{
	static const struct {
		int64_t after, limit;
		size_t n;
		json_int_t first, next;
	} pages[] = {
		{ 0, 2, 2, 1, 2 },
		{ 2, 2, 2, 3, 4 },
		{ 4, 2, 1, 5, 5 },
		{ 5, 2, 0, 0, 5 },
		{ INT64_MAX, 1, 0, 0, INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < countof(pages); i++) {
		struct view v = { 0 };
		json_t *j, *events;

		assert_int_equal(view_events(bench.pg, &v, SEED_WS, pages[i].after, pages[i].limit),
				 0);
		pg_bench_run(&bench, 1);
		j = json_loadb((const char *)v.json.data, v.json.len, 0, NULL);
		events = json_object_get(j, "events");
		assert_int_equal(json_array_size(events), pages[i].n);
		for (size_t k = 0; k < pages[i].n; k++)
			assert_int_equal(json_integer_value(json_object_get(
						 json_array_get(events, k), "position")),
					 pages[i].first + (json_int_t)k);
		assert_int_equal(json_integer_value(json_object_get(j, "next")), pages[i].next);
		json_decref(j);
		view_clear(&v);
	}
}

static void an_event_tells_of_its_attempts_in_order(void **state)
{
	cleanup_json json_t *one = see("e1", SEED_WS, "c4ca4238-a0b9-2382-0dcc-509a6f75849b"),
			    *two = see("e1", SEED_WS, "c81e728d-9d4c-2f63-6f06-7f89cc14862c");
	const json_t *attempts = json_object_get(one, "attempts");

	(void)state;
	assert_int_equal(json_array_size(attempts), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(attempts, 0), "status")),
			 500);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(attempts, 1), "status")),
			 204);
	assert_int_equal(json_integer_value(json_object_get(one, "owed")), 0);
	assert_int_equal(json_integer_value(json_object_get(two, "owed")), 1);
}

static void a_link_nobody_used_has_failed(void **state)
{
	json_t *j;

	(void)state;
	pgtest_exec(admin, "update connect_link set expires_at = now() - interval '1 second'");
	j = see("l1", SEED_WS, LINK);
	assert_string_equal(text_at(j, "state"), "failed");
	assert_string_equal(text_at(j, "problem"), "link_expired");
	json_decref(j);
	pgtest_exec(admin, "update connect_link set state = 'exchanging'");
	j = see("l1", SEED_WS, LINK);
	assert_string_equal(text_at(j, "state"), "exchanging");
	json_decref(j);
}

static void on_created(struct endpoint_call *e)
{
	assert_true(outcome_ok(&e->outcome));
	assert_true(e->is_there);
	assert_string_equal((const char *)e->none.data, "");
	pg_bench_happened(&bench);
}

static void an_endpoint_is_created_with_its_types(void **state)
{
	static const struct endpoint_set set = {
		.fields = "{\"url\": \"https://x.example/\", \"types\": [\"bounce.hard\", "
			  "\"reply.auto\"]}"
	};
	struct endpoint_call e = { 0 };
	cleanup_json json_t *j = NULL;

	(void)state;
	assert_int_equal(endpoint_create_start(bench.pg, &e, SEED_OTHER,
					       "50000000-0000-4000-8000-0000000000aa", &set,
					       "\0box", (size_t)4, on_created),
			 0);
	pg_bench_run(&bench, 1);
	endpoint_call_clear(&e);
	j = see("ps", SEED_OTHER, NULL);
	assert_int_equal(json_array_size(j), 1);
	assert_int_equal(json_array_size(json_object_get(json_array_get(j, 0), "types")), 2);
	assert_string_equal("0062 6f78",
			    pgtest_value(admin,
					 "select regexp_replace(encode(sealed_secret, 'hex'), "
					 "'(....)(....)', '\\1 \\2')"
					 " from endpoint where workspace_id = '" SEED_OTHER "'"));
}

/* Thousands of events: a page comes from the feed's index and the events' keys, whole tables are
 * not read. */
static void a_page_costs_what_it_shows(void **state)
{
	struct pg_bench b;
	struct view v = { 0 };
	char path[256], *log = mem_new(1 << 20);
	const char *plan;
	FILE *f;

	(void)state;
	pgtest_exec(admin, "insert into event (workspace_id, event_id, created_at, type, data)"
			   " select '" SEED_WS
			   "', md5(n::text)::uuid, '2026-11-23 09:00:00Z', 'reply.received', '{}'"
			   " from generate_series(6, 20000) n");
	pgtest_exec(admin, "insert into feed (workspace_id, position, event_id, event_created_at)"
			   " select '" SEED_WS "', n, md5(n::text)::uuid, '2026-11-23 09:00:00Z' "
			   "from generate_series(6, 20000) n");
	pgtest_exec(admin, "analyze feed; analyze event");
	pgtest_exec(admin,
		    "alter role replyd_api in database view set session_preload_libraries = "
		    "'auto_explain';"
		    "alter role replyd_api in database view set auto_explain.log_min_duration = 0;"
		    "alter role replyd_api in database view set "
		    "auto_explain.log_nested_statements = on");
	pg_bench_open(&b, "view");
	pg_bench_run(&b, 1);
	bench.happened = bench.wanted = 0;
	assert_int_equal(view_events(b.pg, &v, SEED_WS, 10000, 100), 0);
	while (bench.happened == 0)
		(void)uv_run(&b.loop.uv, UV_RUN_ONCE);
	assert_true(v.found);
	view_clear(&v);
	pg_bench_close(&b);
	pgtest_exec(admin, "alter role replyd_api in database view reset all");

	(void)snprintf(path, sizeof(path), "%s/log", pgtest_folder());
	f = fopen(path, "r");
	assert_non_null(f);
	log[fread(log, 1, (1 << 20) - 1, f)] = '\0';
	(void)fclose(f);
	plan = strstr(log, "from feed");
	assert_non_null(plan);
	/* Months that hold nothing are read in any way. */
	(void)snprintf(path, sizeof(path), "Seq Scan on %s",
		       pgtest_value(admin, "select tableoid::regclass from event limit 1"));
	if (!strstr(plan, "Index Scan using feed_") || strstr(plan, "Seq Scan on feed") ||
	    strstr(plan, path)) {
		fputs(plan, stderr);
		free(log);
		fail_msg("tables are read from end to end");
	}
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_those_of_the_reference),
		cmocka_unit_test(another_workspace_sees_nothing),
		cmocka_unit_test(an_inbox_is_seen_up_to_its_slowest_folder),
		cmocka_unit_test(a_page_of_the_feed_says_where_the_next_begins),
		cmocka_unit_test(an_event_tells_of_its_attempts_in_order),
		cmocka_unit_test(a_link_nobody_used_has_failed),
		cmocka_unit_test(an_endpoint_is_created_with_its_types),
		cmocka_unit_test(a_page_costs_what_it_shows),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
