#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/gate.h"
#include "db/outbound.h"
#include "db/unread.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* The facts that rotation/verdict judges, as the API reads them; and how outbounds get there. */

static struct pg_bench bench;
static struct session *admin;
static char covers[4096]; /* what the last answer says that proofs cover */

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("gate_read");
	admin = seed_session("gate_read", PGTEST_ADMIN);
	pgtest_exec(admin, "insert into prospect_inbox (workspace_id, prospect_key, inbox_id, "
			   "last_sent_at) values"
			   " ('" SEED_WS "', 'anna', '" SEED_A "', now()),"
			   " ('" SEED_WS "', 'both', '" SEED_A "', now()), ('" SEED_WS
			   "', 'both', '" SEED_B "', now()),"
			   " ('" SEED_OTHER "', 'olga', '" SEED_C "', now())");
	pg_bench_open(&bench, "gate_read");
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

static void on_read(struct gate_read *g)
{
	(void)g;
	pg_bench_happened(&bench);
}

static void ask(struct gate_read *g, const char *workspace, const char *prospect)
{
	memset(g, 0x5a, sizeof(*g)); /* nothing of it may be taken for granted */
	assert_int_equal(gate_read_start(bench.pg, g, workspace, prospect, on_read), 0);
	pg_bench_run(&bench, 1);
	assert_true(outcome_ok(&g->outcome));
	(void)snprintf(covers, sizeof(covers), "%s", (const char *)g->covers.data);
	gate_read_clear(g);
}

/* "watched 2026-11-23T09:00:00.000000Z, unwatched never" */
static const char *eyes(const char *prospect)
{
	static char line[512];
	struct gate_read g;
	char at[CLOCK_TEXT];

	ask(&g, SEED_WS, prospect);
	line[0] = '\0';
	for (int i = 0; i < g.n_inboxes; i++) {
		if (g.inboxes[i].seen_us != INT64_MIN)
			clock_rfc3339(g.inboxes[i].seen_us, at);
		else
			(void)snprintf(at, sizeof(at), "never");
		(void)snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s%s %s",
			       i ? ", " : "", g.inboxes[i].blind ? "blind " : "",
			       g.inboxes[i].watched ? "watched" : "unwatched", at);
	}
	return line;
}

#define SEEN "2026-11-23T09:00:00.000000Z"
#define PROOF(at, void_until)                                                                      \
	"insert into inbox_proof (workspace_id, inbox_id, epoch, gated_through, void_until) "      \
	"values ('" SEED_WS "', '" SEED_A "', 1, '" at "', '" void_until "')"

