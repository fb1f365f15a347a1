#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/race.h"
#include "tests/db/seed.h"

/* The event log: written once, positioned without holes, owed to the endpoints. */

#define PUT(name, prospect, seq)                                                                   \
	"select event_put(md5('" name "')::uuid, 'reply.received', " prospect ", " seq             \
	", '" SEED_A "', null, '{\"n\": \"" name "\"}')"

static void an_event_is_written_once(void **state)
{
	struct session *admin, *ingest, *broker;

	(void)state;
	(void)seed_database("once");
	admin = seed_session("once", PGTEST_ADMIN);
	ingest = seed_session("once", "replyd_ingest");
	broker = seed_session("once", "replyd_broker");
	assert_string_equal("t", pgtest_value(ingest, PUT("a", "'anna'", "1")));
	assert_string_equal("f", pgtest_value(ingest, PUT("a", "'anna'", "2")));
	assert_string_equal("f", pgtest_value(broker, PUT("a", "null", "null")));
	assert_string_equal("t", pgtest_value(broker, PUT("b", "null", "null")));
	/* The same id in another workspace is another event. */
	pgtest_exec(ingest, "set replyd.workspace = '" SEED_OTHER "'");
	assert_string_equal("t", pgtest_value(ingest, PUT("a", "'anna'", "1")));
	assert_string_equal("3 3 3",
			    pgtest_value(admin, "select (select count(*) from event) || ' ' ||"
						" (select count(*) from event_key) || ' ' || "
						"(select count(*) from event_queue)"));
	/* Without a workspace there is no event. */
	pgtest_exec(ingest, "set replyd.workspace = ''");
	assert_string_equal("42501", pgtest_fails(ingest, PUT("c", "'anna'", "1")));
	session_close(admin);
	session_close(ingest);
	session_close(broker);
}

static void one_of_two_writers_of_a_fact_writes_it(void **state)
{
	struct session *admin;
	struct race a, b;

	(void)state;
	(void)seed_database("fact");
	admin = seed_session("fact", PGTEST_ADMIN);
	race_open(&a, "fact", "replyd_ingest");
	race_open(&b, "fact", "replyd_ingest");
	for (int commits = 0; commits < 2; commits++) {
		race_run(&a, "begin");
		assert_string_equal("t", race_run(&a, PUT("a", "'anna'", "1")));
		race_send(&b, PUT("a", "'anna'", "1"));
		race_waits(&b, admin);
		race_run(&a, commits ? "commit" : "rollback");
		assert_string_equal(commits ? "f" : "t", race_answer(&b));
		assert_string_equal("1", pgtest_value(admin, "select count(*) from event"));
		pgtest_exec(admin, "truncate event, event_key, event_queue");
	}
	race_close(&a);
	race_close(&b);
	session_close(admin);
}

static void positions_follow_the_commits(void **state)
{
	struct session *admin;
	struct race early, late, appender, other;

	(void)state;
	(void)seed_database("positions");
	admin = seed_session("positions", PGTEST_ADMIN);
	race_open(&early, "positions", "replyd_ingest");
	race_open(&late, "positions", "replyd_ingest");
	race_open(&appender, "positions", "replyd_dispatch");
	race_open(&other, "positions", "replyd_dispatch");
	race_run(&late, "begin");
	race_run(&late, PUT("late", "'ben'", "1")); /* first in the queue, last to commit */
	race_run(&early, PUT("early", "'anna'", "1"));
	race_run(&appender, "begin");
	assert_string_equal("1", race_run(&appender, "select feed_append(10)"));
	assert_string_equal("-1", race_run(&other, "select feed_append(10)")); /* one at a time */
	race_run(&appender, "commit");
	race_run(&late, "commit");
	race_run(&early, PUT("last", "'anna'", "2"));
	assert_string_equal("2", race_run(&other, "select feed_append(10)"));
	assert_string_equal("0", race_run(&other, "select feed_append(10)"));
	assert_string_equal(
		"1 early, 2 late, 3 last",
		pgtest_value(admin, "select string_agg(f.position || ' ' || (e.data ->> 'n'), ', ' "
				    "order by f.position)"
				    " from feed f join event e using (workspace_id, event_id)"));
	/* Each workspace counts by itself, and a portion ends where it should. */
	pgtest_exec(admin, "truncate feed, feed_head, delivery");
	race_run(&early, "set replyd.workspace = '" SEED_OTHER "'");
	race_run(&early, PUT("x", "'anna'", "1"));
	race_run(&late, PUT("y", "'anna'", "1"));
	race_run(&early, PUT("z", "'anna'", "2"));
	assert_string_equal("2", race_run(&appender, "select feed_append(2)"));
	assert_string_equal("1", race_run(&appender, "select feed_append(2)"));
	assert_string_equal(
		"1 y | 1 x, 2 z",
		pgtest_value(
			admin,
			"select string_agg(t, ' | ' order by w) from (select f.workspace_id w,"
			" string_agg(f.position || ' ' || (e.data ->> 'n'), ', ' order by "
			"f.position) t"
			" from feed f join event e using (workspace_id, event_id) group by 1) x"));
	race_close(&early);
	race_close(&late);
	race_close(&appender);
	race_close(&other);
	session_close(admin);
}

