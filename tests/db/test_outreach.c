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

/* Outbounds, traces, and the fence: what is registered, what was seen before, and who may write. */

static void open_both(const char *database, struct session **admin, struct session **api,
		      struct session **ingest)
{
	(void)seed_database(database);
	*admin = seed_session(database, PGTEST_ADMIN);
	*api = seed_session(database, "replyd_api");
	*ingest = seed_session(database, "replyd_ingest");
}

static void close_both(struct session *admin, struct session *api, struct session *ingest)
{
	session_close(admin);
	session_close(api);
	session_close(ingest);
}

/* One outbound to `prospect`; `name` stands for its Message-ID, `content` for the rest. */
#define OUTBOUND(name, inbox, prospect, content)                                                   \
	"jsonb_build_object('outbound_id', gen_random_uuid(), 'inbox_id', '" inbox                 \
	"', 'sequence', 'q4', 'step', '1',"                                                        \
	" 'prospect_key', '" prospect "', 'prospect_address', '" prospect                          \
	"@example.test', 'message_id', '" name "@m',"                                              \
	" 'sent_at', now(), 'digest', encode(sha256('" name "'), 'hex'),"                          \
	" 'fingerprint', encode(sha256('" content "'), 'hex'))"
#define REGISTER(items)                                                                            \
	"select string_agg(item || ' ' || result || ' ' || rechecks, ', ' order by item)"          \
	" from outbound_register(jsonb_build_array(" items "))"

#define TRACE(name, folder, uid, names)                                                            \
	"jsonb_build_object('folder_id', '" folder "', 'uidvalidity', 7, 'uid', " uid              \
	", 'digest',"                                                                              \
	" encode(sha256('" name "'), 'hex'), 'names', '" names "')"
#define KEEP(items)                                                                                \
	"select coalesce(string_agg(uid::text, ' ' order by uid), 'none')"                         \
	" from trace_keep('" SEED_A "', 1, jsonb_build_array(" items "))"

static void registering_says_what_it_did(void **state)
{
	static const struct {
		const char *name, *sql, *says;
	} rows[] = {
		{ "new", REGISTER(OUTBOUND("m1", SEED_A, "anna", "x")), "0 created 0" },
		{ "the same again", REGISTER(OUTBOUND("m1", SEED_A, "anna", "x")), "0 repeated 0" },
		{ "another content", REGISTER(OUTBOUND("m1", SEED_A, "anna", "y")),
		  "0 conflict 0" },
		{ "unknown inbox", REGISTER(OUTBOUND("m2", SEED_FOLDER_A, "anna", "x")),
		  "0 unknown_inbox 0" },
		{ "another's inbox", REGISTER(OUTBOUND("m2", SEED_C, "anna", "x")),
		  "0 unknown_inbox 0" },
		{ "removed inbox", REGISTER(OUTBOUND("m2", SEED_B, "anna", "x")),
		  "0 unknown_inbox 0" },
		{ "twice in a batch",
		  REGISTER(OUTBOUND("m3", SEED_A, "anna", "x") "," OUTBOUND(
			  "m3", SEED_A, "anna", "x") "," OUTBOUND("m3", SEED_A, "anna", "y")),
		  "0 created 0, 1 repeated 0, 2 conflict 0" },
		{ "a batch of all kinds",
		  REGISTER(OUTBOUND("m1", SEED_A, "anna", "x") "," OUTBOUND(
			  "m4", SEED_A, "ben", "x") "," OUTBOUND("m5", SEED_C, "ben",
								 "x") "," OUTBOUND("m6", SEED_A,
										   "cleo", "x")),
		  "0 repeated 0, 1 created 0, 2 unknown_inbox 0, 3 created 0" },
	};
	struct session *admin, *api, *ingest;

	(void)state;
	open_both("registering", &admin, &api, &ingest);
	pgtest_exec(admin,
		    "update inbox set admin_state = 'removed' where inbox_id = '" SEED_B "'");
	for (size_t i = 0; i < countof(rows); i++) {
		const char *says = pgtest_value(api, "%s", rows[i].sql);

		if (strcmp(says, rows[i].says) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, says);
	}
	/* The answer to a repetition names the first one's id. */
	assert_string_equal("1",
			    pgtest_value(api, "select count(distinct o.outbound_id) from outbound "
					      "o join outbound_register("
					      "jsonb_build_array(" OUTBOUND(
						      "m1", SEED_A, "anna",
						      "x") ")) r"
							   " on r.outbound_id = o.outbound_id"));
	assert_string_equal(
		"anna@example.test q4",
		pgtest_value(ingest,
			     "select prospect_address || ' ' || sequence"
			     " from outbound_find(array[sha256('m1'), sha256('unknown')])"));
	assert_string_equal(
		"anna ben cleo",
		pgtest_value(ingest, "select string_agg(prospect_key, ' ' order by prospect_key)"
				     " from prospect_inbox"));
	close_both(admin, api, ingest);
}

