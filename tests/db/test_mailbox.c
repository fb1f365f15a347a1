/* One mailbox from connection to event, on a server that is polite or rude, with PostgreSQL there
 * or away. */
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
#include "tests/db/stage.h"

#define EVENTS "select count(*) = %d from event where type = '%s'"
#define LIVE   "select state = 'live' from inbox_state where inbox_id = '" SEED_A "'"

/* ---- the main path ---- */

static void check_reply(struct stage *s)
{
	assert_string_equal(
		stage_value(s,
			    "select level || ' ' || reason from gate where prospect_key = 'pat'"),
		"3 replied");
	assert_string_equal(
		stage_value(s,
			    "select state || ' ' || kind from message where prospect_key = 'pat'"),
		"done reply");
	assert_string_equal(
		stage_value(s,
			    "select data->'prospect'->>'key' || ' ' || (data->'prospect'->>'seq') "
			    "from event where type = 'reply.received'"),
		"pat 1");
	assert_string_equal(
		stage_value(s, "select data->'gate'->>'level' || ' ' || (data->'gate'->>'reason') "
			       "from event where type = 'reply.received'"),
		"3 replied");
	assert_string_equal(stage_value(s, "select data->'message'->>'snippet' from event where "
					   "type = 'reply.received'"),
			    "Yes, gladly.");
	assert_string_equal(stage_value(s, "select data->'matches'->0->>'method' from event where "
					   "type = 'reply.received'"),
			    "in_reply_to");
	assert_string_equal(stage_value(s, "select data->'inbox'->>'folder_role' from event where "
					   "type = 'reply.received'"),
			    "inbox");
}

static void only_harmless_words(struct stage *s)
{
	static const char *const bad[] = { "SELECT",  "STORE",  "COPY",   "MOVE",  "APPEND",
					   "EXPUNGE", "DELETE", " CLOSE", " BODY[" };

	buf_add(&s->imapd.said, "", 1);
	for (size_t i = 0; i < countof(bad); i++)
		if (strstr((char *)s->imapd.said.data, bad[i]))
			fail_msg("the server heard %s", bad[i]);
}

/* `step`: bytes of each of the server's writes. */
static void main_path(const char *database, size_t step)
{
	static struct stage s;

	stage_open(&s, database);
	s.imapd.step = step;
	stage_register(&s, "out.1@example.test", "pat");
	stage_register(&s, "out.2@example.test", "sam");
	stage_register(&s, "out.3@example.test", "kim");
	imapd_reply(&s.imapd, 0, "old@prospect.test", "out.1@example.test", "years ago")->is_old =
		true;
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_until(&s, LIVE);
	check_reply(&s);

	/* while it idles: a private mail, a report, an absence in the other folder */
	imapd_reply(&s.imapd, 0, "private@family.test", "nobody@family.test",
		    "Dinner at eight?\r\n");
	imapd_bounce(&s.imapd, 0, "b1@mx.test", "out.2@example.test", "sam@prospect.test");
	stage_until(&s, EVENTS, 1, "bounce.hard");
	imapd_absence(&s.imapd, 1, "a1@prospect.test", "out.3@example.test");
	stage_until(&s, EVENTS, 1, "reply.auto");
	assert_string_equal(
		stage_value(&s,
			    "select level || ' ' || reason from gate where prospect_key = 'sam'"),
		"4 bounced_hard");
	assert_string_equal(
		stage_value(&s, "select level || ' ' || reason || ' ' || hold_until::date from "
				"gate where prospect_key = 'kim'"),
		"1 out_of_office 2026-12-24");
	assert_string_equal(
		stage_value(
			&s,
			"select data->'bounce'->>'status' from event where type = 'bounce.hard'"),
		"5.1.1");
	assert_string_equal(stage_value(&s, SEED_EVENTS), "3");
	assert_string_equal(stage_value(&s, "select count(*) from message"), "3");

	/* of the private mail: digests, and no word */
	stage_until(&s, "select count(*) = 2 from trace where uid = 3");
	assert_string_equal(
		stage_value(&s, "select count(*) from (select m::text || e::text as t from message "
				"m, event e) x where t like '%%family%%' or t like '%%Dinner%%'"),
		"0");
	stage_until(&s,
		    "select uid_gated = 4 and uid_ingested = 4 from folder where role = 'inbox'");
	stage_until(&s,
		    "select uid_gated = 1 and uid_ingested = 1 from folder where role = 'junk'");
	assert_int_equal(s.imapd.logins, 1);
	only_harmless_words(&s);
	stage_close(&s);
}