/* Deliveries ---------------------------------------------------------------- */

#define TAKE(claim)                                                                                \
	"select coalesce(string_agg(body::jsonb -> 'data' ->> 'n', ' ' order by feed_position), "  \
	"'none')"                                                                                  \
	" from delivery_take(md5('" claim "')::uuid, '1 minute', 10)"

static void deliveries_go_out_in_order_per_prospect(void **state)
{
	static const struct {
		const char *name, *change, *taken;
	} steps[] = {
		{ "the first of each, and what has no prospect", "select 1", "a1 b1 n1 n2" },
		{ "all claimed", "select 1", "none" },
		{ "one delivered",
		  "delete from delivery where prospect_key = 'anna' and position = 1", "a2" },
		{ "one put off",
		  "update delivery set claim_id = null, due_at = now() + interval '1 h' where "
		  "prospect_key = 'ben'"
		  " and position = 2",
		  "none" },
		{ "its dispatcher died",
		  "update delivery set claimed_at = now() - interval '1 h' where prospect_key = "
		  "'anna'",
		  "a2" },
		{ "given up",
		  "update delivery set state = 'dead' where prospect_key = 'ben' and position = 2",
		  "b2" },
		{ "endpoint disabled",
		  "update delivery set claim_id = null; update endpoint set state = 'disabled'",
		  "none" },
		{ "endpoint enabled", "update endpoint set state = 'enabled'", "a2 b2 n1 n2" },
	};
	struct session *admin, *dispatch, *ingest;

	(void)state;
	(void)seed_database("deliveries");
	admin = seed_session("deliveries", PGTEST_ADMIN);
	ingest = seed_session("deliveries", "replyd_ingest");
	dispatch = pgtest_session("deliveries", "replyd_dispatch");
	pgtest_value(ingest, PUT("a1", "'anna'", "1"));
	pgtest_value(ingest, PUT("b1", "'ben'", "1"));
	pgtest_value(ingest, PUT("a2", "'anna'", "2"));
	pgtest_value(ingest, PUT("b2", "'ben'", "2"));
	pgtest_value(ingest, PUT("n1", "null", "null"));
	pgtest_value(ingest, PUT("n2", "null", "null"));
	assert_string_equal("6", pgtest_value(dispatch, "select feed_append(100)"));
	for (size_t i = 0; i < countof(steps); i++) {
		pgtest_exec(admin, "%s", steps[i].change);
		if (strcmp(pgtest_value(dispatch, TAKE("x")), steps[i].taken) != 0)
			fail_msg("%s: \"%s\"", steps[i].name, session_value(dispatch, 0, 0));
	}
	session_close(admin);
	session_close(ingest);
	session_close(dispatch);
}

