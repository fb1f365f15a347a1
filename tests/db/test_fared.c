#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* How an endpoint fared lately: counted of its own newest attempts, however many there are. */

static struct session *admin, *api;

/* `n` attempts, the first `ago` seconds ago and each a second before the last; took 1, 2, ... ms.
 */
#define ATTEMPTS                                                                                   \
	"insert into attempt (workspace_id, attempt_id, started_at, endpoint_id, event_id, "       \
	"position, try, status, outcome, took_ms) select '" SEED_WS "', gen_random_uuid(), "       \
	"now() - interval '1 second' * (%d + n), '%s', gen_random_uuid(), n, 1, 204, '%s', n "     \
	"from generate_series(1, %d) n"
#define ANOTHER "90000000-0000-4000-8000-000000000001"

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("fared");
	admin = seed_session("fared", PGTEST_ADMIN);
	api = seed_session("fared", "replyd_api");
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	session_close(admin);
	session_close(api);
	return 0;
}

static const char *fared(const char *workspace)
{
	pgtest_exec(api, "select set_config('replyd.workspace', '%s', false)", workspace);
	return pgtest_value(
		api, "select concat_ws(' ', f->>'attempts', f->>'delivered', "
		     "coalesce(f->'took_ms'->>'p50', '-'), coalesce(f->'took_ms'->>'p95', '-')) "
		     "from endpoint_fared('" SEED_ENDPOINT "') f");
}

static void it_is_counted_of_the_newest_of_a_day(void **state)
{
	static const struct {
		const char *name, *endpoint, *outcome;
		int ago_s, n;
		const char *says; /* attempts, delivered, p50, p95 */
	} rows[] = {
		{ "of another endpoint", ANOTHER, "delivered", 0, 5, "0 0 - -" },
		{ "of the day before", SEED_ENDPOINT, "delivered", 86400, 5, "0 0 - -" },
		{ "nothing came through", SEED_ENDPOINT, "timeout", 50000, 3, "3 0 - -" },
		{ "most came through", SEED_ENDPOINT, "delivered", 20000, 97, "100 97 49 93" },
		{ "the newest thousand", SEED_ENDPOINT, "delivered", 0, 1500, "1000 1000 500 950" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		pgtest_exec(admin, ATTEMPTS, rows[i].ago_s, rows[i].endpoint, rows[i].outcome,
			    rows[i].n);
		if (strcmp(fared(SEED_WS), rows[i].says) != 0)
			fail_msg("%s: %s, not %s", rows[i].name, fared(SEED_WS), rows[i].says);
	}
	assert_string_equal(fared(SEED_OTHER), "0 0 - -");
}

/* The plan that was made while the table was empty holds for a hundred thousand of them. */
static void it_reads_a_thousand_at_the_most(void **state)
{
	const char *read;

	(void)state;
	pgtest_exec(admin, ATTEMPTS, 2000, SEED_ENDPOINT, "delivered", 50000);
	pgtest_exec(admin, ATTEMPTS, 2000, ANOTHER, "delivered", 50000);
	(void)pgtest_value(api, "select pg_stat_force_next_flush()");
	pgtest_exec(api, "begin");
	assert_string_equal(fared(SEED_WS), "1000 1000 500 950");
	read = pgtest_value(
		api, "select sum(seq_scan) || ' ' || (sum(idx_tup_fetch) <= 1000) || ' ' || "
		     "(select sum(pg_stat_get_xact_tuples_returned(indexrelid)) <= 1000 "
		     " from pg_stat_all_indexes where indexrelname like 'attempt%%endpoint%%') "
		     "from pg_stat_xact_all_tables where relname like 'attempt%%'");
	assert_string_equal(read, "0 true true");
	pgtest_exec(api, "commit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_counted_of_the_newest_of_a_day),
		cmocka_unit_test(it_reads_a_thousand_at_the_most),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