/* Each row changes one thing of an inbox that is live and seen, and is undone. */
static void what_is_seen(void **state)
{
	static const struct {
		const char *name, *change, *anna;
	} rows[] = {
		{ "live", "", "watched " SEEN },
		{ "backing off: still as far as it was",
		  "update inbox_state set state = 'backing_off'", "watched " SEEN },
		{ "never live: not all of its folders may be known",
		  "update inbox_state set live_at = null", "watched never" },
		{ "never seen", "update folder set gated_through = null", "watched never" },
		{ "junk is further behind",
		  "insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
		  "uidvalidity, uid_gated, uid_ingested,"
		  " gated_through) values ('" SEED_WS "', '" SEED_A
		  "', gen_random_uuid(), 'Spam', 'Spam', 'junk', 1, 0, 0,"
		  " '2026-11-23 08:00:00Z')",
		  "watched 2026-11-23T08:00:00.000000Z" },
		{ "junk was never seen",
		  "insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
		  "uidvalidity, uid_gated, uid_ingested)"
		  " values ('" SEED_WS "', '" SEED_A
		  "', gen_random_uuid(), 'Spam', 'Spam', 'junk', 1, 0, 0)",
		  "watched never" },
		{ "another folder does not count",
		  "insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
		  "uidvalidity, uid_gated, uid_ingested)"
		  " values ('" SEED_WS "', '" SEED_A
		  "', gen_random_uuid(), 'Sent', 'Sent', 'sent', 1, 0, 0)",
		  "watched " SEEN },
		{ "no folders yet", "delete from folder where inbox_id = '" SEED_A "'",
		  "unwatched never" },
		{ "only junk is known", "update folder set role = 'junk'", "unwatched " SEEN },
		{ "a proof is newer than what the folders committed",
		  PROOF("2026-11-23 09:05:00Z", "-infinity"),
		  "watched 2026-11-23T09:05:00.000000Z" },
		{ "a proof, and no folder has committed anything",
		  "update folder set gated_through = null;" PROOF("2026-11-23 09:05:00Z",
								  "-infinity"),
		  "watched 2026-11-23T09:05:00.000000Z" },
		{ "folders have committed since the proof",
		  PROOF("2026-11-23 08:00:00Z", "-infinity"), "watched " SEEN },
		{ "a proof that was made before a folder came to be watched",
		  "update folder set gated_through = null;" PROOF("2026-11-23 09:05:00Z",
								  "2026-11-23 09:05:00Z"),
		  "watched never" },
		{ "a mail waits to be looked at again, whatever is proven",
		  "insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, uid)"
		  " values ('" SEED_WS "', '" SEED_A "', '" SEED_FOLDER_A
		  "', 7, 9);" PROOF("2026-11-23 09:05:00Z", "-infinity"),
		  "watched never" },
		{ "all mail stands for the inbox", "update folder set role = 'all', name = 'All'",
		  "watched " SEEN },
		{ "a gap is open",
		  "insert into gap (workspace_id, gap_id, inbox_id, blind_from, cause) values "
		  "('" SEED_WS "', '" SEED_A "', '" SEED_A "', '" SEEN "', 'network')",
		  "blind watched " SEEN },
		{ "a gap is closed",
		  "insert into gap (workspace_id, gap_id, inbox_id, blind_from, cause, blind_to, "
		  "closed_at) values ('" SEED_WS "', '" SEED_A "', '" SEED_A "', '" SEEN
		  "', 'network', '" SEEN "', now())",
		  "watched " SEEN },
		{ "paused", "update inbox set admin_state = 'paused'", "unwatched " SEEN },
		{ "removed", "update inbox set admin_state = 'removed'", "unwatched " SEEN },
		{ "consent is back: not live since",
		  "update inbox_state set state = 'reauth_required';"
		  "update inbox_state set state = 'new'",
		  "watched never" },
		{ "and it is live again",
		  "update inbox_state set state = 'reauth_required';"
		  "update inbox_state set state = 'live', live_at = now()",
		  "watched " SEEN },
		{ "consent is needed", "update inbox_state set state = 'reauth_required'",
		  "unwatched " SEEN },
		{ "nothing is known of its state", "delete from inbox_state", "unwatched never" },
		{ "a mail waits to be looked at again",
		  "insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, uid)"
		  " values ('" SEED_WS "', '" SEED_A "', '" SEED_FOLDER_A "', 7, 9)",
		  "watched never" },
		{ "a mail waits that had its name before UIDVALIDITY changed",
		  "insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, uid)"
		  " values ('" SEED_WS "', '" SEED_A "', '" SEED_FOLDER_A "', 6, 9)",
		  "watched " SEEN },
		{ "a mail waits in a folder that is gone",
		  "insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
		  "uidvalidity, uid_gated, uid_ingested)"
		  " values ('" SEED_WS "', '" SEED_A "', '" SEED_FOLDER_C
		  "', 'Spam', 'Spam', 'other', 1, 0, 0);"
		  "insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, uid)"
		  " values ('" SEED_WS "', '" SEED_A "', '" SEED_FOLDER_C "', 1, 9)",
		  "watched " SEEN },
		{ "one of another inbox waits, and may be her answer",
		  "insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, uid)"
		  " values ('" SEED_WS "', '" SEED_B "', '" SEED_FOLDER_B "', 7, 9);"
		  "insert into recheck_outbound (workspace_id, folder_id, uidvalidity, uid, "
		  "outbound_id, outbound_created_at, inbox_id, prospect_key, digest, seen_at) "
		  "values ('" SEED_WS "', '" SEED_FOLDER_B "', 7, 9, '" SEED_A "', now(), '" SEED_B
		  "', 'anna', 'd', now())",
		  "watched " SEEN ", watched never" },
		{ "one of another inbox waits",
		  "insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, uid)"
		  " values ('" SEED_WS "', '" SEED_B "', '" SEED_FOLDER_B "', 7, 9)",
		  "watched " SEEN },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *is;

		pgtest_exec(
			admin,
			"delete from recheck; delete from folder; delete from inbox_state;"
			"delete from inbox_proof; delete from gap;"
			"update inbox set admin_state = 'enabled';"
			"insert into inbox_state (workspace_id, inbox_id, state, live_at) select "
			"workspace_id, inbox_id, 'live', now() from inbox;"
			"insert into folder (workspace_id, inbox_id, folder_id, name, "
			"wire_name, role, uidvalidity, uid_gated,"
			" uid_ingested, gated_through) values ('" SEED_WS "', '" SEED_A
			"', '" SEED_FOLDER_A "', 'INBOX', 'INBOX',"
			" 'inbox', 7, 0, 0, '" SEEN "'), ('" SEED_WS "', '" SEED_B
			"', '" SEED_FOLDER_B "', 'INBOX', 'INBOX',"
			" 'inbox', 7, 0, 0, '2026-11-23T07:00:00Z')");
		if (*rows[i].change)
			pgtest_exec(admin, "%s", rows[i].change);
		is = eyes("anna");
		if (strcmp(is, rows[i].anna) != 0)
			fail_msg("%s: %s", rows[i].name, is);
	}
	pgtest_exec(admin, "delete from recheck");
	assert_string_equal(eyes("both"), "watched " SEEN ", watched 2026-11-23T07:00:00.000000Z");
	assert_string_equal(eyes("nobody"), "");
}

