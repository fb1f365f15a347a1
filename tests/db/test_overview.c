#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/inbox_list.h"
#include "db/overview.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* What the console reads: lists that go along their indexes at any length, and sums. */

static struct pg_bench bench;
static struct session *admin;

/*
 * A workspace of 20,000 inboxes beside the two of the seed: one in a thousand needs consent, one in
 * five hundred is held, the rest is live; the state of n began n minutes ago.
 */
static const char fleet[] =
	"insert into inbox (workspace_id, inbox_id, address, provider, imap_host, imap_port, "
	"imap_security,"
	" login_name, admin_state)"
	" select '" SEED_WS
	"', md5('i' || n)::uuid, 'rep' || lpad(n::text, 5, '0') || '@example.test',"
	" case when n % 100 = 7 then 'rare' else 'google' end, 'h', 993, 'tls', 'x',"
	" case when n = 19999 then 'removed' when n = 19998 then 'paused' else 'enabled' end"
	" from generate_series(1, 19999) n;"
	"insert into inbox_state (workspace_id, inbox_id, state, reason, since) select "
	"workspace_id, inbox_id,"
	" case when n % 1000 = 0 then 'reauth_required' when n % 500 = 0 then 'held' else 'live' "
	"end,"
	" case when n % 1000 = 0 then 'invalid_grant' when n % 500 = 0 then 'imap_off' else '' end,"
	" now() - n * interval '1 minute'"
	" from (select i.*, right(split_part(address, '@', 1), 5)::int as n from inbox i where "
	"address like 'rep%') x;"
	"update inbox_state set since = now() - interval '40 days' where inbox_id in ('" SEED_A
	"', '" SEED_B "');"
	"analyze inbox; analyze inbox_state";

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("overview");
	admin = seed_session("overview", PGTEST_ADMIN);
	pgtest_exec(admin, "%s", fleet);
	pg_bench_open(&bench, "overview");
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

static json_t *taken(struct view *v)
{
	json_t *j;

	pg_bench_run(&bench, 1);
	if (!outcome_ok(&v->outcome))
		fail_msg("%s %s", v->outcome.what, v->outcome.said);
	j = v->found ? json_loadb((const char *)v->json.data, v->json.len, 0, NULL) : NULL;
	view_clear(v);
	return j;
}

static json_t *list(const struct inbox_list *l)
{
	struct view v = { 0 };

	assert_int_equal(inbox_list_start(bench.pg, &v, SEED_WS, l, on_view), 0);
	return taken(&v);
}

/* Go on behind the page. */
static bool follow(struct inbox_list *l, json_t *page, char next[128])
{
	const char *given = json_string_value(json_object_get(page, "next"));
	char *us;

	if (!given)
		return false;
	(void)snprintf(next, 128, "%s", given);
	l->after_address = next;
	if (l->order != INBOX_LIST_ADDRESS) {
		l->after_rank = strtoll(next, &us, 10);
		l->after_us = strtoll(us + 1, &us, 10);
		l->after_id = us + 1;
	}
	return true;
}

