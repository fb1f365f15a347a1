/* What becomes of a connect link whose inbox waits for its first login. */
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
#include "tests/db/stage.h"

#define LINK    "60000000-0000-4000-8000-000000000001"
#define EARLIER "60000000-0000-4000-8000-000000000002"
#define OF_LINK " from replyd.connect_link where connect_link_id = '" LINK "'"
#define SAID    "select state || ' ' || problem" OF_LINK
#define TOLD    "select count(*) from replyd.event where type = 'inbox.connected'"

/* As the broker leaves it. */
static void put_link(struct session *admin, const char *id, int waits_s)
{
	pgtest_exec(admin,
		    "insert into replyd.connect_link (workspace_id, connect_link_id, token_digest,"
		    "  provider, state, inbox_id, expires_at, checking_at)"
		    " values ('" SEED_WS "', '%s', sha256('%s'), 'p', 'checking', '" SEED_A
		    "', now() + interval '1 hour', now() - make_interval(secs => %d))",
		    id, id, waits_s);
}

/* What the worker says of the inbox, and since when. */
static const struct {
	const char *name, *state, *reason;
	int said_s, waits_s;
	const char *link;
	int events;
} rows[] = {
	{ "on the way", "connecting", "", 5, 5, "checking ", 0 },
	{ "let in", "catching_up", "", 0, 5, "connected ", 1 },
	{ "watched", "live", "", 0, 5, "connected ", 1 },
	{ "watched before the link was made", "live", "", 900, 0, "connected ", 1 },
	{ "held", "held", "imap_off", 0, 1, "failed imap_off", 0 },
	{ "the user again", "reauth_required", "password_refused", 0, 1, "failed password_refused",
	  0 },
	{ "turned away for a moment", "backing_off", "certificate", 10, 15, "checking ", 0 },
	{ "turned away for long", "backing_off", "certificate", 25, 30, "failed certificate", 0 },
	{ "nobody answers", "backing_off", "network", 25, 30, "failed port_unreachable", 0 },
	{ "turned away since before the link", "backing_off", "network", 600, 5, "checking ", 0 },
	{ "for one reason after the other", "backing_off", "server", 3, 61, "failed server", 0 },
	{ "let in, and slowed down", "backing_off", "throttled", 25, 30, "connected slow_sync", 1 },
	{ "a limit on logins proves nothing", "backing_off", "login_rate_limit", 25, 30,
	  "failed login_rate_limit", 0 },
};

static void what_is_said_of_the_inbox_settles_it(void **state)
{
	struct session *admin, *ingest;

	(void)state;
	admin = pgtest_session(seed_database("check_rows"), PGTEST_ADMIN);
	ingest = seed_session("check_rows", "replyd_ingest");
	for (size_t i = 0; i < countof(rows); i++) {
		pgtest_exec(admin, "delete from replyd.connect_link; delete from replyd.event;"
				   " delete from replyd.event_key");
		put_link(admin, LINK, rows[i].waits_s);
		pgtest_exec(admin,
			    "update replyd.inbox_state set state = '%s', reason = '%s',"
			    " detail = 'so they say', since = now() - make_interval(secs => %d)"
			    " where inbox_id = '" SEED_A "'",
			    rows[i].state, rows[i].reason, rows[i].said_s);
		pgtest_exec(ingest, "select links_checked(array['" SEED_A "'::uuid])");
		if (strcmp(pgtest_value(admin, SAID), rows[i].link) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, pgtest_value(admin, SAID));
		if (rows[i].events != (*pgtest_value(admin, TOLD) - '0'))
			fail_msg("%s: %s events", rows[i].name, pgtest_value(admin, TOLD));
		/* Said again, nothing happens again. */
		pgtest_exec(ingest, "select links_checked(array['" SEED_A "'::uuid])");
		assert_int_equal(rows[i].events, *pgtest_value(admin, TOLD) - '0');
	}
	/* What the worker wrote afterwards is still of its own workspace. */
	assert_string_equal(pgtest_value(ingest, "select workspace_now()"), SEED_WS);
	session_close(ingest);
	session_close(admin);
}

static void one_that_failed_still_connects(void **state)
{
	struct session *admin, *ingest;

	(void)state;
	admin = pgtest_session(seed_database("check_later"), PGTEST_ADMIN);
	ingest = seed_session("check_later", "replyd_ingest");
	put_link(admin, EARLIER, 300);
	put_link(admin, LINK, 100);
	pgtest_exec(admin, "update replyd.inbox_state set state = 'held', reason = 'imap_off',"
			   " detail = 'IMAP is off'");
	pgtest_exec(ingest, "select links_checked(array['" SEED_A "'::uuid, '" SEED_B "'])");
	assert_string_equal(pgtest_value(admin, "select string_agg(state || ' ' || problem_detail,"
						" ',') from replyd.connect_link"),
			    "failed IMAP is off,failed IMAP is off");
	pgtest_exec(admin, "update replyd.inbox_state set state = 'live', reason = ''");
	pgtest_exec(ingest, "select links_checked(array['" SEED_A "'::uuid, '" SEED_B "'])");
	/* The newest; what another link came to is history. */
	assert_string_equal(pgtest_value(admin, SAID), "connected ");
	assert_string_equal(pgtest_value(admin, "select state from replyd.connect_link where"
						" connect_link_id = '" EARLIER "'"),
			    "failed");
	assert_string_equal(pgtest_value(admin, "select string_agg(data::text, ',') from"
						" replyd.event where type = 'inbox.connected'"),
			    "{\"address\": \"a@example.test\", \"inbox_id\": \"" SEED_A
			    "\", \"connect_link_id\": \"" LINK "\"}");
	assert_string_equal(pgtest_value(admin,
					 "select event_id = replyd.event_id_of('" SEED_WS
					 "', '" SEED_A "', 'inbox.connected', '" LINK
					 "') from replyd.event where type = 'inbox.connected'"),
			    "t");
	/* And what happens to the inbox from then on is no matter of the link. */
	pgtest_exec(admin, "update replyd.inbox_state set state = 'held', reason = 'imap_off'");
	pgtest_exec(ingest, "select links_checked(array['" SEED_A "'::uuid])");
	assert_string_equal(pgtest_value(admin, SAID), "connected ");
	session_close(ingest);
	session_close(admin);
}

