/* Group commit: each job is told what became of it, and none disturbs another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/race.h"
#include "tests/db/seed.h"

#define M1 "60000000-0000-4000-8000-000000000001"
#define M2 "60000000-0000-4000-8000-000000000002"
#define E1 "70000000-0000-4000-8000-000000000001"
#define E2 "70000000-0000-4000-8000-000000000002"

#define JOB(n, ws, inbox, epoch, folder, validity, to)                                             \
	"{\"job\":" n ",\"workspace_id\":\"" ws "\",\"inbox_id\":\"" inbox "\",\"epoch\":" epoch   \
	",\"folder_id\":\"" folder "\",\"uidvalidity\":" validity ",\"uid_gated\":" to             \
	",\"gated_at\":null,\"uid_ingested\":" to ",\"ingested_at\":null}"
#define ITEM(n, folder, uid, message, keys)                                                        \
	"{\"job\":" n ",\"folder_id\":\"" folder "\",\"uidvalidity\":7,\"uid\":" uid               \
	",\"message_id\":\"" message "\",\"prospect_keys\":[" keys "],\"header_message_id\":\"\"," \
	"\"sender\":\"\",\"subject\":\"\",\"internal_at\":\"2026-11-20T00:00:00Z\","               \
	"\"size_bytes\":1,\"matches\":[],\"detected_at\":\"2026-11-20T00:00:00Z\","                \
	"\"recovered\":false}"
#define VERDICT(n, message, event, keys, level)                                                    \
	"{\"job\":" n ",\"message_id\":\"" message "\",\"prospect_keys\":[" keys                   \
	"],\"state\":\"done\",\"kind\":\"reply\",\"confidence\":0.9,\"snippet\":\"\","             \
	"\"evidence\":[],\"matches\":[],\"return_at\":null,\"level\":" level                       \
	",\"reason\":\"replied\",\"hold_until\":null,\"event_id\":\"" event                        \
	"\",\"event_type\":\"reply.received\",\"event_data\":{\"prospect\":{\"key\":\"x\"}}}"
#define CLOSE(jobs, items)                                                                         \
	"select string_agg(job || ' ' || coalesce(said, uid || ' ' || was), ', ' order by job, "   \
	"said nulls first, uid) from gather_close('[" jobs "]', '[" items "]')"
#define SETTLE(jobs, verdicts)                                                                     \
	"select string_agg(job || ' ' || said || ' ' || was_new, ', ' order by job)"               \
	" from gather_settle('[" jobs "]', '[" verdicts "]')"

#define A(n) JOB(n, SEED_WS, SEED_A, "1", SEED_FOLDER_A, "7", "5")
#define B(n) JOB(n, SEED_WS, SEED_B, "1", SEED_FOLDER_B, "7", "5")

static struct session *admin, *ingest;

static void begin(const char *database)
{
	(void)seed_database(database);
	admin = seed_session(database, PGTEST_ADMIN);
	ingest = pgtest_session(database, "replyd_ingest");
	pgtest_exec(ingest, "set search_path = replyd, pg_temp");
}

static void end(void)
{
	session_close(admin);
	session_close(ingest);
}

static void each_job_is_told_its_own(void **state)
{
	(void)state;
	begin("gather_each");
	/* A is well, B lost its lease, C's folder is another; C's gate is closed all the same. */
	assert_string_equal(
		"0 5 new, 0 done, 1 fenced, 2 5 new, 2 stale",
		pgtest_value(ingest,
			     CLOSE(A("0") "," JOB("1", SEED_WS, SEED_B, "9", SEED_FOLDER_B, "7",
						  "5") "," JOB("2", SEED_OTHER, SEED_C, "1",
							       SEED_FOLDER_C, "8", "5"),
				   ITEM("0", SEED_FOLDER_A, "5", M1, "\"pat\"") "," ITEM(
					   "1", SEED_FOLDER_B, "5", M2,
					   "\"sam\"") "," ITEM("2", SEED_FOLDER_C, "5", M2,
							       "\"kim\""))));
	assert_string_equal("kim 2, pat 2",
			    pgtest_value(admin,
					 "select string_agg(prospect_key || ' ' || level, ', ' "
					 "order by prospect_key) from gate"));
	assert_string_equal("5 0 0",
			    pgtest_value(admin, "select string_agg(uid_gated::text, ' ' order by "
						"folder_id) from folder"));
	/* Nothing of what it did not name is seen afterwards. */
	assert_string_equal("0", pgtest_value(ingest, "select count(*) from gate"));
	end();
}