static void an_outbound_of_another_workspace_is_not_found(void **state)
{
	struct session *admin, *api, *ingest;

	(void)state;
	open_both("not_found", &admin, &api, &ingest);
	pgtest_value(api, REGISTER(OUTBOUND("m1", SEED_A, "anna", "x")));
	pgtest_exec(ingest, "set replyd.workspace = '" SEED_OTHER "'");
	assert_string_equal(
		"0",
		pgtest_value(ingest, "select count(*) from outbound_find(array[sha256('m1')])"));
	pgtest_exec(ingest, "set replyd.workspace = ''");
	assert_string_equal(
		"0",
		pgtest_value(ingest, "select count(*) from outbound_find(array[sha256('m1')])"));
	close_both(admin, api, ingest);
}

static void either_order_finds_the_reply(void **state)
{
	struct session *admin, *api, *ingest;

	(void)state;
	open_both("either", &admin, &api, &ingest);
	/* The mail first: it leaves a trace, and the registration puts it on the list. */
	assert_string_equal(
		"none", pgtest_value(ingest, KEEP(TRACE("m1", SEED_FOLDER_A, "11", "id") "," TRACE(
						     "m0", SEED_FOLDER_A, "11",
						     "id") "," TRACE("anna", SEED_FOLDER_A, "11",
								     "sender"))));
	assert_string_equal("0 created 1",
			    pgtest_value(api, REGISTER(OUTBOUND("m1", SEED_A, "anna", "x"))));
	assert_string_equal("11",
			    pgtest_value(ingest, "select string_agg(uid::text, ' ') from recheck"));
	/* The outbound first: the mail is named as soon as its trace would be kept. */
	assert_string_equal("0 created 0",
			    pgtest_value(api, REGISTER(OUTBOUND("m2", SEED_A, "ben", "x"))));
	assert_string_equal(
		"12", pgtest_value(ingest, KEEP(TRACE("m2", SEED_FOLDER_A, "12", "id") "," TRACE(
						   "m0", SEED_FOLDER_A, "13", "id"))));
	/* One mail that two late outbounds name is looked at once; a sender is no id. */
	pgtest_value(ingest, KEEP(TRACE("m3", SEED_FOLDER_A, "14", "id") "," TRACE(
				     "m4", SEED_FOLDER_A, "14", "id") "," TRACE("m5", SEED_FOLDER_A,
										"15", "sender")));
	assert_string_equal(
		"0 created 1, 1 created 1, 2 created 0",
		pgtest_value(api, REGISTER(OUTBOUND("m3", SEED_A, "cleo", "x") "," OUTBOUND(
					  "m4", SEED_A, "dan", "x") "," OUTBOUND("m5", SEED_A,
										 "eve", "x"))));
	assert_string_equal(
		"11 14",
		pgtest_value(ingest,
			     "select string_agg(uid::text, ' ' order by uid) from recheck"));
	/* Kept again after a crash: nothing is there twice. */
	assert_string_equal("14",
			    pgtest_value(ingest, KEEP(TRACE("m3", SEED_FOLDER_A, "14", "id"))));
	assert_string_equal("8", pgtest_value(admin, "select count(*) from trace"));
	close_both(admin, api, ingest);
}

