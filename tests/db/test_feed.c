#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/race.h"
#include "tests/db/seed.h"

/* The feed, as its readers see it: without holes, without repeats, in the order of each prospect.
 */

/*
 * Sixty-four writers who number events under the lock of their prospect's gate, commit late or not
 * at all; an appender that works in small portions; and two readers with cursors, one of whom wants
 * one type only.  Cmocka's asserts are for the thread that runs the test: writers only count their
 * failures.
 */
#define WRITERS   64
#define WRITES    12
#define PROSPECTS 24

struct writer {
	pthread_t thread;
	atomic_int *writing;
	struct race race;
	unsigned seed;
	int failed;
};

static void *write_events(void *arg)
{
	struct writer *w = arg;

	for (int i = 0; i < WRITES; i++) {
		race_run(&w->race, "begin");
		race_run(&w->race,
			 "with g as (update gate set events = events + 1 where prospect_key = "
			 "'p%d' returning *)"
			 " select event_put(gen_random_uuid(), '%s', prospect_key, events, null, "
			 "null, jsonb_build_object('p', substr(prospect_key, 2), 's', events)) "
			 "from g",
			 rand_r(&w->seed) % PROSPECTS,
			 rand_r(&w->seed) % 3 == 0 ? "bounce.soft" : "reply.received");
		w->failed += strcmp(w->race.answer, "t") != 0;
		/* What was queued before others commits behind them. */
		race_run(&w->race, "select pg_sleep(%d / 1000.0)", rand_r(&w->seed) % 6);
		race_run(&w->race, rand_r(&w->seed) % 10 == 0 ? "rollback" : "commit");
	}
	(*w->writing)--;
	return NULL;
}

struct reader {
	const char *types; /* an SQL array; null: all */
	int64_t cursor;
	int64_t seq[PROSPECTS];
	int events;
};

/* A page; true: there was something to look at. */
static bool read_page(struct session *api, struct reader *r)
{
	bool is_all = strcmp(r->types, "null") == 0;
	int64_t before = r->cursor, upto;

	pgtest_value(api,
		     "select p.upto, x ->> 'position', x -> 'data' ->> 'p', x -> 'data' ->> 's'"
		     " from feed_read(%lld, null, %s, 7, 20) p left join lateral"
		     " jsonb_array_elements(p.page::jsonb -> 'events') x on true"
		     " order by (x ->> 'position')::bigint",
		     (long long)r->cursor, r->types);
	upto = strtoll(session_value(api, 0, 0), NULL, 10);
	for (int i = 0; i < session_rows(api) && session_value(api, i, 1)[0]; i++) {
		int64_t position = strtoll(session_value(api, i, 1), NULL, 10);
		int64_t *seq = &r->seq[strtol(session_value(api, i, 2), NULL, 10)];
		int64_t number = strtoll(session_value(api, i, 3), NULL, 10);

		/* Who reads all finds no hole and no repeat, in the feed and per prospect. */
		assert_true(is_all ? position == r->cursor + 1 : position > r->cursor);
		assert_true(is_all ? number == *seq + 1 : number > *seq);
		r->cursor = position;
		*seq = number;
		r->events++;
	}
	assert_true(upto >= r->cursor);
	r->cursor = upto;
	return upto > before;
}

static void a_cursor_misses_nothing_and_repeats_nothing(void **state)
{
	struct session *admin, *api;
	struct writer writers[WRITERS] = { 0 };
	struct race appender;
	struct reader all = { .types = "null" }, some = { .types = "'{bounce.soft}'" };
	atomic_int writing = WRITERS;
	char counted[64];
	bool last;

	(void)state;
	(void)seed_database("cursor");
	admin = seed_session("cursor", PGTEST_ADMIN);
	api = seed_session("cursor", "replyd_api");
	pgtest_exec(admin,
		    "insert into gate (workspace_id, prospect_key) select '" SEED_WS "', 'p' || n"
		    " from generate_series(0, %d) n",
		    PROSPECTS - 1);
	race_open(&appender, "cursor", "replyd_dispatch");
	for (unsigned i = 0; i < WRITERS; i++) {
		race_open(&writers[i].race, "cursor", "replyd_ingest");
		writers[i].seed = i + 1;
		writers[i].writing = &writing;
		assert_int_equal(
			pthread_create(&writers[i].thread, NULL, write_events, &writers[i]), 0);
	}
	do {
		last = writing == 0;
		do {
			read_page(api, &all);
			read_page(api, &some);
		} while (strtol(race_run(&appender, "select feed_append(9)"), NULL, 10) > 0);
	} while (!last);
	while (read_page(api, &all))
		;
	while (read_page(api, &some))
		;
	for (size_t i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
		assert_int_equal(writers[i].failed, 0);
		race_close(&writers[i].race);
	}
	(void)snprintf(counted, sizeof(counted), "%d %d %d", all.events, all.events, some.events);
	assert_string_equal(
		counted,
		pgtest_value(admin,
			     "select count(*) || ' ' || (select sum(events) from gate) || ' ' ||"
			     " count(*) filter (where type = 'bounce.soft') from event"));
	assert_true(all.events > WRITERS * WRITES / 2 && some.events > WRITERS);
	race_close(&appender);
	session_close(admin);
	session_close(api);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cursor_misses_nothing_and_repeats_nothing),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