static void a_reply_becomes_an_event(void **state)
{
	(void)state;
	main_path("mailbox_main", 0);
}

static void also_one_byte_at_a_time(void **state)
{
	(void)state;
	main_path("mailbox_bytes", 1);
}

/* ---- cut anywhere ---- */

static bool has_been_rude(struct stage *s)
{
	return s->imapd.cuts == 0 && s->imapd.refusals == 0;
}

static bool is_back(struct stage *s)
{
	return has_been_rude(s) && s->imapd.connections >= 3 && mailbox_is_live(s->mailbox);
}

static void a_cut_anywhere_loses_nothing(void **state)
{
	static const char *const where[] = { "greeting", "AUTHENTICATE", "NAMESPACE",     "LIST",
					     "EXAMINE",  "SEARCH",       "BODYSTRUCTURE", "PEEK[1]",
					     "STATUS",   "IDLE",         "DONE",          "NOOP" };
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(where); i++) {
		char database[64];

		snprintf(database, sizeof(database), "mailbox_cut_%zu", i);
		stage_open(&s, database);
		stage_register(&s, "out.1@example.test", "pat");
		stage_register(&s, "out.2@example.test", "sam");
		s.imapd.cut_at = where[i];
		s.imapd.cuts = 2;
		imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test",
			    "Yes, gladly.\r\n");
		stage_watch(&s, 1);
		stage_until(&s, EVENTS, 1, "reply.received");
		imapd_reply(&s.imapd, 0, "r2@prospect.test", "out.2@example.test", "No.\r\n");
		stage_until(&s, EVENTS, 2, "reply.received");
		stage_until_holds(&s, is_back);
		stage_until(&s, LIVE);
		stage_until(
			&s,
			"select count(*) = 2 from message where state = 'done' and snippet <> ''");
		assert_string_equal(stage_value(&s, SEED_EVENTS), "2");
		stage_close(&s);
	}
}

/* The gate was closed, the connection cut, and the user deleted the mail before we came back. */
static void a_mail_that_vanishes_is_not_silence(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_vanish");
	stage_register(&s, "out.1@example.test", "pat");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	s.imapd.cut_at = "PEEK[1]";
	s.imapd.cuts = 1;
	stage_watch(&s, 1);
	stage_until(&s, "select count(*) = 1 from message where state = 'pending'");
	assert_string_equal(stage_value(&s, "select level from gate where prospect_key = 'pat'"),
			    "2");
	imapd_expunge(&s.imapd, 0, 1);
	stage_until(&s, EVENTS, 1, "reply.received");
	assert_string_equal(stage_value(&s, "select state from message"), "text_unavailable");
	assert_string_equal(
		stage_value(&s, "select data->>'text_unavailable' || ' ' || "
				"(data->'gate'->>'level') || ' ' || (data->>'step') from event"),
		"true 3 1");
	stage_close(&s);
}

/* As above, but the whole mailbox was rebuilt: other UIDs, the mail still there. */
static void another_uidvalidity_finds_the_same_mail(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_validity");
	stage_register(&s, "out.1@example.test", "pat");
	stage_register(&s, "out.2@example.test", "sam");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 1, "reply.received");
	s.imapd.cut_at = "PEEK[1]";
	s.imapd.cuts = 2; /* and again under the new names */
	imapd_reply(&s.imapd, 0, "r2@prospect.test", "out.2@example.test", "No.\r\n");
	stage_until(&s, "select count(*) = 1 from message where state = 'pending'");
	s.imapd.folders[0].uidvalidity = 70;
	s.imapd.folders[0].mails[0].uid = 101;
	s.imapd.folders[0].mails[1].uid = 102;
	s.imapd.folders[0].uidnext = 103;
	imapd_cut_all(&s.imapd);
	stage_until(&s, EVENTS, 2, "reply.received");
	stage_until(
		&s,
		"select uidvalidity = 70 and uid_ingested = 102 from folder where role = 'inbox'");
	assert_string_equal(stage_value(&s, "select count(*) from message where state = 'done'"),
			    "2");
	assert_string_equal(stage_value(&s, SEED_EVENTS), "2");
	stage_close(&s);
}