static void one_mail_in_two_inboxes_is_one_message(void **state)
{
	(void)state;
	begin("gather_two");
	assert_string_equal(
		"0 5 new, 0 done, 1 5 pending, 1 done",
		pgtest_value(ingest, CLOSE(A("0") "," B("1"),
					   ITEM("0", SEED_FOLDER_A, "5", M1, "\"pat\"") "," ITEM(
						   "1", SEED_FOLDER_B, "5", M1, "\"pat\""))));
	assert_string_equal("1 2",
			    pgtest_value(admin, "select (select count(*) from message) || ' ' || "
						"(select count(*) from sighting)"));
	/* Settled in both, told once. */
	assert_string_equal(
		"0 done true, 1 done false",
		pgtest_value(ingest, SETTLE(A("0") "," B("1"),
					    VERDICT("0", M1, E1, "\"pat\"", "3") "," VERDICT(
						    "1", M1, E1, "\"pat\"", "3"))));
	assert_string_equal("1 3", pgtest_value(admin, "select (" SEED_EVENTS ") || ' ' || "
						       "(select level from gate)"));
	assert_string_equal(
		"0 5 done, 0 done",
		pgtest_value(ingest, CLOSE(A("0"), ITEM("0", SEED_FOLDER_A, "5", M1, "\"pat\""))));
	end();
}

static void mails_of_one_prospect_are_numbered(void **state)
{
	(void)state;
	begin("gather_seq");
	pgtest_value(ingest,
		     CLOSE(A("0") "," B("1"), ITEM("0", SEED_FOLDER_A, "5", M1, "\"pat\"") "," ITEM(
						      "1", SEED_FOLDER_B, "5", M2, "\"pat\"")));
	assert_string_equal(
		"0 done true, 1 done true",
		pgtest_value(ingest, SETTLE(A("0") "," B("1"),
					    VERDICT("0", M1, E1, "\"pat\"", "0") "," VERDICT(
						    "1", M2, E2, "\"pat\"", "3"))));
	assert_string_equal("1 1, 2 2",
			    pgtest_value(admin,
					 "select string_agg(prospect_seq || ' ' || "
					 "(data->'prospect'->>'seq'), ', ' order by prospect_seq) "
					 "from event where type <> 'prospect.stopped'"));
	assert_string_equal("3 replied 2",
			    pgtest_value(admin, "select level || ' ' || reason || ' ' || "
						"events - stops from gate"));
	assert_string_equal("0", pgtest_value(admin, "select count(*) from gate_pending"));
	end();
}

static void another_mail_that_is_pending_keeps_the_gate(void **state)
{
	(void)state;
	begin("gather_pending");
	pgtest_value(ingest,
		     CLOSE(A("0") "," B("1"), ITEM("0", SEED_FOLDER_A, "5", M1, "\"pat\"") "," ITEM(
						      "1", SEED_FOLDER_B, "5", M2, "\"pat\"")));
	assert_string_equal(
		"0 done true",
		pgtest_value(ingest, SETTLE(A("0"), VERDICT("0", M1, E1, "\"pat\"", "0"))));
	assert_string_equal(
		"2 provisional " M2 " 2",
		pgtest_value(admin, "select level || ' ' || reason || ' ' || message_id || ' ' || "
				    "(select data->'gate'->>'level' from event) from gate"));
	assert_string_equal(
		"0 done true",
		pgtest_value(ingest, SETTLE(B("0"), VERDICT("0", M2, E2, "\"pat\"", "0"))));
	assert_string_equal("0", pgtest_value(admin, "select level || reason from gate"));
	end();
}