#define NAMED(name, sent, more)                                                                    \
	OUTBOUND(name, SEED_A, "anna", "x")                                                        \
	" || jsonb_build_object('sent_at', now() - interval '" sent "'" more ")"
#define ANNA "encode(sha256('anna@'), 'hex')"
#define FOUND(names)                                                                               \
	"select coalesce(string_agg(message_id, ' ' order by sent_at), 'none') from"               \
	" outbound_match('{}', array[" names "])"

static void names_find_the_last_outbounds(void **state)
{
	struct session *admin, *api, *ingest;

	(void)state;
	open_both("names", &admin, &api, &ingest);
	for (int i = 1; i <= 10; i++)
		pgtest_value(
			api,
			"select count(*) from outbound_register(jsonb_build_array(" OUTBOUND(
				"m%d", SEED_A, "anna", "x") " || jsonb_build_object('sent_at', "
							    "now() - interval '%d min', 'names',"
							    " jsonb_build_array(" ANNA "))))",
			i, i, i);
	assert_string_equal("m8@m m7@m m6@m m5@m m4@m m3@m m2@m m1@m",
			    pgtest_value(ingest, FOUND("sha256('anna@')")));
	assert_string_equal("none", pgtest_value(ingest, FOUND("sha256('ben@')")));
	pgtest_exec(ingest, "set replyd.workspace = '" SEED_OTHER "'");
	assert_string_equal("none", pgtest_value(ingest, FOUND("sha256('anna@')")));
	close_both(admin, api, ingest);
}

/* Somebody wrote before his outbound was registered, and names no id of it. */
static void a_sender_is_looked_at_again(void **state)
{
	struct session *admin, *api, *ingest;
	static const char met[] = ", 'names', jsonb_build_array(" ANNA "), 'met',"
				  " jsonb_build_array(" ANNA ")";

	(void)state;
	open_both("senders", &admin, &api, &ingest);
	pgtest_value(ingest, KEEP(TRACE("anna@", SEED_FOLDER_A, "11", "sender")));
	/* What is sent after it came, it does not answer. */
	assert_string_equal("0 created 0",
			    pgtest_value(api, REGISTER(NAMED("m1", "-1 hour", "%s")), met));
	assert_string_equal("0 created 1",
			    pgtest_value(api, REGISTER(NAMED("m2", "1 hour", "%s")), met));
	assert_string_equal("11 m2@m",
			    pgtest_value(admin, "select r.uid || ' ' || o.message_id from recheck r"
						" join recheck_outbound using (workspace_id, uid)"
						" join outbound o using (outbound_id)"));
	/* And the other way round: it is told when its trace would be kept. */
	assert_string_equal(
		"12",
		pgtest_value(ingest, KEEP(TRACE("anna@", SEED_FOLDER_A, "12",
						"sender") " || jsonb_build_object('at', now())")));
	assert_string_equal(
		"none",
		pgtest_value(ingest, KEEP(TRACE("anna@", SEED_FOLDER_A, "13",
						"sender") " || jsonb_build_object('at', now() - "
							  "interval '2 hours')")));
	close_both(admin, api, ingest);
}

/* The provider gave the mail another Message-ID: told with the outbound, or later. */
static void the_final_id_finds_it_too(void **state)
{
	static const char final[] = ", 'final', encode(sha256('f1'), 'hex')";
	static const char found[] = "select string_agg(message_id, ' ') from"
				    " outbound_find(array[sha256('f1')])";
	struct session *admin, *api, *ingest;

	(void)state;
	open_both("final", &admin, &api, &ingest);
	pgtest_value(ingest, KEEP(TRACE("f1", SEED_FOLDER_A, "11", "id")));
	assert_string_equal("0 created 0", pgtest_value(api, REGISTER(NAMED("m1", "1 s", ""))));
	assert_string_equal("0 repeated 1",
			    pgtest_value(api, REGISTER(NAMED("m1", "1 s", "%s")), final));
	assert_string_equal("11", pgtest_value(ingest, "select uid from recheck"));
	assert_string_equal("m1@m", pgtest_value(ingest, "%s", found));
	/* It stays with whom it was given to. */
	assert_string_equal("0 created 0",
			    pgtest_value(api, REGISTER(NAMED("m2", "1 s", "%s")), final));
	assert_string_equal("m1@m", pgtest_value(ingest, "%s", found));
	close_both(admin, api, ingest);
}