/* ---- either order ---- */

static bool recheck_is_told(struct stage *s)
{
	char folder[40], uid[24];

	snprintf(folder, sizeof(folder), "%s",
		 stage_value(s, "select folder_id from recheck limit 1"));
	snprintf(uid, sizeof(uid), "%s", stage_value(s, "select uid from recheck limit 1"));
	if (!folder[0])
		return true;
	mailbox_recheck(s->mailbox, folder, 7, strtoll(uid, NULL, 10));
	return false;
}

static void registered_late_is_the_same_event(void **state)
{
	static struct stage s;
	char early[64];

	(void)state;
	stage_open(&s, "mailbox_late");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_watch(&s, 1);
	stage_until(&s, "select count(*) = 2 from trace");
	stage_register(&s, "out.1@example.test", "pat");
	stage_until_holds(&s, recheck_is_told);
	stage_until(&s, EVENTS, 1, "reply.received");
	check_reply(&s);
	assert_string_equal(stage_value(&s, "select data->>'recovered' from event"), "true");
	snprintf(early, sizeof(early), "%s", stage_value(&s, "select event_id from event"));
	stage_close(&s);

	stage_open(&s, "mailbox_early");
	stage_register(&s, "out.1@example.test", "pat");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 1, "reply.received");
	assert_string_equal(stage_value(&s, "select data->>'recovered' from event"), "false");
	assert_string_equal(stage_value(&s, "select event_id from event"), early);
	stage_close(&s);
}

/* ---- PostgreSQL away ---- */

static bool is_down(struct stage *s)
{
	return !pg_is_up(s->pg);
}

static void the_database_goes_and_comes_back(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_away");
	stage_register(&s, "out.1@example.test", "pat");
	stage_watch(&s, 1);
	stage_until(&s, LIVE);
	session_close(s.admin);
	session_close(s.api);
	s.admin = s.api = NULL;
	pgtest_server_stop();
	stage_until_holds(&s, is_down);
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_for(&s, 300);
	pgtest_server_go();
	s.admin = seed_session("mailbox_away", PGTEST_ADMIN);
	s.api = seed_session("mailbox_away", "replyd_api");
	stage_until(&s, EVENTS, 1, "reply.received");
	assert_int_equal(s.imapd.connections, 1); /* the mail server never noticed */
	check_reply(&s);
	stage_close(&s);
}

/* ---- the fence ---- */

static bool is_lost(struct stage *s)
{
	return s->losts > 0;
}

static void who_lost_the_lease_writes_nothing(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_fence");
	stage_register(&s, "out.1@example.test", "pat");
	stage_watch(&s, 1);
	stage_until(&s, LIVE);
	pgtest_exec(s.admin, "update lease set epoch = 2 where inbox_id = '" SEED_A "'");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_until_holds(&s, is_lost);
	assert_string_equal(stage_value(&s, "select (select count(*) from message) + (select "
					    "count(*) from event) + (select count(*) from gate)"),
			    "0");
	assert_string_equal(stage_value(&s, "select uid_gated from folder where role = 'inbox'"),
			    "0");
	assert_int_equal(mailbox_state_of(s.mailbox), MAILBOX_LOST);

	/* the one who took it finds the mail */
	mailbox_drop(s.mailbox);
	stage_watch(&s, 2);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_close(&s);
}

/* ---- credentials ---- */

static bool is_held(struct stage *s)
{
	return mailbox_state_of(s->mailbox) == MAILBOX_HELD;
}

