#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/event_id.h"
#include "db/gap.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* Blind time: who is found to be blind and why, what is said of it, and how it ends. */

static struct session *admin, *ingest, *rotation;

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("gap");
	admin = seed_session("gap", PGTEST_ADMIN);
	ingest = seed_session("gap", "replyd_ingest");
	rotation = pgtest_session("gap", "replyd_rotation");
	pgtest_exec(rotation, "set search_path = replyd, pg_temp");
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	session_close(admin);
	session_close(ingest);
	session_close(rotation);
	return 0;
}

/* A and B of one workspace are live and proven ten seconds ago, so is C of the other. */
static void set_out(void)
{
	pgtest_exec(admin, "delete from gap; delete from event; delete from event_key; delete from "
			   "event_queue; delete from timeline; delete from inbox_proof;"
			   "update inbox set admin_state = 'enabled';"
			   "update inbox_state set state = 'live', reason = '', live_at = now();"
			   "update worker set beat_at = now();"
			   "update lease set worker_id = '" SEED_WORKER "', epoch = 1;"
			   "delete from folder where role <> 'inbox';"
			   "update folder set gated_through = null;"
			   "insert into inbox_proof (workspace_id, inbox_id, epoch, gated_through)"
			   " select workspace_id, inbox_id, 1, now() - interval '10 s' from inbox");
}

#define SILENT(s)                                                                                  \
	"update inbox_proof set gated_through = now() - interval '" s                              \
	" s' where inbox_id = '" SEED_A "';"