/* Nobody can look at a mail by a name it had: it would wait for ever, and its inbox with it. */
static void a_trace_of_before_waits_for_nobody(void **state)
{
	struct session *admin, *api, *ingest;

	(void)state;
	open_both("before", &admin, &api, &ingest);
	pgtest_value(ingest, KEEP(TRACE("m1", SEED_FOLDER_A, "11", "id")));
	pgtest_exec(admin,
		    "update folder set uidvalidity = 8 where folder_id = '" SEED_FOLDER_A "'");
	assert_string_equal("0 created 0",
			    pgtest_value(api, REGISTER(OUTBOUND("m1", SEED_A, "anna", "x"))));
	assert_string_equal("0", pgtest_value(ingest, "select count(*) from recheck"));
	close_both(admin, api, ingest);
}

/* The reply and its outbound arrive in the same moment: whichever commits second must see the
 * other. */
static void no_order_of_commits_loses_a_reply(void **state)
{
	static const struct {
		const char *name;
		bool placeholder; /* somebody named the id before */
		bool api_first;
	} rows[] = {
		{ "registered first, new id", false, true },
		{ "registered first, named before", true, true },
		{ "kept first, new id", false, false },
		{ "kept first, named before", true, false },
	};
	struct session *admin;
	struct race api, ingest;

	(void)state;
	(void)seed_database("commits");
	admin = seed_session("commits", PGTEST_ADMIN);
	race_open(&api, "commits", "replyd_api");
	race_open(&ingest, "commits", "replyd_ingest");
	for (size_t i = 0; i < countof(rows); i++) {
		struct race *first = rows[i].api_first ? &api : &ingest,
			    *second = rows[i].api_first ? &ingest : &api;
		const char *by_trace, *by_list;

		pgtest_exec(admin, "delete from recheck; delete from trace; delete from "
				   "outbound_key; delete from outbound");
		if (rows[i].placeholder)
			pgtest_exec(
				admin,
				"insert into outbound_key (workspace_id, digest) values ('" SEED_WS
				"', sha256('m1'))");
		race_run(first, "begin");
		race_run(second, "begin");
		race_run(first, rows[i].api_first ? REGISTER(OUTBOUND("m1", SEED_A, "anna", "x"))
						  : KEEP(TRACE("m1", SEED_FOLDER_A, "11", "id")));
		race_send(second, rows[i].api_first
					  ? KEEP(TRACE("m1", SEED_FOLDER_A, "11", "id"))
					  : REGISTER(OUTBOUND("m1", SEED_A, "anna", "x")));
		race_waits(second, admin);
		race_run(first, "commit");
		race_answer(second);
		by_trace = rows[i].api_first ? ingest.answer : "";
		assert_string_equal(second->sqlstate, "");
		if (rows[i].api_first && strcmp(by_trace, "11") != 0)
			fail_msg("%s: the keeper is told \"%s\"", rows[i].name, by_trace);
		race_run(second, "commit");
		by_list = pgtest_value(admin, "select count(*) from recheck where uid = 11");
		if (!rows[i].api_first && strcmp(by_list, "1") != 0)
			fail_msg("%s: not on the list", rows[i].name);
	}
	race_close(&api);
	race_close(&ingest);
	session_close(admin);
}