static void slowness_goes_away(void **state)
{
	struct session *admin, *ingest;

	(void)state;
	admin = pgtest_session(seed_database("check_slow"), PGTEST_ADMIN);
	ingest = seed_session("check_slow", "replyd_ingest");
	put_link(admin, LINK, 40);
	pgtest_exec(admin, "update replyd.inbox_state set state = 'backing_off',"
			   " reason = 'over_quota', since = now() - interval '30 s'");
	pgtest_exec(ingest, "select links_checked(array['" SEED_A "'::uuid])");
	assert_string_equal(pgtest_value(admin, SAID), "connected slow_sync");
	pgtest_exec(admin, "update replyd.inbox_state set state = 'live', reason = ''");
	pgtest_exec(ingest, "select links_checked(array['" SEED_A "'::uuid])");
	assert_string_equal(pgtest_value(admin, SAID), "connected ");
	assert_string_equal(pgtest_value(admin, TOLD), "1");
	session_close(ingest);
	session_close(admin);
}

/* Rotation comes by: nobody may wait for ever. */
static const struct {
	const char *name, *worker; /* SQL: what is done to the fleet */
	int waits_s;
	const char *link;
} late[] = {
	{ "nobody has it yet", "update replyd.lease set worker_id = null", 30, "checking " },
	{ "nobody has it for a minute", "update replyd.lease set worker_id = null", 70,
	  "failed no_worker" },
	{ "whoever had it is dead",
	  "update replyd.worker set beat_at = now() - interval '1 minute'", 70,
	  "failed no_worker" },
	{ "a worker tries", "update replyd.worker set beat_at = now()", 70, "checking " },
	{ "for three minutes", "update replyd.worker set beat_at = now()", 190,
	  "failed check_timeout" },
};

static void nobody_waits_for_ever(void **state)
{
	struct session *admin, *rotation;

	(void)state;
	admin = pgtest_session(seed_database("check_late"), PGTEST_ADMIN);
	rotation = pgtest_session("check_late", "replyd_rotation");
	for (size_t i = 0; i < countof(late); i++) {
		pgtest_exec(admin,
			    "delete from replyd.connect_link; update replyd.lease set worker_id ="
			    " '" SEED_WORKER "'; %s",
			    late[i].worker);
		put_link(admin, LINK, late[i].waits_s);
		pgtest_exec(rotation, "select links_overdue()");
		if (strcmp(pgtest_value(admin, SAID), late[i].link) != 0)
			fail_msg("%s: \"%s\"", late[i].name, pgtest_value(admin, SAID));
	}
	/* What a worker said while nobody listened is made up. */
	pgtest_exec(admin, "delete from replyd.connect_link;"
			   " update replyd.inbox_state set state = 'live'");
	put_link(admin, LINK, 1);
	assert_string_equal(pgtest_value(rotation, "select links_overdue()"), "1");
	assert_string_equal(pgtest_value(rotation, "select links_overdue()"), "0");
	assert_string_equal(pgtest_value(admin, SAID), "connected ");
	assert_string_equal(pgtest_value(admin, TOLD), "1");
	/* The broker knows of a refused password first; what that means at this provider the worker
	 * says. */
	pgtest_exec(admin,
		    "delete from replyd.connect_link; update replyd.inbox_state set"
		    " state = 'reauth_required', reason = 'password_refused', since = now()");
	put_link(admin, LINK, 1);
	assert_string_equal(pgtest_value(rotation, "select links_overdue()"), "0");
	assert_string_equal(pgtest_value(admin, SAID), "checking ");
	pgtest_exec(admin, "update replyd.inbox_state set since = now() - interval '6 s'");
	assert_string_equal(pgtest_value(rotation, "select links_overdue()"), "1");
	assert_string_equal(pgtest_value(admin, SAID), "failed password_refused");
	session_close(rotation);
	session_close(admin);
}

/* The mailbox itself: a login that is let in no further than that does not connect. */
static void a_login_alone_is_not_enough(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "check_login");
	put_link(s.admin, LINK, 0);
	s.imapd.refuse = "LIST";
	s.imapd.refuse_with = "BAD User is authenticated but not connected.";
	s.imapd.refusals = 1;
	stage_watch(&s, 1);
	stage_until(&s,
		    "select state = 'backing_off' from inbox_state where inbox_id = '" SEED_A "'");
	assert_string_equal(stage_value(&s, SAID), "checking ");
	mailbox_poke(s.mailbox);
	stage_close(&s);
}

static void a_folder_that_opens_connects(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "check_opens");
	put_link(s.admin, LINK, 0);
	stage_watch(&s, 1);
	stage_until(&s, "select state = 'connected'" OF_LINK);
	stage_until(&s, "select count(*) = 1 from event where type = 'inbox.connected'");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_of_the_inbox_settles_it),
		cmocka_unit_test(one_that_failed_still_connects),
		cmocka_unit_test(slowness_goes_away),
		cmocka_unit_test(nobody_waits_for_ever),
		cmocka_unit_test(a_login_alone_is_not_enough),
		cmocka_unit_test(a_folder_that_opens_connects),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