static void endpoints_are_owed_what_they_asked_for(void **state)
{
	struct session *admin, *ingest, *dispatch;

	(void)state;
	(void)seed_database("owed");
	admin = seed_session("owed", PGTEST_ADMIN);
	ingest = seed_session("owed", "replyd_ingest");
	dispatch = pgtest_session("owed", "replyd_dispatch");
	pgtest_exec(
		admin,
		"insert into endpoint (workspace_id, endpoint_id, url, types, state, "
		"sealed_secret) values"
		" ('" SEED_WS "', md5('bounces')::uuid, 'bounces', '{bounce.hard}', 'enabled', ''),"
		" ('" SEED_WS
		"', md5('replies')::uuid, 'replies', '{reply.auto,reply.received}', 'enabled', ''),"
		" ('" SEED_WS "', md5('off')::uuid, 'off', null, 'disabled', ''),"
		" ('" SEED_WS
		"', md5('family')::uuid, 'reply family', '{bounce.hard,reply.*}', 'enabled', ''),"
		" ('" SEED_WS
		"', md5('other family')::uuid, 'bounce family', '{bounce.*}', 'enabled', ''),"
		" ('" SEED_OTHER "', md5('other')::uuid, 'other', null, 'enabled', '')");
	pgtest_value(ingest, PUT("a", "'anna'", "1"));
	assert_string_equal("1", pgtest_value(dispatch, "select feed_append(100)"));
	assert_string_equal("https://hooks.example.test/ replies reply family",
			    pgtest_value(admin, "select string_agg(url, ' ' order by url) from "
						"delivery join endpoint using (endpoint_id)"));
	/* Taken once, also by two at the same moment. */
	assert_string_equal("a a a", pgtest_value(dispatch, TAKE("x")));
	assert_string_equal("none", pgtest_value(dispatch, TAKE("y")));
	session_close(admin);
	session_close(ingest);
	session_close(dispatch);
}

static void two_dispatchers_share_the_work(void **state)
{
	struct session *admin;
	struct race a, b;

	(void)state;
	(void)seed_database("share");
	admin = seed_session("share", PGTEST_ADMIN);
	race_open(&a, "share", "replyd_dispatch");
	race_open(&b, "share", "replyd_dispatch");
	pgtest_exec(
		admin,
		"insert into event (workspace_id, event_id, created_at, type, data)"
		" select '" SEED_WS
		"', md5(n::text)::uuid, '2026-01-01', 't', '{}' from generate_series(1, 30) n;"
		"insert into delivery (workspace_id, endpoint_id, position, event_id, "
		"event_created_at, prospect_key)"
		" select '" SEED_WS "', '" SEED_ENDPOINT
		"', n, md5(n::text)::uuid, '2026-01-01', n::text from generate_series(1, 30) n");
	race_run(&a, "begin");
	assert_string_equal(
		"20",
		race_run(&a,
			 "select count(*) from delivery_take(gen_random_uuid(), '1 minute', 20)"));
	assert_string_equal(
		"10",
		race_run(&b,
			 "select count(*) from delivery_take(gen_random_uuid(), '1 minute', 20)"));
	race_run(&a, "rollback");
	assert_string_equal(
		"20",
		race_run(&b,
			 "select count(*) from delivery_take(gen_random_uuid(), '1 minute', 20)"));
	race_close(&a);
	race_close(&b);
	session_close(admin);
}

/* Months -------------------------------------------------------------------- */

/* Of every table that is kept by months, those of the next `ahead` that are not there. */
static const char *months_missing(struct session *admin, int ahead)
{
	return pgtest_value(
		admin,
		"select string_agg(p.relname || '_' || m, ' ') from pg_partitioned_table t"
		" join pg_class p on p.oid = t.partrelid and t.partstrat = 'r',"
		" lateral (select to_char(date_trunc('month', now() at time zone 'UTC') + n * "
		"interval '1 month',"
		"  'YYYY_MM') from generate_series(0, %d) n) as months (m)"
		" where to_regclass('replyd.' || p.relname || '_' || m) is null",
		ahead);
}