/* The sweeper takes an old placeholder away in the very moment in which it is needed again. */
static void a_swept_placeholder_loses_nothing(void **state)
{
	struct session *admin;
	struct race sweeper, api, ingest;

	(void)state;
	(void)seed_database("swept");
	admin = seed_session("swept", PGTEST_ADMIN);
	race_open(&sweeper, "swept", "replyd_rotation");
	race_open(&api, "swept", "replyd_api");
	race_open(&ingest, "swept", "replyd_ingest");
	for (int api_first = 0; api_first < 2; api_first++) {
		struct race *first = api_first ? &api : &ingest,
			    *second = api_first ? &ingest : &api;

		pgtest_exec(admin,
			    "delete from recheck; delete from trace; delete from outbound_key; "
			    "delete from outbound;"
			    "insert into outbound_key (workspace_id, digest, touched_at)"
			    " values ('" SEED_WS "', sha256('m1'), now() - interval '15 days')");
		race_run(&sweeper, "begin");
		assert_string_equal("1", race_run(&sweeper, "select housekeeping('14 days')"));
		race_run(first, "begin");
		race_send(first, api_first ? REGISTER(OUTBOUND("m1", SEED_A, "anna", "x"))
					   : KEEP(TRACE("m1", SEED_FOLDER_A, "11", "id")));
		race_waits(first, admin);
		race_run(&sweeper, "commit");
		race_answer(first);
		race_send(second, api_first ? KEEP(TRACE("m1", SEED_FOLDER_A, "11", "id"))
					    : REGISTER(OUTBOUND("m1", SEED_A, "anna", "x")));
		race_waits(second, admin);
		race_run(first, "commit");
		race_answer(second);
		assert_string_equal(api_first ? "11" : "0 created 1", second->answer);
		assert_string_equal(
			"1",
			pgtest_value(admin,
				     "select count(*) from outbound_find(array[sha256('m1')])"));
	}
	race_close(&sweeper);
	race_close(&api);
	race_close(&ingest);
	session_close(admin);
}

/* Batches that name the same people and ids in other orders wait for each other, and never in a
 * ring. */
static void batches_do_not_deadlock(void **state)
{
	struct session *admin;
	struct race one, two;

	(void)state;
	(void)seed_database("rings");
	admin = seed_session("rings", PGTEST_ADMIN);
	race_open(&one, "rings", "replyd_api");
	race_open(&two, "rings", "replyd_api");
	for (int i = 0; i < 20; i++) {
		/* Many different ids, the same forty people, in opposite orders. */
		race_send(&one,
			  "select count(*) from outbound_register((select "
			  "jsonb_agg(jsonb_build_object('outbound_id',"
			  " gen_random_uuid(), 'inbox_id', '" SEED_A
			  "', 'sequence', 's', 'step', '1', 'prospect_key', 'p' || n,"
			  " 'prospect_address', 'p@example.test', 'message_id', 'm', 'sent_at', "
			  "now(),"
			  " 'digest', encode(sha256(('one' || %d || ' ' || n)::bytea), 'hex'),"
			  " 'fingerprint', encode(sha256('x'), 'hex')) order by n) from "
			  "generate_series(1, 40) n))",
			  i);
		race_send(&two,
			  "select count(*) from outbound_register((select "
			  "jsonb_agg(jsonb_build_object('outbound_id',"
			  " gen_random_uuid(), 'inbox_id', '" SEED_A
			  "', 'sequence', 's', 'step', '1', 'prospect_key', 'p' || n,"
			  " 'prospect_address', 'p@example.test', 'message_id', 'm', 'sent_at', "
			  "now(),"
			  " 'digest', encode(sha256(('two' || %d || ' ' || n)::bytea), 'hex'),"
			  " 'fingerprint', encode(sha256('x'), 'hex')) order by n desc) from "
			  "generate_series(1, 40) n))",
			  i);
		assert_string_equal("40", race_answer(&one));
		assert_string_equal("40", race_answer(&two));
	}
	race_close(&one);
	race_close(&two);
	session_close(admin);
}

/* Leases ------------------------------------------------------------------- */

#define ADVANCE(epoch, uidvalidity, gated, ingested)                                               \
	"select folder_advance('" SEED_A "', " epoch ", '" SEED_FOLDER_A "', " uidvalidity         \
	", " gated ", now(), " ingested ", now())"