static void what_is_odd_is_told_and_the_others_go_on(void **state)
{
	(void)state;
	begin("gather_odd");
	pgtest_value(ingest, CLOSE(A("0"), ITEM("0", SEED_FOLDER_A, "5", M1, "\"pat\",\"sam\"")));
	/* M2 was never gated; M1 is about two, and takes the longer way. */
	assert_string_equal("0 done true, 1 again false",
			    pgtest_value(ingest, SETTLE(A("0") "," B("1"),
							VERDICT("0", M1, E1, "\"pat\",\"sam\"",
								"3") "," VERDICT("1", M2, E2,
										 "\"kim\"", "3"))));
	assert_string_equal(
		"pat 3, sam 3",
		pgtest_value(admin, "select string_agg(prospect_key || ' ' || level, ', ' order "
				    "by prospect_key) from gate where level > 0"));
	assert_string_equal("0",
			    pgtest_value(admin, "select uid_gated from folder where folder_id = "
						"'" SEED_FOLDER_B "'"));
	end();
}

static void a_plain_mail_goes_beside_an_odd_one(void **state)
{
	(void)state;
	begin("gather_plain");
	pgtest_value(ingest, CLOSE(A("0"), ITEM("0", SEED_FOLDER_A, "5", M1, "\"pat\"")));
	assert_string_equal(
		"0 done true, 1 again false",
		pgtest_value(ingest, SETTLE(A("0") "," B("1"),
					    VERDICT("0", M1, E1, "\"pat\"", "3") "," VERDICT(
						    "1", M2, E2, "\"kim\"", "3"))));
	assert_string_equal("done 3 1 1 0",
			    pgtest_value(admin,
					 "select m.state || ' ' || g.level || ' ' || "
					 "g.events - g.stops || ' ' || e.prospect_seq || ' ' || "
					 "(select count(*) from gate_pending) from message m, "
					 "gate g, event e where g.prospect_key = 'pat' and e.type "
					 "<> 'prospect.stopped'"));
	/* Once more, it is nothing new. */
	assert_string_equal(
		"0 done false",
		pgtest_value(ingest, SETTLE(A("0"), VERDICT("0", M1, E1, "\"pat\"", "3"))));
	assert_string_equal("1", pgtest_value(admin, SEED_EVENTS));
	end();
}

static void a_gate_closed_while_the_mail_is_waited_for_is_not_left_behind(void **state)
{
	struct race closer, settler;

	(void)state;
	begin("gather_race");
	pgtest_value(ingest, CLOSE(A("0"), ITEM("0", SEED_FOLDER_A, "5", M1, "\"pat\"")));
	race_open(&closer, "gather_race", "replyd_ingest");
	race_open(&settler, "gather_race", "replyd_ingest");
	race_run(&closer, "begin");
	assert_string_equal(
		"0 5 pending, 0 done",
		race_run(&closer, CLOSE(B("0"), ITEM("0", SEED_FOLDER_B, "5", M1, "\"sam\""))));
	race_send(&settler, SETTLE(A("0"), VERDICT("0", M1, E1, "\"pat\"", "3")));
	race_waits(&settler, admin);
	race_run(&closer, "commit");
	assert_string_equal("!40001", race_answer(&settler));
	assert_string_equal(
		"0 done true",
		race_run(&settler, SETTLE(A("0"), VERDICT("0", M1, E1, "\"pat\"", "3"))));
	assert_string_equal("pat 3, sam 0",
			    pgtest_value(admin, "select string_agg(prospect_key || ' ' || level, "
						"', ' order by prospect_key) from gate"));
	assert_string_equal("0", pgtest_value(admin, "select count(*) from gate_pending"));
	race_close(&closer);
	race_close(&settler);
	end();
}