static void months_are_there_ahead_of_time(void **state)
{
	struct session *admin, *rotation;

	(void)state;
	(void)seed_database("months");
	admin = seed_session("months", PGTEST_ADMIN);
	rotation = pgtest_session("months", "replyd_rotation");
	/* Two: the template may be of the month before. */
	assert_string_equal("", months_missing(admin, 2));
	pgtest_exec(rotation, "call partitions_ensure(3)"); /* again: nothing */
	/* What came while nobody made months stands in the default partition, and moves. */
	pgtest_exec(admin,
		    "insert into event (workspace_id, event_id, created_at, type, data) values"
		    " ('" SEED_WS "', md5('far')::uuid, date_trunc('month', now() at time zone "
		    "'UTC') + interval '5 months 2 days', 't', '{}'),"
		    " ('" SEED_WS
		    "', md5('farther')::uuid, now() + interval '5 years', 't', '{}')");
	assert_string_equal("2", pgtest_value(admin, "select count(*) from event_default"));
	pgtest_exec(rotation, "call partitions_ensure(6)");
	assert_string_equal("1", pgtest_value(admin, "select count(*) from event_default"));
	assert_string_equal("2", pgtest_value(admin, "select count(*) from event"));
	assert_string_equal("", months_missing(admin, 6));
	/* Like the first ones: indexes, walls, owner. */
	assert_string_equal(
		"0",
		pgtest_value(
			admin,
			"select count(*) from pg_class c where c.relnamespace = "
			"'replyd'::regnamespace"
			" and c.relispartition and c.relkind = 'r' and not (c.relrowsecurity and"
			" c.relforcerowsecurity and c.relowner = 'replyd_owner'::regrole and "
			"c.relacl is null)"));
	assert_string_equal("1", pgtest_value(admin, "select count(distinct n) from (select "
						     "count(*) n from pg_index x join pg_class c"
						     " on c.oid = x.indrelid where c.relname ~ "
						     "'^message_(20|default)' group by c.oid) y"));
	session_close(admin);
	session_close(rotation);
}

/* Plans --------------------------------------------------------------------- */

/* Fill and analyse, so that the planner has something to choose by. */
static const char many_rows[] =
	"insert into outbound (workspace_id, outbound_id, created_at, inbox_id, sequence, step, "
	"prospect_key, prospect_address,"
	" message_id, sent_at) select '" SEED_WS
	"', md5(n::text)::uuid, now() - make_interval(mins => n), '" SEED_A "', 's', '1',"
	" 'p' || n, 'p@example.test', n || '@m', now() from generate_series(1, 30000) n;"
	"insert into outbound_key (workspace_id, digest, outbound_id, outbound_created_at)"
	" select workspace_id, sha256(message_id::bytea), outbound_id, created_at from outbound;"
	/* One person was written to very often. */
	"insert into outbound_name (workspace_id, digest, sent_at, outbound_id, "
	"outbound_created_at)"
	" select workspace_id, sha256(prospect_address::bytea), created_at, outbound_id, created_at"
	" from outbound;"
	"insert into outbound_name (workspace_id, digest, sent_at, outbound_id, "
	"outbound_created_at)"
	" select workspace_id, sha256(prospect_key::bytea), created_at, outbound_id, created_at"
	" from outbound;"
	"insert into event (workspace_id, event_id, created_at, type, prospect_key, data)"
	" select workspace_id, outbound_id, created_at, 't', prospect_key, '{}' from outbound;"
	"insert into feed (workspace_id, position, event_id, event_created_at)"
	" select workspace_id, row_number() over (), event_id, created_at from event;"
	"insert into endpoint (workspace_id, endpoint_id, url, state, sealed_secret)"
	" select '" SEED_WS
	"', md5(n::text)::uuid, 'u', 'disabled', '' from generate_series(1, 50) n;"
	/* One endpoint that is off has piled up a lot, all due; one that is down has its own, put
	   off. */
	"insert into delivery (workspace_id, endpoint_id, position, event_id, event_created_at, "
	"prospect_key, due_at)"
	" select workspace_id, md5('1')::uuid, position, event_id, event_created_at, 'p' || "
	"position, now() - interval '1 day' from feed;"
	"insert into delivery (workspace_id, endpoint_id, position, event_id, event_created_at, "
	"prospect_key, due_at)"
	" select workspace_id, '" SEED_ENDPOINT
	"', position, event_id, event_created_at, 'p' || position,"
	" now() + case when position % 1000 = 0 then '-1 min' else '1 h' end::interval from feed;"
	"analyze";

/* The plan of a statement of one of the roles, as it is run: rows read, and which tables are read
 * whole. */