static void it_says_what_is_covered(void **state)
{
	struct gate_read g;

	(void)state;
	pgtest_exec(admin,
		    "update folder set seen_by = 'push', seen_every_s = 60;"
		    "insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, role, "
		    "uidvalidity, uid_gated, uid_ingested, seen_by, seen_every_s)"
		    " select '" SEED_WS "', '" SEED_A
		    "', md5(n)::uuid, n, n, 'other', 1, 0, 0, s, e"
		    " from (values ('Archive', 'sweep', 900), ('Trash', 'sweep', 600), "
		    "('Gone', '', 0)) v (n, s, e)");
	ask(&g, SEED_WS, "anna");
	assert_string_equal(covers,
			    "[{\"folders\": [{\"role\": \"inbox\", \"folders\": 1, \"seen_by\": "
			    "\"push\", \"seen_every_s\": 60}, {\"role\": \"other\", \"folders\": "
			    "2, \"seen_by\": \"sweep\", \"seen_every_s\": 900}], \"inbox_id\": "
			    "\"" SEED_A "\"}]");
	pgtest_exec(admin, "delete from folder where role = 'other'");
}

static void the_gate_itself(void **state)
{
	struct gate_read g;
	int64_t now_us = clock_unix_us();

	(void)state;
	ask(&g, SEED_WS, "anna");
	assert_int_equal(g.level, 0);
	assert_string_equal(g.reason, "");
	assert_true(g.hold_until_us == INT64_MIN && g.closed_us == INT64_MIN);
	/* One machine, one clock. */
	assert_true(g.now_us >= now_us - 1000000 && g.now_us <= clock_unix_us() + 1000000);

	pgtest_exec(admin,
		    "insert into gate (workspace_id, prospect_key, level, reason, hold_until, "
		    "closed_at)"
		    " values ('" SEED_WS
		    "', 'anna', 1, 'out_of_office', '2026-11-30 00:00:00.5Z', '2026-11-23Z'),"
		    " ('" SEED_WS "', 'gone', 4, 'bounced_hard', null, '2026-11-23Z')");
	ask(&g, SEED_WS, "anna");
	assert_int_equal(g.level, 1);
	assert_string_equal(g.reason, "out_of_office");
	assert_int_equal(g.hold_until_us - g.closed_us, 7 * 86400 * 1000000LL + 500000);
	assert_int_equal(g.n_inboxes, 1);
	/* Closed and nobody's. */
	ask(&g, SEED_WS, "gone");
	assert_int_equal(g.level, 4);
	assert_int_equal(g.n_inboxes, 0);
}

static void another_workspace_sees_nothing(void **state)
{
	struct gate_read g;

	(void)state;
	ask(&g, SEED_OTHER, "anna");
	assert_int_equal(g.level, 0);
	assert_int_equal(g.n_inboxes, 0);
	ask(&g, SEED_WS, "olga");
	assert_int_equal(g.n_inboxes, 0);
	ask(&g, SEED_OTHER, "olga");
	assert_int_equal(g.n_inboxes, 1);
	assert_string_equal(g.inboxes[0].inbox, SEED_C);
}

/* More inboxes than are listed are counted, so that nobody takes the rest for seen. */
static void more_inboxes_than_are_listed(void **state)
{
	struct gate_read g;

	(void)state;
	pgtest_exec(
		admin,
		"insert into prospect_inbox (workspace_id, prospect_key, inbox_id, last_sent_at)"
		" select '" SEED_WS
		"', 'many', gen_random_uuid(), now() from generate_series(1, %d)",
		GATE_INBOXES + 3);
	ask(&g, SEED_WS, "many");
	assert_int_equal(g.n_inboxes, GATE_INBOXES + 3);
	assert_false(g.inboxes[GATE_INBOXES - 1].watched);
}

