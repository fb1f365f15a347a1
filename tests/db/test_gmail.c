/* Gmail: its mails lie in All Mail, INBOX and Sent are views of that, Spam and Trash lie outside.
 */
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
#define PROVEN "select gated_through > void_until from inbox_proof where inbox_id = '" SEED_A "'"
#define TOLD_ROLES                                                                                 \
	"select string_agg(data->'inbox'->>'folder_role', ' ' order by created_at) from event "    \
	"where type = 'reply.received'"
#define ROLES "select string_agg(name || '=' || role, ' ' order by name) from folder"

static void open_gmail(struct stage *s, const char *database)
{
	stage_open(s, database);
	s->provider = "gmail";
	stage_provider(s)->sweep_s = 1;
	imapd_gmail(&s->imapd);
}

/* As Gmail shows a mail that arrived: in INBOX, and in All Mail under another UID. */
static void arrive(struct stage *s, const char *id, const char *in_reply_to)
{
	imapd_reply(&s->imapd, IMAPD_INBOX, id, in_reply_to, "Yes, gladly.\r\n");
	imapd_reply(&s->imapd, IMAPD_ALL, id, in_reply_to, "Yes, gladly.\r\n")->labels =
		"\"\\\\Inbox\" \"\\\\Important\" \"Kunden & mehr\"";
}

static bool has_heard(struct stage *s, const char *words)
{
	return memmem(s->imapd.said.data, s->imapd.said.len, words, strlen(words)) != NULL;
}

/* Nothing that All Mail holds anyway is opened or counted. */
static void only_what_is_apart(struct stage *s)
{
	assert_true(has_heard(s, "EXAMINE \"[Gmail]/All Mail\""));
	assert_true(has_heard(s, "[Gmail]/Spam\""));
	assert_false(has_heard(s, "EXAMINE INBOX"));
	assert_false(has_heard(s, "EXAMINE \"INBOX"));
	assert_false(has_heard(s, "STATUS INBOX"));
	assert_false(has_heard(s, "STATUS \"INBOX"));
	assert_false(has_heard(s, "Sent Mail"));
	assert_false(has_heard(s, "Clients"));
	assert_false(has_heard(s, "\"[Gmail]\""));
}

static void a_reply_is_told_once_wherever_it_lies(void **state)
{
	static struct stage s;

	(void)state;
	open_gmail(&s, "gmail_reply");
	stage_register(&s, "out.1@example.test", "pat");
	stage_register(&s, "out.2@example.test", "sam");
	arrive(&s, "r1@prospect.test", "out.1@example.test");
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_until(&s, LIVE);

	/* and while it idles */
	arrive(&s, "r2@prospect.test", "out.2@example.test");
	stage_until(&s, EVENTS, 2, "reply.received");
	stage_until(&s, PROVEN);
	assert_string_equal(stage_value(&s, TOLD_ROLES), "all all");
	assert_string_equal(stage_value(&s, "select count(*) from message"), "2");

	/* spam is looked at with each proof */
	stage_register(&s, "out.3@example.test", "kim");
	imapd_reply(&s.imapd, IMAPD_JUNK, "r3@prospect.test", "out.3@example.test", "Sure.\r\n");
	stage_until(&s, EVENTS, 3, "reply.received");
	assert_string_equal(stage_value(&s, TOLD_ROLES), "all all junk");

	/* the trash now and then: a filter threw it away unseen */
	stage_register(&s, "out.4@example.test", "lee");
	imapd_reply(&s.imapd, IMAPD_TRASH, "r4@prospect.test", "out.4@example.test", "No.\r\n");
	stage_until(&s, EVENTS, 4, "reply.received");
	assert_string_equal(stage_value(&s, TOLD_ROLES), "all all junk other");
	assert_string_equal(stage_value(&s, ROLES), "[Gmail]/All Mail=all [Gmail]/Spam=junk "
						    "[Gmail]/Trash=other");
	only_what_is_apart(&s);
	stage_close(&s);
}

