/* What an inbox itself sent: copies of outbounds, and what somebody wrote by hand. */
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
#include "ingest/worker.h"
#include "tests/db/pgtest.h"
#include "tests/db/play.h"

#define GATE   "select coalesce(max(level), 0) from gate where prospect_key = 'pat'"
#define MANUAL "select count(*) from manual_pending"

/* ---- what the inbox itself sent ---- */

static void own_mails_are_no_answers(void **state)
{
	static const struct {
		const char *name, *role;
		struct play_mail mail;
		const char *manual, *gate, *answers;
	} rows[] = {
		{ "to a prospect",
		  "sent",
		  { .head = PLAY_OWN "To: Pat@Prospect.test\r\n" },
		  "1",
		  "0",
		  "" },
		{ "a copy to the prospect",
		  "sent",
		  { .head = PLAY_OWN "To: x@y.test\r\nCc: pat@prospect.test\r\n" },
		  "1",
		  "0",
		  "" },
		{ "known by its label",
		  "all",
		  { .head = "From: alias@example.test\r\nTo: pat@prospect.test\r\n",
		    .labels = "\"\\\\Important\" \"\\\\Sent\"" },
		  "1",
		  "0",
		  "" },
		{ "another label",
		  "all",
		  { .head = "From: alias@example.test\r\nTo: pat@prospect.test\r\n",
		    .labels = "\"\\\\Inbox\" \"Sent\" \\Unsent" },
		  "0",
		  "0",
		  "" },
		{ "under another address",
		  "sent",
		  { .head = "From: alias@example.test\r\nTo: pat@prospect.test\r\n" },
		  "1",
		  "0",
		  "" },
		{ "blind copy to oneself",
		  "inbox",
		  { .head = PLAY_OWN
		    "To: pat@prospect.test\r\nIn-Reply-To: <out.1@example.test>\r\n" },
		  "1",
		  "0",
		  "outbound" },
		{ "follows up, to another address",
		  "sent",
		  { .head = PLAY_OWN "To: x@y.test\r\nReferences: <out.1@example.test>\r\n" },
		  "1",
		  "0",
		  "outbound" },
		{ "answers what the prospect wrote",
		  "sent",
		  { .head = PLAY_OWN "To: x@y.test\r\nIn-Reply-To: <r9@pat.test>\r\n" },
		  "1",
		  "0",
		  "message" },
		{ "to nobody of ours",
		  "sent",
		  { .head = PLAY_OWN "To: x@y.test\r\n" },
		  "0",
		  "0",
		  "" },
		{ "a draft",
		  "sent",
		  { .head = PLAY_OWN "To: pat@prospect.test\r\n", .flags = "\\Seen \\Draft" },
		  "0",
		  "0",
		  "" },
		{ "an absence notice of one's own",
		  "sent",
		  { .head = PLAY_OWN "To: pat@prospect.test\r\nAuto-Submitted: auto-replied\r\n" },
		  "0",
		  "0",
		  "" },
		{ "from before the inbox was connected",
		  "sent",
		  { .head = PLAY_OWN "To: pat@prospect.test\r\n", .date_s = 1000000000 },
		  "0",
		  "0",
		  "" },
		{ "an answer that was filed among the sent ones",
		  "sent",
		  { .head = PLAY_PAT "To: a@example.test\r\nIn-Reply-To: <out.1@example.test>\r\n",
		    .text = "Yes." },
		  "0",
		  "3",
		  "" },
	};
	static struct play p;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct play_mail t = rows[i].mail;
		char database[32];

		t.uid = 1;
		snprintf(database, sizeof(database), "intake_own_%zu", i);
		play_open(&p, database);
		stage_register(&p.s, "out.1@example.test", "pat");
		pgtest_exec(
			p.s.admin,
			"insert into message (workspace_id, message_id, inbox_id, folder_id, "
			"uidvalidity, uid, state, prospect_key, header_message_id, internal_at, "
			"size_bytes, matches, detected_at) values ('" SEED_WS
			"', gen_random_uuid(), '" SEED_A "', '" SEED_FOLDER_A
			"', 7, 99, 'done', 'pat', 'r9@pat.test', now(), 1, "
			"'[{\"prospect\":\"pat\",\"address\":\"pat@prospect.test\","
			"\"outbound_id\":\"20000000-0000-4000-8000-00000000000f\"}]', now())");
		play_arrive(&p, rows[i].role, &t, 1);
		if (strcmp(play_value(&p, MANUAL), rows[i].manual) != 0)
			fail_msg("%s: %s by hand", rows[i].name, play_value(&p, MANUAL));
		if (strcmp(play_value(&p, GATE), rows[i].gate) != 0)
			fail_msg("%s: gate %s", rows[i].name, play_value(&p, GATE));
		if (rows[i].manual[0] == '1')
			assert_string_equal(
				play_value(
					&p,
					"select case when prospects->0->>'message_id' is not null "
					"then 'message' when prospects->0->>'outbound_id' is not "
					"null then 'outbound' else '' end from manual_pending"),
				rows[i].answers);
		assert_string_equal(
			play_value(&p, "select uid_gated || ' ' || uid_ingested from folder"),
			"1 1");
		stage_close(&p.s);
	}
}