static void only_the_holder_of_the_epoch_writes(void **state)
{
	static const struct {
		const char *name, *change, *fails;
	} rows[] = {
		{ "held", "select 1", "" },
		{ "taken by another",
		  "update lease set epoch = epoch + 1 where inbox_id = '" SEED_A "'", "RP001" },
		{ "held again", "update lease set epoch = epoch - 1 where inbox_id = '" SEED_A "'",
		  "" },
		{ "given back", "update lease set worker_id = null where inbox_id = '" SEED_A "'",
		  "RP001" },
	};
	static const char *const writes[] = {
		ADVANCE("1", "7", "1", "1"),
		KEEP(TRACE("m1", SEED_FOLDER_A, "11", "id")),
		"select * from gate_close('" SEED_A "', 1, '[]')",
		"select fence('" SEED_A "', 1)",
	};
	struct session *admin, *api, *ingest;

	(void)state;
	open_both("fenced", &admin, &api, &ingest);
	for (size_t i = 0; i < countof(rows); i++) {
		pgtest_exec(admin, "%s", rows[i].change);
		for (size_t w = 0; w < countof(writes); w++)
			if (strcmp(pgtest_fails(ingest, "%s", writes[w]), rows[i].fails) != 0)
				fail_msg("%s: %s: \"%s\"", rows[i].name, writes[w],
					 session_sqlstate(ingest));
	}
	close_both(admin, api, ingest);
}

static void a_takeover_waits_for_what_is_being_written(void **state)
{
	struct session *admin;
	struct race holder, taker;

	(void)state;
	(void)seed_database("takeover");
	admin = seed_session("takeover", PGTEST_ADMIN);
	race_open(&holder, "takeover", "replyd_ingest");
	race_open(&taker, "takeover", "replyd_ingest");
	race_run(&holder, "begin");
	assert_string_equal("t", race_run(&holder, ADVANCE("1", "7", "5", "5")));
	race_send(&taker, "update lease set epoch = epoch + 1 where inbox_id = '" SEED_A
			  "' returning epoch");
	race_waits(&taker, admin);
	race_run(&holder, "commit");
	assert_string_equal("2", race_answer(&taker));
	assert_string_equal(
		"5",
		pgtest_value(admin,
			     "select uid_gated from folder where folder_id = '" SEED_FOLDER_A "'"));
	/* The old holder wakes up. */
	assert_string_equal("!RP001", race_run(&holder, ADVANCE("1", "7", "6", "6")));
	/* And one that begins while the takeover is under way waits, and then sees it. */
	race_run(&taker, "begin; update lease set epoch = epoch + 1 where inbox_id = '" SEED_A "'");
	race_send(&holder, ADVANCE("2", "7", "7", "7"));
	race_waits(&holder, admin);
	race_run(&taker, "commit");
	assert_string_equal("!RP001", race_answer(&holder));
	assert_string_equal(
		"5",
		pgtest_value(admin,
			     "select uid_gated from folder where folder_id = '" SEED_FOLDER_A "'"));
	race_close(&holder);
	race_close(&taker);
	session_close(admin);
}