static void a_refused_credential_is_asked_for_once_more(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_refused");
	s.imapd.password = "another";
	stage_watch(&s, 1);
	stage_until_holds(&s, is_held);
	assert_int_equal(s.asked, 2);
	assert_int_equal(s.asked_refused, 1);
	stage_until(&s, "select state = 'reauth_required' and reason = 'password_refused' from "
			"inbox_state where inbox_id = '" SEED_A "'");
	stage_until(&s, EVENTS, 1, "inbox.reauth_required");

	/* mended: the user reconnects, the broker hands out a later version */
	s.token = "another";
	mailbox_poke(s.mailbox);
	stage_until(&s, LIVE);
	assert_int_equal(s.asked_refused, 2);
	assert_string_equal(stage_value(&s, SEED_EVENTS), "1");
	stage_close(&s);
}

static void a_grant_that_is_gone_is_said(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_nogrant");
	s.token_blame = BLAME_AUTH;
	stage_watch(&s, 1);
	stage_until(&s,
		    "select state = 'reauth_required' from inbox_state where inbox_id = '" SEED_A
		    "'");
	assert_int_equal(s.imapd.connections, 0);
	assert_string_equal(stage_value(&s, SEED_EVENTS), "0"); /* the broker has told it */
	stage_close(&s);
}

static bool has_logged_in_twice(struct stage *s)
{
	if (s->asked > 1)
		s->token_version = 2;
	return s->imapd.logins >= 2 && mailbox_is_live(s->mailbox);
}

static void a_token_is_replaced_before_it_ends(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_renew");
	s.token_life_s = 7;
	stage_provider(&s)->session_ends_with_token = true;
	stage_watch(&s, 1);
	stage_until(&s, LIVE);
	pgtest_exec(s.admin, "create table states (state text); grant insert on states to public;"
			     "create function note() returns trigger language plpgsql as $$ begin "
			     "insert into replyd.states values (new.state); return new; end $$;"
			     "create trigger note after update on inbox_state for each row execute "
			     "function note()");
	s.token_version = 2;
	stage_until_holds(&s, has_logged_in_twice);
	assert_string_equal(stage_value(&s, "select count(*) from states where state <> 'live'"),
			    "0");
	stage_close(&s);
}

/* ---- what a server may do ---- */

static void refusals_do_not_stop_the_watch(void **state)
{
	static const struct {
		const char *what, *with;
	} rows[] = {
		{ "STATUS", "NO [UNAVAILABLE] not now" },
		{ "SEARCH", "NO no searching" },
		{ "BODYSTRUCTURE", "NO [SERVERBUG] once more, please" },
		{ "IDLE", "BAD what is that" },
		{ "PEEK[1]", "NO gone" },
		{ "EXAMINE \"Bulk", "NO not allowed" },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char database[64];

		snprintf(database, sizeof(database), "mailbox_no_%zu", i);
		stage_open(&s, database);
		stage_register(&s, "out.1@example.test", "pat");
		s.imapd.refuse = rows[i].what;
		s.imapd.refuse_with = rows[i].with;
		s.imapd.refusals = 1;
		imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test",
			    "Yes, gladly.\r\n");
		stage_watch(&s, 1);
		stage_until(&s, EVENTS, 1, "reply.received");
		stage_until(&s, LIVE);
		stage_until_holds(&s, has_been_rude);
		stage_until(&s,
			    "select min(gated_through) > now() - interval '3 s' or '%s' like "
			    "'EXAMINE%%' from inbox_seen where inbox_id = '" SEED_A "'",
			    rows[i].what);
		stage_close(&s);
	}
}

/* Refused is not gone: what a mail says, and whom it concerns, is asked for in other sessions. */
static void a_refused_part_is_asked_for_again(void **state)
{
	static const struct {
		const char *what, *with;
		int times;
		const char *type, *unavailable;
	} rows[] = {
		{ "PEEK[1]", "NO not now", 1, "reply.received", "false" },
		{ "PEEK[1]", "NO session expired", 9, "reply.received", "false" },
		{ "PEEK[1]", "NO not now", 1000, "reply.received", "true" },
		{ "PEEK[3", "NO not now", 3, "bounce.hard", "false" },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char database[64];

		snprintf(database, sizeof(database), "mailbox_part_%zu", i);
		stage_open(&s, database);
		stage_register(&s, "out.1@example.test", "pat");
		s.imapd.refuse = rows[i].what;
		s.imapd.refuse_with = rows[i].with;
		s.imapd.refusals = rows[i].times;
		if (rows[i].type[0] == 'b')
			imapd_bounce(&s.imapd, 0, "b1@mx.test", "out.1@example.test",
				     "pat@prospect.test");
		else
			imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test",
				    "Yes, gladly.\r\n");
		stage_watch(&s, 1);
		stage_until(&s, EVENTS, 1, rows[i].type);
		assert_string_equal(stage_value(&s, "select data->>'text_unavailable' from event"),
				    rows[i].unavailable);
		assert_true(rows[i].times > 9 || has_been_rude(&s));
		stage_close(&s);
	}
}