static const struct play_mail copy = { .uid = 1,
				       .head = PLAY_OWN "To: pat@prospect.test\r\n"
							"Message-ID: <out.1@example.test>\r\n" };

static void the_copy_of_an_outbound_is_noted_in_either_order(void **state)
{
	static struct play p;

	(void)state;
	play_open(&p, "intake_copy_late");
	stage_register(&p.s, "out.0@example.test", "pat");
	play_arrive(&p, "sent", &copy, 1);
	assert_string_equal(play_value(&p, MANUAL), "1");
	stage_register(&p.s, "out.1@example.test", "pat");
	assert_string_equal(play_value(&p, MANUAL), "0");
	assert_string_equal(play_value(&p, "select string_agg(message_id, ' ') from outbound where "
					   "sent_copy_at is not null"),
			    "out.1@example.test");
	assert_string_equal(play_value(&p, "select count(*) from recheck"), "0");
	stage_close(&p.s);

	play_open(&p, "intake_copy_early");
	stage_register(&p.s, "out.1@example.test", "pat");
	play_arrive(&p, "sent", &copy, 1);
	assert_string_equal(play_value(&p, MANUAL), "0");
	assert_string_equal(
		play_value(&p, "select count(*) from outbound where sent_copy_at is not null"),
		"1");
	assert_string_equal(play_value(&p, "select count(*) from trace"), "0");
	stage_close(&p.s);
}

static void what_was_written_by_hand_is_told_once(void **state)
{
	const struct play_mail mails[] = {
		{ .uid = 1,
		  .date_s = clock_unix_s() - 20,
		  .head = PLAY_OWN "To: pat@prospect.test, sam@prospect.test\r\n"
				   "Message-ID: <m1@example.test>\r\nSubject: Tomorrow\r\n" },
		{ .uid = 2,
		  .date_s = clock_unix_s() - 10,
		  .head = PLAY_OWN "To: pat@prospect.test\r\nMessage-ID: <m2@example.test>\r\n" },
	};
	static struct play p;
	struct worker_params wp;
	struct worker *w;

	(void)state;
	play_open(&p, "intake_manual");
	stage_register(&p.s, "out.1@example.test", "pat");
	stage_register(&p.s, "out.2@example.test", "sam");
	play_arrive(&p, "sent", mails, countof(mails));
	pgtest_exec(p.s.admin, "delete from worker; update lease set worker_id = null;"
			       "update inbox set admin_state = 'paused'");
	wp = (struct worker_params){ .capacity = 10,
				     .heartbeat_ms = 40,
				     .lease_ms = 600,
				     .grace_ms = 400,
				     .mailbox = stage_params(&p.s) };
	snprintf(wp.id, sizeof(wp.id), "%s", "40000000-0000-4000-8000-0000000000f1");
	w = worker_open(&wp);
	stage_for(&p.s, 200);
	assert_string_equal(play_value(&p, "select count(*) from event"), "0"); /* not due */
	pgtest_exec(p.s.admin, "update manual_pending set due_at = now()");
	stage_until(&p.s, "select count(*) = 3 from event where type = 'outbound.manual'");
	worker_drop(w);
	assert_string_equal(
		play_value(&p, "select string_agg(prospect_key || ' ' || prospect_seq || ' ' || "
			       "(data->'prospect'->>'seq') || ' ' || "
			       "(data->'message'->>'message_id'), ', ' order by prospect_key, "
			       "prospect_seq) from event"),
		"pat 1 1 m1@example.test, pat 2 2 m2@example.test, "
		"sam 1 1 m1@example.test");
	assert_string_equal(
		play_value(&p, "select data->'answers' = 'null' and data->'inbox'->>'address' = "
			       "'a@example.test' and data->'message'->>'subject' = 'Tomorrow' "
			       "from event where prospect_key = 'sam'"),
		"t");
	assert_string_equal(play_value(&p, MANUAL), "0");
	assert_string_equal(play_value(&p, GATE), "0");
	stage_close(&p.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_mails_are_no_answers),
		cmocka_unit_test(the_copy_of_an_outbound_is_noted_in_either_order),
		cmocka_unit_test(what_was_written_by_hand_is_told_once),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