/* With thousands of prospects a gate costs a few index look-ups. */
static void a_gate_costs_little(void **state)
{
	char path[256], *log = mem_new(1 << 20);
	struct gate_read g;
	const char *plan;
	FILE *f;

	(void)state;
	pgtest_exec(
		admin,
		"insert into prospect_inbox (workspace_id, prospect_key, inbox_id, last_sent_at)"
		" select '" SEED_WS "', 'k' || n, '" SEED_A
		"', now() from generate_series(1, 20000) n;"
		"insert into gate (workspace_id, prospect_key) select '" SEED_WS
		"', 'k' || n from generate_series(1, 20000) n;"
		"insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, uid)"
		" select '" SEED_WS "', md5((n %% 500)::text)::uuid, '" SEED_FOLDER_B
		"', 7, n from generate_series(1, 5000) n;"
		"insert into recheck_outbound (workspace_id, folder_id, uidvalidity, uid, "
		"outbound_id,"
		" outbound_created_at, inbox_id, prospect_key, digest, seen_at)"
		" select workspace_id, folder_id, uidvalidity, uid, inbox_id, now(), inbox_id, 'r' "
		"|| uid,"
		" 'd', now() from recheck;"
		"analyze prospect_inbox; analyze gate; analyze recheck; analyze recheck_outbound");
	pgtest_exec(admin, "alter role replyd_api in database gate_read set "
			   "session_preload_libraries = 'auto_explain';"
			   "alter role replyd_api in database gate_read set "
			   "auto_explain.log_min_duration = 0");
	pg_bench_close(&bench);
	pg_bench_open(&bench, "gate_read");
	pg_bench_run(&bench, 1);
	ask(&g, SEED_WS, "k77");
	assert_int_equal(g.n_inboxes, 1);
	pgtest_exec(admin,
		    "alter role replyd_api in database gate_read reset all; delete from recheck");

	(void)snprintf(path, sizeof(path), "%s/log", pgtest_folder());
	f = fopen(path, "r");
	assert_non_null(f);
	log[fread(log, 1, (1 << 20) - 1, f)] = '\0';
	(void)fclose(f);
	plan = strstr(log, "from prospect_inbox where");
	assert_non_null(plan);
	if (strstr(plan, "Seq Scan on gate") || strstr(plan, "Seq Scan on prospect_inbox") ||
	    strstr(plan, "Seq Scan on recheck")) {
		fputs(plan, stderr);
		free(log);
		fail_msg("tables are read from end to end");
	}
	free(log);
}

/* ---- outbounds ---- */

static char results[256];

static void on_result(struct outbound_register *o, const struct outbound_result *r)
{
	size_t n = strlen(results);

	(void)o;
	assert_int_equal(strlen(r->outbound), strcmp(r->result, "unknown_inbox") ? 36 : 0);
	(void)snprintf(results + n, sizeof(results) - n, "%d %s %d; ", r->item, r->result,
		       r->rechecks);
}

static void on_registered(struct outbound_register *o)
{
	(void)o;
	pg_bench_happened(&bench);
}

static const char *enroll(const char *workspace, const char *items, struct outcome *ret)
{
	struct outbound_register o;

	results[0] = '\0';
	assert_int_equal(
		outbound_register_start(bench.pg, &o, workspace, items, on_result, on_registered),
		0);
	pg_bench_run(&bench, 1);
	*ret = o.outcome;
	return results;
}

#define ITEM(id, inbox, key, print)                                                                \
	"{\"outbound_id\":\"80000000-0000-4000-8000-0000000000" id "\",\"inbox_id\":\"" inbox      \
	"\","                                                                                      \
	"\"sequence\":\"q4\",\"step\":\"1\",\"prospect_key\":\"" key                               \
	"\",\"prospect_address\":\"" key "@example.test\","                                        \
	"\"message_id\":\"" id "@m\",\"sent_at\":\"2026-11-23T09:00:00Z\","                        \
	"\"digest\":\"" id id id id id id id id id id id id id id id id id id id id id id id id id \
		id id id id id id id "\","                                                         \
	"\"fingerprint\":\"" print "\"}"