static void watermarks_never_go_back(void **state)
{
	static const struct {
		const char *name, *sql, *moved, *marks;
	} rows[] = {
		{ "gated", ADVANCE("1", "7", "10", "0"), "t", "10 0" },
		{ "ingested", ADVANCE("1", "7", "10", "8"), "t", "10 8" },
		{ "back", ADVANCE("1", "7", "5", "3"), "t", "10 8" },
		{ "ingested past gated", ADVANCE("1", "7", "12", "20"), "t", "12 12" },
		{ "other UIDVALIDITY", ADVANCE("1", "8", "30", "30"), "f", "12 12" },
	};
	struct session *admin, *api, *ingest;

	(void)state;
	open_both("marks", &admin, &api, &ingest);
	for (size_t i = 0; i < countof(rows); i++) {
		if (strcmp(pgtest_value(ingest, "%s", rows[i].sql), rows[i].moved) != 0)
			fail_msg("%s: moved: %s", rows[i].name, session_value(ingest, 0, 0));
		if (strcmp(pgtest_value(admin, "select uid_gated || ' ' || uid_ingested from folder"
					       " where folder_id = '" SEED_FOLDER_A "'"),
			   rows[i].marks) != 0)
			fail_msg("%s: %s", rows[i].name, session_value(admin, 0, 0));
	}
	pgtest_exec(admin,
		    "update folder set gated_through = 'infinity', ingested_through = 'infinity'");
	pgtest_value(ingest, ADVANCE("1", "7", "13", "13"));
	assert_string_equal(
		"infinity infinity",
		pgtest_value(admin, "select gated_through || ' ' || ingested_through from folder"
				    " where folder_id = '" SEED_FOLDER_A "'"));
	/* A worker's clock may be wrong: what is not over has not been seen. */
	pgtest_exec(admin, "update folder set gated_through = null, ingested_through = null");
	pgtest_value(ingest, "select folder_advance('" SEED_A "', 1, '" SEED_FOLDER_A
			     "', 7, 13, now() + interval '1 hour', 13, now() + interval '1 hour')");
	assert_string_equal(
		"true true",
		pgtest_value(admin,
			     "select (gated_through between now() - interval '1 minute' and now())"
			     " || ' ' || (ingested_through <= now()) from folder"
			     " where folder_id = '" SEED_FOLDER_A "'"));
	/* A proof without a new mail, and no proof with one. */
	pgtest_value(ingest, "select folder_advance('" SEED_A "', 1, '" SEED_FOLDER_A
			     "', 7, null, null, null, null)");
	assert_string_equal(
		"13 13", pgtest_value(admin, "select uid_gated || ' ' || uid_ingested from folder"
					     " where folder_id = '" SEED_FOLDER_A "'"));
	close_both(admin, api, ingest);
}

static void old_traces_go_in_portions(void **state)
{
	struct session *admin, *api, *ingest, *rotation;

	(void)state;
	open_both("portions", &admin, &api, &ingest);
	pgtest_exec(admin,
		    "insert into trace (workspace_id, digest, inbox_id, folder_id, uidvalidity, "
		    "uid, names, seen_at)"
		    " select '" SEED_WS "', sha256(n::text::bytea), '" SEED_A "', '" SEED_FOLDER_A
		    "', 7, n, 'id',"
		    " now() - make_interval(days => n %% 2 * 15) from generate_series(1, 50001) n;"
		    "insert into outbound_key (workspace_id, digest, touched_at)"
		    " select workspace_id, digest, seen_at from trace");
	pgtest_value(api, REGISTER(OUTBOUND("1", SEED_A, "anna", "x")));
	rotation = pgtest_session("portions", "replyd_rotation");
	assert_string_equal("40000", pgtest_value(rotation, "select housekeeping('14 days')"));
	assert_string_equal("10001", pgtest_value(rotation, "select housekeeping('14 days')"));
	assert_string_equal("0", pgtest_value(rotation, "select housekeeping('14 days')"));
	/* Those of other days, and the one that stands for an outbound by now. */
	assert_string_equal("25000 25001",
			    pgtest_value(admin, "select (select count(*) from trace) || ' ' ||"
						" (select count(*) from outbound_key)"));
	session_close(rotation);
	close_both(admin, api, ingest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registering_says_what_it_did),
		cmocka_unit_test(an_outbound_of_another_workspace_is_not_found),
		cmocka_unit_test(either_order_finds_the_reply),
		cmocka_unit_test(names_find_the_last_outbounds),
		cmocka_unit_test(a_sender_is_looked_at_again),
		cmocka_unit_test(the_final_id_finds_it_too),
		cmocka_unit_test(a_trace_of_before_waits_for_nobody),
		cmocka_unit_test(no_order_of_commits_loses_a_reply),
		cmocka_unit_test(a_swept_placeholder_loses_nothing),
		cmocka_unit_test(batches_do_not_deadlock),
		cmocka_unit_test(only_the_holder_of_the_epoch_writes),
		cmocka_unit_test(a_takeover_waits_for_what_is_being_written),
		cmocka_unit_test(watermarks_never_go_back),
		cmocka_unit_test(old_traces_go_in_portions),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