static void a_deaf_idle_is_found_out(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_deaf");
	s.imapd.is_mute = true;
	stage_register(&s, "out.1@example.test", "pat");
	stage_watch(&s, 1);
	stage_until(&s, LIVE);
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_close(&s);
}

/* Only EXAMINE tells; that is found out, and then every proof is one. */
static void a_deaf_noop_is_found_out(void **state)
{
	static struct stage s;
	struct mailbox_params p;

	(void)state;
	stage_open(&s, "mailbox_deaf_noop");
	s.imapd.is_mute = s.imapd.is_deaf = true;
	stage_register(&s, "out.1@example.test", "pat");
	stage_register(&s, "out.2@example.test", "sam");
	stage_register(&s, "out.3@example.test", "kim");
	p = stage_params(&s);
	p.proof_ms = 20;
	stage_watch_as(&s, 1, &p);
	stage_until(&s, LIVE);
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_until(&s, EVENTS, 1, "reply.received");
	imapd_reply(&s.imapd, 0, "r2@prospect.test", "out.2@example.test", "Yes, gladly.\r\n");
	stage_until(&s, EVENTS, 2, "reply.received");
	assert_non_null(strstr(s.notes, "server_deaf"));
	/* A probe is the truth from now on. */
	imapd_reply(&s.imapd, 0, "r3@prospect.test", "out.3@example.test", "Yes, gladly.\r\n");
	mailbox_probe(s.mailbox);
	stage_until(&s, EVENTS, 3, "reply.received");
	stage_close(&s);
}

static void a_hundred_mails_in_windows(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "mailbox_many");
	for (int i = 0; i < IMAPD_MAILS; i++) {
		char id[64], out[64], prospect[32];

		snprintf(id, sizeof(id), "r%d@prospect.test", i);
		snprintf(out, sizeof(out), "out.%d@example.test", i);
		snprintf(prospect, sizeof(prospect), "p%d", i);
		if (i % 2)
			stage_register(&s, out, prospect);
		imapd_reply(&s.imapd, 0, id, out, "Yes.\r\n");
	}
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, IMAPD_MAILS / 2, "reply.received");
	stage_until(&s,
		    "select uid_gated = 64 and uid_ingested = 64 from folder where role = 'inbox'");
	assert_string_equal(stage_value(&s, "select count(*) from gate where level = 3"), "32");
	assert_string_equal(stage_value(&s, "select count(*) from trace where names = 'id'"), "32");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_becomes_an_event),
		cmocka_unit_test(also_one_byte_at_a_time),
		cmocka_unit_test(a_cut_anywhere_loses_nothing),
		cmocka_unit_test(a_mail_that_vanishes_is_not_silence),
		cmocka_unit_test(another_uidvalidity_finds_the_same_mail),
		cmocka_unit_test(registered_late_is_the_same_event),
		cmocka_unit_test(the_database_goes_and_comes_back),
		cmocka_unit_test(who_lost_the_lease_writes_nothing),
		cmocka_unit_test(a_refused_credential_is_asked_for_once_more),
		cmocka_unit_test(a_grant_that_is_gone_is_said),
		cmocka_unit_test(a_token_is_replaced_before_it_ends),
		cmocka_unit_test(refusals_do_not_stop_the_watch),
		cmocka_unit_test(a_refused_part_is_asked_for_again),
		cmocka_unit_test(a_deaf_idle_is_found_out),
		cmocka_unit_test(a_deaf_noop_is_found_out),
		cmocka_unit_test(a_hundred_mails_in_windows),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