/* Read, answered from the telephone, thrown away: the same mail in other places. */
static void a_mail_that_is_moved_is_the_same(void **state)
{
	static struct stage s;

	(void)state;
	open_gmail(&s, "gmail_moved");
	stage_register(&s, "out.1@example.test", "pat");
	imapd_reply(&s.imapd, IMAPD_JUNK, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_until(&s, LIVE);
	imapd_expunge(&s.imapd, IMAPD_JUNK, 1);
	imapd_reply(&s.imapd, IMAPD_ALL, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_until(&s, "select uid_ingested = 1 from folder where role = 'all'");
	imapd_expunge(&s.imapd, IMAPD_ALL, 1);
	imapd_reply(&s.imapd, IMAPD_TRASH, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_until(&s, "select uid_ingested = 1 from folder where role = 'other'");
	assert_string_equal(stage_value(&s, SEED_EVENTS), "1");
	assert_string_equal(stage_value(&s, "select count(*) from message"), "1");
	stage_close(&s);
}

static void an_own_copy_is_noted_and_no_reply(void **state)
{
	static struct stage s;

	(void)state;
	open_gmail(&s, "gmail_own");
	stage_register(&s, "out.1@example.test", "pat");
	stage_watch(&s, 1);
	stage_until(&s, LIVE);
	pgtest_exec(s.admin, "update inbox set created_at = now() - interval '1 hour'");
	imapd_own(&s.imapd, IMAPD_ALL, "out.1@example.test", NULL, "A question.\r\n")->labels =
		"\"\\\\Sent\"";
	stage_until(&s, "select count(*) = 1 from outbound where sent_copy_at is not null");

	/* a follow up by hand: it names the outbound as an answer would */
	imapd_own(&s.imapd, IMAPD_ALL, "hand@example.test", "out.1@example.test", "And?\r\n")
		->labels = "Clients \"\\\\Sent\"";
	stage_until(&s, "select count(*) = 1 from manual_pending");
	stage_until(&s, "select uid_ingested = 2 from folder where role = 'all'");
	assert_string_equal(stage_value(&s, "select (select count(*) from event) + (select "
					    "count(*) from message) + (select count(*) from gate "
					    "where level > 0)"),
			    "0");
	assert_false(has_heard(&s, "Sent Mail"));
	stage_close(&s);
}

static bool recheck_is_told(struct stage *s)
{
	char folder[40], uid[24], uidvalidity[24];

	snprintf(folder, sizeof(folder), "%s",
		 stage_value(s, "select folder_id from recheck limit 1"));
	snprintf(uid, sizeof(uid), "%s", stage_value(s, "select uid from recheck limit 1"));
	snprintf(uidvalidity, sizeof(uidvalidity), "%s",
		 stage_value(s, "select uidvalidity from recheck limit 1"));
	if (!folder[0])
		return true;
	mailbox_recheck(s->mailbox, folder, strtoll(uidvalidity, NULL, 10), strtoll(uid, NULL, 10));
	return false;
}

static void registered_late_it_is_found_in_all_mail(void **state)
{
	static struct stage s;

	(void)state;
	open_gmail(&s, "gmail_late");
	arrive(&s, "r1@prospect.test", "out.1@example.test");
	stage_watch(&s, 1);
	stage_until(&s, "select count(*) = 2 from trace");
	stage_until(&s, LIVE);
	stage_register(&s, "out.1@example.test", "pat");
	stage_until_holds(&s, recheck_is_told);
	stage_until(&s, EVENTS, 1, "reply.received");
	assert_string_equal(stage_value(&s, TOLD_ROLES), "all");
	assert_string_equal(stage_value(&s, "select data->>'recovered' from event"), "true");
	stage_close(&s);
}

/* ---- watched by INBOX before ---- */

/* Its watcher knew no All Mail: as a provider that nobody knows. */
static void watch_inbox(struct stage *s)
{
	s->provider = "p";
	stage_watch(s, 1);
	stage_until(s, LIVE);
	stage_until(s, PROVEN);
	stage_until(s, "select count(*) = 1 from folder where role = 'inbox'");
}

static bool is_left(struct stage *s)
{
	return s->imapd.open == 0;
}

static void leave_inbox(struct stage *s)
{
	mailbox_drop(s->mailbox);
	s->mailbox = NULL;
	stage_until_holds(s, is_left); /* it says nothing more */
	s->provider = "gmail";
	buf_drop(&s->imapd.said, s->imapd.said.len);
}

static void watch_inbox_and_leave(struct stage *s)
{
	watch_inbox(s);
	leave_inbox(s);
}

static void from_inbox_to_all_mail_nothing_is_told_twice(void **state)
{
	static struct stage s;

	(void)state;
	open_gmail(&s, "gmail_change");
	stage_register(&s, "out.1@example.test", "pat");
	stage_register(&s, "out.2@example.test", "sam");
	arrive(&s, "r1@prospect.test", "out.1@example.test");
	watch_inbox_and_leave(&s);
	assert_string_equal(stage_value(&s, TOLD_ROLES), "inbox");
	/* from here on the row of INBOX stands still */
	pgtest_exec(s.admin, "update folder set gated_through = now() - interval '1 hour', "
			     "ingested_through = now() - interval '1 hour' where role = 'inbox'");
	arrive(&s, "r2@prospect.test", "out.2@example.test");
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 2, "reply.received");
	stage_until(&s, LIVE);
	stage_until(&s, "select count(*) = 1 from folder where name = 'INBOX' and role = 'other'");
	stage_until(&s, "select uid_ingested = 2 from folder where role = 'all'");
	assert_string_equal(stage_value(&s, TOLD_ROLES), "inbox all");
	assert_string_equal(stage_value(&s, "select count(*) from message"), "2");
	assert_string_equal(stage_value(&s, "select count(*) from event where type = "
					    "'reply.received'"),
			    "2");
	stage_until(&s,
		    "select gated_through > now() - interval '10 s' and ingested_through > now() - "
		    "interval '10 s' from inbox_seen where inbox_id = '" SEED_A "'");
	/* nor is it by what its folders tell alone */
	assert_string_equal(stage_value(&s, "select min(gated_through) > now() - interval '1 min' "
					    "from folder where role in ('inbox', 'junk', 'all')"),
			    "t");
	only_what_is_apart(&s);
	stage_close(&s);
}

/* What only the row of INBOX remembers: in All Mail the look back does not reach it. */
static void what_inbox_remembers_is_seen_again(void **state)
{
	static struct stage s;

	(void)state;
	open_gmail(&s, "gmail_remember");
	imapd_reply(&s.imapd, IMAPD_INBOX, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	imapd_reply(&s.imapd, IMAPD_ALL, "r1@prospect.test", "out.1@example.test", "Yes.\r\n")
		->is_old = true;
	watch_inbox_and_leave(&s);
	stage_until(&s, "select count(*) = 2 from trace");
	stage_watch(&s, 1);
	stage_until(&s, LIVE);
	stage_until(&s, "select count(*) = 1 from folder where name = 'INBOX' and role = 'other'");
	stage_register(&s, "out.1@example.test", "pat");
	stage_until_holds(&s, recheck_is_told);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_until(&s, LIVE);
	stage_close(&s);
}

/* Gated as a mail of INBOX, its text not yet read when All Mail came to be watched. */
static void what_was_half_done_in_inbox_is_finished(void **state)
{
	static struct stage s;

	(void)state;
	open_gmail(&s, "gmail_half_done");
	stage_register(&s, "out.1@example.test", "pat");
	watch_inbox(&s);
	s.imapd.cut_at = "PEEK[1]";
	s.imapd.cuts = 1000;
	arrive(&s, "r1@prospect.test", "out.1@example.test");
	stage_until(&s, "select count(*) = 1 from message where state = 'pending'");
	leave_inbox(&s);
	s.imapd.cuts = 0;
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_until(&s, LIVE);
	stage_until(&s, "select uid_ingested = 1 from folder where role = 'all'");
	assert_string_equal(stage_value(&s, "select state || ' ' || snippet from message"),
			    "done Yes, gladly.");
	assert_string_equal(stage_value(&s, SEED_EVENTS), "1");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_is_told_once_wherever_it_lies),
		cmocka_unit_test(a_mail_that_is_moved_is_the_same),
		cmocka_unit_test(an_own_copy_is_noted_and_no_reply),
		cmocka_unit_test(registered_late_it_is_found_in_all_mail),
		cmocka_unit_test(from_inbox_to_all_mail_nothing_is_told_twice),
		cmocka_unit_test(what_inbox_remembers_is_seen_again),
		cmocka_unit_test(what_was_half_done_in_inbox_is_finished),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