static void plan_of(struct session *s, const char *sql, char *ret, size_t size)
{
	ret[0] = '\0';
	pgtest_value(s, "explain (analyze, costs off, timing off, summary off) %s", sql);
	for (int i = 0; i < session_rows(s); i++) {
		size_t at = strlen(ret);

		(void)snprintf(ret + at, size - at, "%s\n", session_value(s, i, 0));
	}
}

static void statements_find_their_rows_by_index(void **state)
{
	static const struct {
		const char *name, *role, *sql, *wants, *wants_not;
	} rows[] = {
		{ "outbound_find", "replyd_ingest",
		  "select * from outbound_find(array[sha256('5@m'), sha256('25000@m'), "
		  "sha256('none')])",
		  "Index Scan using outbound_key", "Seq Scan on outbound_key" },
		{ "outbound_find looks into no other month", "replyd_ingest",
		  "select * from outbound_find(array[sha256('5@m'), sha256('25000@m'), "
		  "sha256('none')])",
		  "(never executed)", "Hash Join" },
		{ "outbound_match", "replyd_ingest",
		  "select * from outbound_match('{}', array[sha256('p@example.test'), "
		  "sha256('p7')])",
		  "Index Scan Backward using outbound_name", "Seq Scan on outbound_name" },
		{ "the last ones of a name, and no more", "replyd_ingest",
		  "select * from outbound_match('{}', array[sha256('p@example.test')])",
		  "outbound_name_pkey on outbound_name x (actual rows=8 loops=1)",
		  "Sort Method: top" },
		{ "feed", "replyd_api",
		  "select p.position, e.data from (select position, event_id, event_created_at "
		  "from feed"
		  " where workspace_id = '" SEED_WS
		  "' and position > 20000 order by position limit 100) p"
		  " join event e on e.workspace_id = '" SEED_WS
		  "' and e.event_id = p.event_id and e.created_at = p.event_created_at",
		  "Index Scan using feed", "Hash Join" },
		{ "gate", "replyd_api",
		  "select level from gate where workspace_id = '" SEED_WS
		  "' and prospect_key = 'p1'",
		  "gate_", "Append" },
	};
	struct session *admin, *s;
	char plan[16384];

	(void)state;
	(void)seed_database("plans");
	admin = seed_session("plans", PGTEST_ADMIN);
	pgtest_exec(admin, "%s", many_rows);
	for (size_t i = 0; i < countof(rows); i++) {
		s = seed_session("plans", rows[i].role);
		plan_of(s, rows[i].sql, plan, sizeof(plan));
		if (!strstr(plan, rows[i].wants) || strstr(plan, rows[i].wants_not))
			fail_msg("%s:\n%s", rows[i].name, plan);
		session_close(s);
	}
	session_close(admin);
}

/* SQL functions hide their plans; what they read is counted. */
static void taking_reads_what_it_takes(void **state)
{
	static const char reads[] = "select coalesce(sum(seq_tup_read + idx_tup_fetch), 0) from "
				    "pg_stat_xact_user_tables"
				    " where schemaname = 'replyd' and relname = 'delivery'";
	struct session *admin, *dispatch;
	long n;

	(void)state;
	(void)seed_database("reads");
	admin = seed_session("reads", PGTEST_ADMIN);
	pgtest_exec(admin, "%s", many_rows);
	dispatch = pgtest_session("reads", "replyd_dispatch");
	pgtest_exec(dispatch, "begin");
	assert_string_equal(
		"30",
		pgtest_value(
			dispatch,
			"select count(*) from delivery_take(gen_random_uuid(), '1 minute', 100)"));
	n = atol(pgtest_value(dispatch, reads));
	if (n > 300)
		fail_msg("%ld rows were read to take 30 of 60000", n);
	pgtest_exec(dispatch, "commit");
	session_close(admin);
	session_close(dispatch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_written_once),
		cmocka_unit_test(one_of_two_writers_of_a_fact_writes_it),
		cmocka_unit_test(positions_follow_the_commits),
		cmocka_unit_test(deliveries_go_out_in_order_per_prospect),
		cmocka_unit_test(endpoints_are_owed_what_they_asked_for),
		cmocka_unit_test(two_dispatchers_share_the_work),
		cmocka_unit_test(months_are_there_ahead_of_time),
		cmocka_unit_test(statements_find_their_rows_by_index),
		cmocka_unit_test(taking_reads_what_it_takes),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