static void a_batch_is_registered_and_its_gate_known(void **state)
{
	struct outcome o;
	struct gate_read g;

	(void)state;
	pgtest_exec(admin, "insert into trace (workspace_id, digest, inbox_id, folder_id, "
			   "uidvalidity, uid, names)"
			   " values ('" SEED_WS "', decode(repeat('bb', 32), 'hex'), '" SEED_A
			   "', '" SEED_FOLDER_A "', 7, 1, 'id')");
	assert_string_equal(
		enroll(SEED_WS,
		       "[" ITEM("cc", SEED_A, "dora", "01") "," ITEM(
			       "bb", SEED_A, "dora", "01") "," ITEM("dd", SEED_C, "dora", "01") "]",
		       &o),
		"0 created 0; 1 created 1; 2 unknown_inbox 0; ");
	assert_true(outcome_ok(&o));
	assert_string_equal(enroll(SEED_WS,
				   "[" ITEM("cc", SEED_A, "dora", "01") "," ITEM("bb", SEED_A,
										 "dora", "02") "]",
				   &o),
			    "0 repeated 0; 1 conflict 0; ");
	/* The same Message-ID in another workspace is another mail. */
	assert_string_equal(enroll(SEED_OTHER, "[" ITEM("cc", SEED_C, "dora", "01") "]", &o),
			    "0 created 0; ");
	ask(&g, SEED_WS, "dora");
	assert_int_equal(g.n_inboxes, 1);
	assert_true(g.inboxes[0].seen_us ==
		    INT64_MIN); /* the one that came before waits to be looked at */
}

static void a_batch_that_fails_leaves_nothing(void **state)
{
	struct outcome o;

	(void)state;
	assert_string_equal(enroll(SEED_WS,
				   "[" ITEM("ee", SEED_A, "emil", "01") ",{\"inbox_id\":\"" SEED_A
									"\",\"digest\":\"ff\"}]",
				   &o),
			    "");
	assert_int_equal(o.blame, BLAME_US);
	assert_string_equal(
		"0",
		pgtest_value(admin, "select count(*) from outbound where prospect_key = 'emil'"));
}

/* Whoever was written to before that mail came may have answered by it. */
static bool is_unread(const char *prospect)
{
	struct gate_read g;

	ask(&g, SEED_WS, prospect);
	assert_int_equal(g.n_inboxes, 1);
	return g.inboxes[0].unread;
}

static void a_mail_that_nobody_could_read_is_said_until_somebody_looks(void **state)
{
	struct session *api = seed_session("gate_read", "replyd_api");

	(void)state;
	pgtest_exec(
		admin,
		"insert into prospect_inbox (workspace_id, prospect_key, inbox_id, last_sent_at)"
		" select '" SEED_WS "', p, '" SEED_A "', now() from unnest(array['before', "
		"'after']) p;"
		"insert into outbound (workspace_id, outbound_id, inbox_id, sequence, step, "
		"prospect_key, prospect_address, message_id, sent_at) select '" SEED_WS
		"', gen_random_uuid(), '" SEED_A "', 's', '1', p, p || '@b.test', p, now() + at "
		"from (values ('before', interval '-1 h'), ('after', interval '1 h')) x (p, at)");
	assert_false(is_unread("before"));
	pgtest_exec(admin,
		    "insert into mail_unread (workspace_id, folder_id, uidvalidity, uid, "
		    "inbox_id) values ('" SEED_WS "', '" SEED_FOLDER_A "', 7, 3, '" SEED_A "')");
	assert_true(is_unread("before"));
	assert_false(is_unread("after"));
	pgtest_exec(api, "prepare l as %s", unread_sql_list);
	assert_string_equal(pgtest_value(api, "execute l ('" SEED_C "')"),
			    ""); /* another workspace's */
	assert_non_null(strstr(pgtest_value(api, "execute l ('" SEED_A "')"), "\"uid\": 3"));
	pgtest_exec(api, "prepare a as %s", unread_sql_acknowledge);
	assert_string_equal(pgtest_value(api, "execute a ('" SEED_A "', '" SEED_A "')"),
			    "{\"acknowledged\": 1}");
	assert_string_equal(pgtest_value(api, "execute a ('" SEED_A "', '" SEED_A "')"),
			    "{\"acknowledged\": 0}");
	assert_false(is_unread("before"));
	session_close(api);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_seen),
		cmocka_unit_test(it_says_what_is_covered),
		cmocka_unit_test(the_gate_itself),
		cmocka_unit_test(another_workspace_sees_nothing),
		cmocka_unit_test(more_inboxes_than_are_listed),
		cmocka_unit_test(a_gate_costs_little),
		cmocka_unit_test(a_batch_is_registered_and_its_gate_known),
		cmocka_unit_test(a_batch_that_fails_leaves_nothing),
		cmocka_unit_test(a_mail_that_nobody_could_read_is_said_until_somebody_looks),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