static void whoever_stopped_proving_is_blind(void **state)
{
	static const struct {
		const char *name, *change, *opened;
	} rows[] = {
		{ "proven a moment ago", "", "" },
		{ "as long as is tolerated", SILENT("120"), "" },
		{ "longer", SILENT("130"), "a no_proof" },
		{ "its proofs come every five minutes",
		  SILENT("600") "update inbox_proof set interval_s = 300", "" },
		{ "and longer than two of them",
		  SILENT("610") "update inbox_proof set interval_s = 300", "a no_proof" },
		{ "its folders committed since",
		  SILENT("130") "update folder set gated_through = now() where inbox_id = '" SEED_A
				"'",
		  "" },
		{ "one of its folders did not",
		  SILENT("130") "update folder set gated_through = now();"
				"insert into folder (workspace_id, inbox_id, folder_id, name, "
				"wire_name, role, uidvalidity, uid_gated, uid_ingested) values "
				"('" SEED_WS "', '" SEED_A
				"', gen_random_uuid(), 'Spam', 'Spam', 'junk', 1, 0, 0)",
		  "a no_proof" },
		{ "never live", "delete from inbox_proof where inbox_id = '" SEED_A "'", "" },
		{ "paused", SILENT("130") "update inbox set admin_state = 'paused'", "" },
		{ "removed", SILENT("130") "update inbox set admin_state = 'removed'", "" },
		{ "blind before",
		  SILENT("130") "insert into gap (workspace_id, gap_id, inbox_id, blind_from, "
				"cause) select workspace_id, inbox_id, inbox_id, gated_through, "
				"'network' from inbox_proof where inbox_id = '" SEED_A "'",
		  "a network" },
		{ "blind once, and over",
		  SILENT("130") "insert into gap (workspace_id, gap_id, inbox_id, blind_from, "
				"cause, blind_to, closed_at) select workspace_id, inbox_id, "
				"inbox_id, gated_through, 'network', gated_through, now() from "
				"inbox_proof where inbox_id = '" SEED_A "'",
		  "a no_proof" },
		{ "its worker is dead",
		  SILENT("130") "update worker set beat_at = now() - interval '1 hour'",
		  "a worker_gone" },
		{ "nobody has it", SILENT("130") "update lease set worker_id = null",
		  "a unwatched" },
		{ "nobody has it since it was paused",
		  SILENT("130") "update lease set worker_id = null; update inbox_state set state = "
				"'unwatched', reason = 'paused'",
		  "a paused" },
		{ "the network",
		  SILENT("130") "update inbox_state set state = 'backing_off', "
				"reason = 'network'",
		  "a network" },
		{ "consent is needed",
		  SILENT("130") "update inbox_state set state = 'reauth_required'",
		  "a reauth_required" },
		{ "it catches up", SILENT("130") "update inbox_state set state = 'catching_up'",
		  "a catching_up" },
		{ "all of them, in both workspaces",
		  "update inbox_proof set gated_through = now() - interval '1 hour'",
		  "a no_proof, b no_proof, c no_proof" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *is;

		set_out();
		if (*rows[i].change)
			pgtest_exec(admin, "%s", rows[i].change);
		pgtest_exec(rotation, "select gaps_open(10)");
		is = pgtest_value(
			admin, "select coalesce(string_agg(left(i.address, 1) || ' ' || g.cause, "
			       "', ' order by 1), '') from gap g join inbox i using (inbox_id) "
			       "where g.closed_at is null");
		if (strcmp(is, rows[i].opened) != 0)
			fail_msg("%s: %s", rows[i].name, is);
	}
	/* Portions. */
	set_out();
	pgtest_exec(admin, "update inbox_proof set gated_through = now() - interval '1 hour'");
	assert_string_equal("2", pgtest_value(rotation, "select gaps_open(2)"));
	assert_string_equal("1", pgtest_value(rotation, "select gaps_open(2)"));
	assert_string_equal("0", pgtest_value(rotation, "select gaps_open(2)"));
}

/* The one event of this type, as consumers would see it; "" when there is none. */
static const char *event_of(const char *workspace, const char *type)
{
	return pgtest_value(admin,
			    "select coalesce(string_agg(e.event_id || ' ' || e.data::text, '; '), "
			    "'') from event e join event_key using (workspace_id, event_id) join "
			    "event_queue q using (workspace_id, event_id) where e.workspace_id = "
			    "'%s' and e.type = '%s' and prospect_key is null",
			    workspace, type);
}

static void a_gap_is_told(void **state)
{
	char id[EVENT_ID], want[400];
	const struct text parts[] = { TEXT(SEED_OTHER), TEXT(SEED_C), TEXT("inbox.gap.opened"),
				      TEXT("2025-11-22T09:00:00.000001Z") };

	(void)state;
	set_out();
	pgtest_exec(admin, "update inbox_proof set gated_through = '2025-11-22 09:00:00.000001Z' "
			   "where inbox_id = '" SEED_C "'");
	assert_string_equal("1", pgtest_value(rotation, "select gaps_open(10)"));
	event_id_of(parts, countof(parts), id);
	(void)snprintf(want, sizeof(want),
		       "%s {\"cause\": \"no_proof\", \"gap_id\": \"%s\", \"address\": "
		       "\"c@example.test\", \"inbox_id\": \"" SEED_C
		       "\", \"blind_from\": \"2025-11-22T09:00:00.000001Z\"}",
		       id, pgtest_value(admin, "select gap_id from gap"));
	assert_string_equal(event_of(SEED_OTHER, "inbox.gap.opened"), want);
	assert_string_equal(event_of(SEED_WS, "inbox.gap.opened"), "");
	assert_string_equal(
		"gap_opened nothing is proven since 2025-11-22T09:00:00.000001Z (no_proof)",
		pgtest_value(admin,
			     "select string_agg(code || ' ' || words, ';') from timeline "
			     "where inbox_id = '" SEED_C "' and workspace_id = '" SEED_OTHER "'"));
}

/* ---- the end of it ---- */

#define FACTS(from, to, extra)                                                                     \
	"jsonb_build_object('blind_from', (extract(epoch from " from ") * 1000000)::bigint, "      \
	"'blind_to', (extract(epoch from " to ") * 1000000)::bigint, 'replayed', 3, 'vanished', "  \
	"1, 'skipped', 0, 'verified', true, 'tolerated_ms', 125000, 'cause', 'network')" extra
#define CLOSE(facts) "select gap_close('" SEED_A "', 1, " facts ")"
#define T0           "timestamptz '2025-11-23 07:00:00Z'"
#define T1           "timestamptz '2025-11-23 07:10:00Z'"
#define OPEN                                                                                       \
	"insert into gap (workspace_id, gap_id, inbox_id, blind_from, cause) values ('" SEED_WS    \
	"', '" SEED_A "', '" SEED_A "', " T0 ", 'worker_gone');"
#define PAST "update inbox_proof set gated_through = " T0 " where inbox_id = '" SEED_A "';"

static void it_ends_with_what_was_made_up(void **state)
{
	static const struct {
		const char *name, *before, *close, *was_gap;
		const char *gaps;   /* "from to cause replayed vanished skipped verified" */
		const char *events; /* types */
	} rows[] = {
		{ "one was open", OPEN, CLOSE(FACTS(T0, T1, "")), "t",
		  "07:00 07:10 worker_gone 3 1 0 t", "inbox.gap.closed" },
		{ "the worker knows a later proof", OPEN,
		  CLOSE(FACTS("(" T0 " + interval '1 minute')", T1, "")), "t",
		  "07:00 07:10 worker_gone 3 1 0 t", "inbox.gap.closed" },
		{ "proofs had gone on after all", OPEN,
		  CLOSE(FACTS("(" T0 " - interval '2 minutes')", "(" T0 " - interval '1 minute')",
			      "")),
		  "t", "07:00 07:00 worker_gone 3 1 0 t", "inbox.gap.closed" },
		{ "not everything could be enumerated", OPEN,
		  CLOSE(FACTS(T0, T1, " || '{\"verified\": false, \"skipped\": 2}'")), "t",
		  "07:00 07:10 worker_gone 3 1 2 f", "inbox.gap.closed" },
		{ "none was open, and it was long", "", CLOSE(FACTS(T0, T1, "")), "t",
		  "07:00 07:10 network 3 1 0 t", "inbox.gap.closed inbox.gap.opened" },
		{ "none was open, and it was short", "",
		  CLOSE(FACTS("(" T1 " - interval '125 s')", T1, "")), "f", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *is;

		set_out();
		pgtest_exec(admin, PAST "%s", rows[i].before);
		for (int again = 0; again < 2; again++) {
			is = pgtest_value(ingest, "%s", rows[i].close);
			if (strcmp(is, rows[i].was_gap) != 0)
				fail_msg("%s: was_gap %s", rows[i].name, is);
			is = pgtest_value(
				admin,
				"select coalesce(string_agg(concat_ws(' ', to_char(blind_from at "
				"time zone 'UTC', 'HH24:MI'), to_char(blind_to at time zone 'UTC', "
				"'HH24:MI'), cause, replayed, vanished, skipped, verified), ';'), "
				"'') from gap");
			if (strcmp(is, rows[i].gaps) != 0)
				fail_msg("%s: %s", rows[i].name, is);
			is = pgtest_value(admin, "select coalesce(string_agg(type, ' ' order by "
						 "type), '') from event");
			if (strcmp(is, rows[i].events) != 0)
				fail_msg("%s: %s", rows[i].name, is);
		}
	}
	/* The proof that ended it is there. */
	set_out();
	pgtest_exec(admin, PAST OPEN);
	pgtest_exec(ingest, CLOSE(FACTS(T0, T1, "")));
	assert_string_equal("t",
			    pgtest_value(admin, "select gated_through = " T1
						" from inbox_proof where inbox_id = '" SEED_A "'"));
	assert_string_equal(
		"gap_closed blind from 2025-11-23T07:00:00.000000Z to "
		"2025-11-23T07:10:00.000000Z (worker_gone): 3 made up, 1 gone before anybody "
		"looked, 0 not given; every mail was enumerated",
		pgtest_value(admin, "select string_agg(code || ' ' || words, ';') from timeline"));
}

/* Nobody is to be woken for an inbox that was let go, for as long as its row is kept. */
static void what_was_let_go_is_no_trouble(void **state)
{
	static const char troubles[] =
		"select string_agg(name || label_value || value, ' ' order by name) from metric"
		" where name = 'replyd_gaps_open' or label_value = 'unwatched'";

	(void)state;
	set_out();
	pgtest_exec(admin, SILENT("130") "update inbox_state set state = 'unwatched'"
					 " where inbox_id = '" SEED_A "'");
	pgtest_exec(rotation, "select gaps_open(10)");
	pgtest_exec(rotation, "call metrics_count()");
	assert_string_equal(pgtest_value(admin, troubles),
			    "replyd_gaps_open1 replyd_inboxesunwatched1");
	pgtest_exec(admin,
		    "update inbox set admin_state = 'removed' where inbox_id = '" SEED_A "'");
	pgtest_exec(rotation, "call metrics_count()");
	assert_string_equal(pgtest_value(admin, troubles),
			    "replyd_gaps_open0 replyd_inboxesunwatched0");
}

static void a_lost_lease_closes_nothing(void **state)
{
	(void)state;
	set_out();
	pgtest_exec(admin, PAST OPEN "update lease set epoch = 2");
	assert_string_equal("RP001", pgtest_fails(ingest, CLOSE(FACTS(T0, T1, ""))));
	assert_string_equal(
		"1", pgtest_value(admin, "select count(*) from gap where closed_at is null"));
	assert_string_equal("0", pgtest_value(admin, "select count(*) from event"));
}

static void nothing_ends_in_the_future(void **state)
{
	(void)state;
	set_out();
	pgtest_exec(admin, PAST OPEN);
	pgtest_exec(ingest, CLOSE(FACTS(T0, "(now() + interval '1 day')", "")));
	assert_string_equal("t", pgtest_value(admin, "select blind_to <= now() from gap"));
	assert_string_equal("t", pgtest_value(admin, "select max(gated_through) <= now() from "
						     "inbox_proof"));
}

/* Rotation waits for who is just proving: it would open what is over. */
static void it_is_not_opened_behind_the_back_of_its_end(void **state)
{
	(void)state;
	set_out();
	pgtest_exec(admin, PAST);
	pgtest_exec(ingest, "begin");
	pgtest_exec(ingest, CLOSE(FACTS("now() - interval '1 minute'", "now()", "")));
	pgtest_exec(rotation, "set lock_timeout = '50ms'");
	assert_string_equal("55P03", pgtest_fails(rotation, "select gaps_open(10)"));
	pgtest_exec(rotation, "set lock_timeout = 0");
	pgtest_exec(ingest, "commit");
	assert_string_equal("0", pgtest_value(rotation, "select gaps_open(10)"));
	/* Who closes does not wait for others who close. */
	pgtest_exec(ingest, "begin");
	pgtest_exec(ingest, CLOSE(FACTS(T0, T1, "")));
	assert_string_equal("t", pgtest_value(admin, "select pg_try_advisory_xact_lock_shared("
						     "hashtextextended('replyd.gaps', 0))"));
	pgtest_exec(ingest, "rollback");
}

/* ---- through the driver ---- */

static struct pg_bench bench;

static void on_swept(struct gap_open *q)
{
	assert_true(outcome_ok(&q->outcome));
	pg_bench_happened(&bench);
}

static void nothing_is_opened_after_a_pause(void **state)
{
	static const struct {
		const char *name;
		int64_t most, ago_us, opened;
	} rows[] = {
		{ "asked for the time only", 0, 5000000, 0 },
		{ "nobody has looked for a while", 10, 20000000, 0 },
		{ "the first look of all", 10, INT64_MAX, 0 },
		{ "as usual", 10, 5000000, 1 },
	};
	struct gap_open q = { 0 };

	(void)state;
	set_out();
	pgtest_exec(admin, SILENT("130"));
	pg_bench_open_as(&bench, pgtest_conninfo("gap", "replyd_rotation"),
			 pgtest_password("replyd_rotation"));
	pg_bench_run(&bench, 1);
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t now_us = clock_unix_us();
		int64_t since = rows[i].ago_us == INT64_MAX ? 0 : now_us - rows[i].ago_us;

		assert_int_equal(gap_open_start(bench.pg, &q, rows[i].most, since, on_swept), 0);
		pg_bench_run(&bench, 1);
		if (q.opened != rows[i].opened)
			fail_msg("%s: %lld", rows[i].name, (long long)q.opened);
		assert_true(q.now_us >= now_us - 1000000 && q.now_us <= now_us + 10000000);
	}
	pg_bench_close(&bench);
}

static void on_closed(struct gap_close *q)
{
	(void)q;
	pg_bench_happened(&bench);
}

static void a_worker_closes(void **state)
{
	const struct folder_lease lease = { SEED_WS, SEED_A, 1 }, lost = { SEED_WS, SEED_A, 7 };
	struct gap_facts f = { .blind_from_us = clock_unix_us() - INT64_C(3600000000),
			       .blind_to_us = clock_unix_us(),
			       .replayed = 2,
			       .verified = true,
			       .tolerated_ms = 125000,
			       .cause = "network" };
	struct gap_close q = { 0 };

	(void)state;
	set_out();
	pg_bench_open_as(&bench, pgtest_conninfo("gap", "replyd_ingest"),
			 pgtest_password("replyd_ingest"));
	pg_bench_run(&bench, 1);
	assert_int_equal(gap_close_start(bench.pg, &q, &lost, &f, on_closed), 0);
	pg_bench_run(&bench, 1);
	assert_true(q.fenced && !q.was_gap);
	assert_int_equal(gap_close_start(bench.pg, &q, &lease, &f, on_closed), 0);
	pg_bench_run(&bench, 1);
	assert_true(outcome_ok(&q.outcome) && !q.fenced && q.was_gap);
	f.blind_from_us = f.blind_to_us;
	f.blind_to_us = clock_unix_us();
	assert_int_equal(gap_close_start(bench.pg, &q, &lease, &f, on_closed), 0);
	pg_bench_run(&bench, 1);
	assert_true(outcome_ok(&q.outcome) && !q.was_gap);
	assert_string_equal("network 2 t",
			    pgtest_value(admin, "select string_agg(concat_ws(' ', cause, replayed, "
						"verified), ';') from gap"));
	pg_bench_close(&bench);
}

/* ---- a hundred thousand ---- */

#define MANY "100000"

static const char many[] =
	"insert into inbox (workspace_id, inbox_id, address, provider, imap_host, imap_port, "
	"imap_security, login_name) select '" SEED_WS
	"', md5(n::text)::uuid, n || '@many.test', 'p', 'h', 993, 'tls', 'l' from "
	"generate_series(1, " MANY ") n;"
	"insert into inbox_state (workspace_id, inbox_id, state, live_at) select '" SEED_WS
	"', md5(n::text)::uuid, 'live', now() from generate_series(1, " MANY ") n;"
	"insert into lease (workspace_id, inbox_id, worker_id, epoch) select '" SEED_WS
	"', md5(n::text)::uuid, '" SEED_WORKER "', 1 from generate_series(1, " MANY ") n;"
	"insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
	"uidvalidity, uid_gated, uid_ingested) select '" SEED_WS
	"', md5(n::text)::uuid, md5(r || n)::uuid, r, r, r, 1, 0, 0 from generate_series(1, " MANY
	") n, (values ('inbox'), ('junk'), ('sent')) v (r);"
	"insert into inbox_proof (workspace_id, inbox_id, epoch, gated_through) select '" SEED_WS
	"', md5(n::text)::uuid, 1, now() from generate_series(1, " MANY ") n;"
	"analyze";

/*
 * Tables that a statement walked through from end to end, and how often: rounded, since a walk also
 * reads the odd old version of a row that nobody could remove yet.
 */
#define WALKED                                                                                     \
	"select coalesce(string_agg(relname || ' ' || round(seq_tup_read / " MANY                  \
	".0), ' ' order by relname), '') "                                                         \
	"from pg_stat_xact_user_tables where schemaname = 'replyd' and seq_tup_read > 1000"

/* What earlier transactions read stays in the view until it is flushed, at most once a second. */
static void begin_counting(struct session *c)
{
	(void)pgtest_value(c, "select pg_stat_force_next_flush()");
	pgtest_exec(c, "begin");
}

static void many_inboxes_cost_one_walk(void **state)
{
	(void)state;
	set_out();
	pgtest_exec(admin, "set session_replication_role = replica"); /* keys are sound here */
	/* every row is looked at: plans do not hang on which ones a sample drew */
	pgtest_exec(admin, "set default_statistics_target = 1000");
	pgtest_exec(admin, "%s", many);
	pgtest_exec(admin, "reset session_replication_role");
	pgtest_exec(admin, "analyze"); /* not when autovacuum finds the time */

	/* All is well: the proofs are looked through and nothing else. */
	begin_counting(rotation);
	assert_string_equal("0", pgtest_value(rotation, "select gaps_open(1000)"));
	assert_string_equal("inbox_proof 1", pgtest_value(rotation, WALKED));
	pgtest_exec(rotation, "commit");

	/* A worker's inboxes are gone: each of them is looked up. */
	pgtest_exec(admin, "update inbox_proof set gated_through = now() - interval '1 hour' where "
			   "inbox_id in (select md5(n::text)::uuid from generate_series(1, " MANY
			   ", 200) n)");
	pgtest_exec(admin, "analyze");
	begin_counting(rotation);
	assert_string_equal("500", pgtest_value(rotation, "select gaps_open(1000)"));
	assert_string_equal("inbox_proof 1", pgtest_value(rotation, WALKED));
	pgtest_exec(rotation, "commit");

	/* A thousand proofs in a statement walk through nothing. */
	begin_counting(ingest);
	assert_string_equal(
		"1000 5",
		pgtest_value(
			ingest,
			"select count(*) || ' ' || count(*) filter (where has_gap) from "
			"proofs_put((select jsonb_agg(jsonb_build_object('inbox', "
			"md5(n::text)::uuid, 'epoch', 1, 'gated', (extract(epoch from now()) * "
			"1000000)::bigint, 'interval_s', 60)) from generate_series(1, 1000) n))"));
	assert_string_equal("", pgtest_value(ingest, WALKED));
	assert_string_equal("t", pgtest_value(ingest, "select n_tup_hot_upd > 900 from "
						      "pg_stat_xact_user_tables where relname = "
						      "'inbox_proof'"));
	pgtest_exec(ingest, "commit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_stopped_proving_is_blind),
		cmocka_unit_test(a_gap_is_told),
		cmocka_unit_test(it_ends_with_what_was_made_up),
		cmocka_unit_test(what_was_let_go_is_no_trouble),
		cmocka_unit_test(a_lost_lease_closes_nothing),
		cmocka_unit_test(nothing_ends_in_the_future),
		cmocka_unit_test(it_is_not_opened_behind_the_back_of_its_end),
		cmocka_unit_test(nothing_is_opened_after_a_pause),
		cmocka_unit_test(a_worker_closes),
		cmocka_unit_test(many_inboxes_cost_one_walk),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