static void a_mail_new_to_two_groups_at_once_is_one(void **state)
{
	struct race first, second;

	(void)state;
	begin("gather_twice");
	race_open(&first, "gather_twice", "replyd_ingest");
	race_open(&second, "gather_twice", "replyd_ingest");
	race_run(&first, "begin");
	assert_string_equal(
		"0 5 new, 0 done",
		race_run(&first, CLOSE(A("0"), ITEM("0", SEED_FOLDER_A, "5", M1, "\"pat\""))));
	race_send(&second, CLOSE(B("0"), ITEM("0", SEED_FOLDER_B, "5", M1, "\"pat\",\"sam\"")));
	race_waits(&second, admin);
	race_run(&first, "commit");
	assert_string_equal("0 5 pending, 0 done", race_answer(&second));
	assert_string_equal("1 2 pat 2, sam 2",
			    pgtest_value(admin, "select (select count(*) from message) || ' ' || "
						"(select count(*) from sighting) || ' ' || "
						"string_agg(prospect_key || ' ' || level, ', ' "
						"order by prospect_key) from gate"));
	race_close(&first);
	race_close(&second);
	end();
}

/* Planned while nothing is pending, as it mostly is; and then there is a backlog. */
static void what_is_pending_is_looked_up_by_all_that_is_known(void **state)
{
	static const struct {
		const char *asked, *by;
	} rows[] = {
		{ "prospect_key", "(prospect_key = " },
		{ "message_id", "(message_id = " },
	};

	(void)state;
	begin("gather_plan");
	pgtest_exec(admin, "analyze gate_pending");
	pgtest_exec(ingest, "set enable_seqscan = off");
	pgtest_exec(ingest, "set enable_bitmapscan = off");
	pgtest_exec(ingest, "set plan_cache_mode = force_generic_plan");
	for (size_t i = 0; i < countof(rows); i++) {
		const char *cond, *plan;

		pgtest_exec(ingest,
			    "prepare by_%s as select 1 from gate_pending where workspace_id = $1 "
			    "and %s = $2 limit 1",
			    rows[i].asked, rows[i].asked);
		plan = pgtest_value(ingest,
				    "explain (format json) execute by_%s"
				    "('" SEED_WS "', '" M1 "')",
				    rows[i].asked);
		cond = strstr(plan, "\"Index Cond\"");
		assert_non_null(cond);
		assert_in_range(strstr(cond, rows[i].by) - cond, 1, strcspn(cond, "\n"));
	}
	end();
}

/* Two groups about the same folders, the other way round. */
static void groups_that_cross_wait_for_each_other_in_one_direction(void **state)
{
	struct race holder, first, second;

	(void)state;
	begin("gather_cross");
	race_open(&holder, "gather_cross", PGTEST_ADMIN);
	race_open(&first, "gather_cross", "replyd_ingest");
	race_open(&second, "gather_cross", "replyd_ingest");
	for (int turned = 0; turned < 2; turned++) {
		race_run(&holder, "begin");
		race_run(&holder, "select 1 from folder where folder_id = '%s' for update",
			 turned ? SEED_FOLDER_B : SEED_FOLDER_A);
		race_send(&first, CLOSE(A("0") "," B("1"), ""));
		race_waits(&first, admin);
		race_send(&second, CLOSE(B("0") "," A("1"), ""));
		race_waits(&second, admin);
		race_run(&holder, "commit");
		assert_string_equal("0 done, 1 done", race_answer(&first));
		assert_string_equal("0 done, 1 done", race_answer(&second));
	}
	race_close(&holder);
	race_close(&first);
	race_close(&second);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_job_is_told_its_own),
		cmocka_unit_test(one_mail_in_two_inboxes_is_one_message),
		cmocka_unit_test(mails_of_one_prospect_are_numbered),
		cmocka_unit_test(another_mail_that_is_pending_keeps_the_gate),
		cmocka_unit_test(what_is_odd_is_told_and_the_others_go_on),
		cmocka_unit_test(a_plain_mail_goes_beside_an_odd_one),
		cmocka_unit_test(a_gate_closed_while_the_mail_is_waited_for_is_not_left_behind),
		cmocka_unit_test(a_mail_new_to_two_groups_at_once_is_one),
		cmocka_unit_test(what_is_pending_is_looked_up_by_all_that_is_known),
		cmocka_unit_test(groups_that_cross_wait_for_each_other_in_one_direction),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