static void pages_have_everything_once(void **state)
{
	static const struct {
		const char *name;
		struct inbox_list list;
		const char *is; /* how many it has, and of which states in their order */
	} rows[] = {
		{ "by address", { .order = INBOX_LIST_ADDRESS }, "20000 new live held" },
		{ "worst first",
		  { .order = INBOX_LIST_STATE },
		  "20000 reauth_required held new paused live" },
		{ "by change", { .order = INBOX_LIST_SINCE }, "20000 live held reauth_required" },
		{ "one state", { .order = INBOX_LIST_STATE, .state = "held" }, "20 held" },
		{ "paused", { .order = INBOX_LIST_ADDRESS, .state = "paused" }, "1 paused" },
		{ "of a provider",
		  { .order = INBOX_LIST_ADDRESS, .provider = "rare" },
		  "200 live" },
		{ "with a word",
		  { .order = INBOX_LIST_ADDRESS, .has = "p010" },
		  "100 reauth_required" },
		{ "nobody", { .order = INBOX_LIST_STATE, .has = "%" }, "0" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct inbox_list l = rows[i].list;
		char next[128], seen[256] = "", is[300];
		struct session *s = admin;
		size_t n = 0;
		bool more = true;

		l.limit = 777;
		pgtest_exec(s, "create temp table told (id uuid primary key)");
		while (more) {
			json_t *page = list(&l), *row;
			size_t k;

			json_array_foreach(json_object_get(page, "inboxes"), k, row)
			{
				const char *state_is = json_get_text(row, "state");

				n++;
				pgtest_exec(s, "insert into told values ('%s')",
					    json_get_text(row, "id"));
				if (!strstr(seen, state_is) && strlen(seen) < 200)
					(void)snprintf(seen + strlen(seen),
						       sizeof(seen) - strlen(seen), " %s",
						       state_is);
			}
			more = follow(&l, page, next);
			json_decref(page);
		}
		pgtest_exec(s, "drop table told"); /* each once, or its key had refused it */
		(void)snprintf(is, sizeof(is), "%zu%s", n, seen);
		if (strncmp(is, rows[i].is, strlen(rows[i].is)) != 0)
			fail_msg("%s: %s, not %s", rows[i].name, is, rows[i].is);
	}
}

/* A page costs what it shows: no sequential scan, no sort of everybody. */
static void pages_go_along_an_index(void **state)
{
	static const struct {
		const char *name, *sql, *values, *along;
	} rows[] = {
		{ "address", inbox_list_by_address_sql,
		  "50, null, null, 'rep10000@example.test', false", "inbox_address" },
		{ "state", inbox_list_by_state_sql, "50, null, null, 8, 1, '" SEED_A "', null",
		  "inbox_state_by_state" },
		{ "one state", inbox_list_by_state_sql,
		  "50, null, null, 0, 0, '" SEED_A "', 'held'", "inbox_state_by_state" },
		{ "since", inbox_list_by_since_sql, "50, null, null, 0, 0, '" SEED_A "'",
		  "inbox_state_by_since" },
	};
	struct session *api = seed_session("overview", "replyd_api");

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char plan[8192] = "", why[256];
		char *sql = mem_new(strlen(rows[i].sql) + 512);

		pgtest_exec(api, "prepare p as %s", rows[i].sql);
		(void)sprintf(sql, "explain (analyze, costs off, timing off) execute p(%s)",
			      rows[i].values);
		assert_int_equal(session_query(api, sql, 0, NULL, why), 0);
		for (int k = 0; k < session_rows(api); k++)
			(void)snprintf(plan + strlen(plan), sizeof(plan) - strlen(plan), "%s\n",
				       session_value(api, k, 0));
		pgtest_exec(api, "deallocate p");
		free(sql);
		if (!strstr(plan, rows[i].along) || strstr(plan, "Seq Scan"))
			fail_msg("%s:\n%s", rows[i].name, plan);
	}
	session_close(api);
}

static size_t count(json_t *j, const char *a, const char *b)
{
	return json_array_size(json_object_get(b ? json_object_get(j, a) : j, b ? b : a));
}

static void the_overview_says_who_needs_somebody(void **state)
{
	struct view v = { 0 };
	json_t *j, *c, *needs;
	json_int_t n = 0;
	size_t i;

	(void)state;
	assert_int_equal(overview_start(bench.pg, &v, SEED_WS, on_view), 0);
	j = taken(&v);
	json_array_foreach(json_object_get(j, "counts"), i, c) n +=
		json_integer_value(json_object_get(c, "n"));
	assert_int_equal(n, 20000);
	needs = json_object_get(json_object_get(j, "needs"), "inboxes");
	assert_int_equal(json_array_size(needs), 39);
	assert_string_equal(json_get_text(json_array_get(needs, 0), "state"), "reauth_required");
	assert_string_equal(json_get_text(json_array_get(needs, 0), "address"),
			    "rep19000@example.test");
	assert_string_equal(json_get_text(json_array_get(needs, 38), "state"), "held");
	assert_int_equal(count(j, "changed", NULL), 20);
	json_decref(j);
	/* Nobody else's. */
	assert_int_equal(overview_start(bench.pg, &v, SEED_OTHER, on_view), 0);
	j = taken(&v);
	assert_int_equal(count(j, "counts", NULL), 1);
	assert_int_equal(count(j, "needs", "inboxes"), 0);
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_have_everything_once),
		cmocka_unit_test(pages_go_along_an_index),
		cmocka_unit_test(the_overview_says_who_needs_somebody),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
