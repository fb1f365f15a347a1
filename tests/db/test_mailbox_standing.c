/* What is told of an inbox while it is on its way: what it waits for, how far it has come, and that
 * it is not let in the second time either. */
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

#define OF_INBOX " from inbox_state where inbox_id = '" SEED_A "'"
#define STANDS   "select state || ' ' || reason || ', ' || waiting_for" OF_INBOX

static void a_first_look_says_how_far_it_is(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "standing_progress");
	for (int i = 0; i < IMAPD_MAILS; i++) {
		char id[64];

		snprintf(id, sizeof(id), "r%d@prospect.test", i);
		imapd_reply(&s.imapd, 0, id, "nobody@example.test", "Yes.\r\n");
	}
	s.imapd.hush_at = "UID FETCH 51:";
	s.imapd.hushes = 1;
	stage_watch(&s, 1);
	stage_until(&s, "select state = 'catching_up' and waiting_for = 'headers'"
			" and progress_done = 50 and progress_of = 64" OF_INBOX);
	imapd_speak(&s.imapd);
	stage_until(&s, "select state = 'live' and waiting_for = 'mail'"
			" and progress_done is null and progress_of is null" OF_INBOX);
	stage_close(&s);
}

static bool is_off(struct stage *s)
{
	return mailbox_state_of(s->mailbox) == MAILBOX_BACKING_OFF;
}

/* Exchange says how long it wants to be left alone; with a quarter more at the most. */
static void they_are_left_alone_for_as_long_as_they_say(void **state)
{
	static struct stage s;
	const char *in;
	int wait_s;

	(void)state;
	stage_open(&s, "standing_throttled");
	s.imapd.refuse = "LIST";
	s.imapd.refuse_with =
		"BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds";
	s.imapd.refusals = 1;
	stage_watch(&s, 1);
	stage_until_holds(&s, is_off);
	stage_until(&s, "select state = 'backing_off'" OF_INBOX);
	assert_string_equal(stage_value(&s, STANDS), "backing_off throttled, another try");
	in = strstr(s.words, ", in ");
	assert_non_null(in);
	wait_s = (int)strtol(in + 5, NULL, 10);
	assert_in_range(wait_s, 93, 117);
	stage_close(&s);
}

static void a_second_wrong_password_is_told_too(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "standing_wrong_twice");
	s.imapd.password = "another";
	stage_watch(&s, 1);
	stage_until(&s, "select count(*) = 1 from event where type = 'inbox.reauth_required'");
	assert_string_equal(stage_value(&s, STANDS),
			    "reauth_required password_refused, somebody to mend it");
	/* as the broker does when one is given again */
	pgtest_exec(s.admin, "update inbox_state set state = 'new', reason = ''");
	s.token_version = 2;
	mailbox_poke(s.mailbox);
	stage_until(&s, "select count(*) = 2 from event where type = 'inbox.reauth_required'");
	stage_until(&s, "select state = 'reauth_required'" OF_INBOX);
	stage_close(&s);
}

static bool is_told_of_the_folder(struct stage *s)
{
	return strstr(s->notes, "folder_shut ") != NULL;
}

/* Junk cannot be opened: no proof, and the timeline says why. */
static void a_folder_that_stays_shut_is_told_of_once(void **state)
{
	static struct stage s;
	struct mailbox_params p;

	(void)state;
	stage_open(&s, "standing_shut");
	p = stage_params(&s);
	stage_provider(&s)->sweep_s = 1;
	s.imapd.refuse = "EXAMINE \"Bulk";
	s.imapd.refuse_with = "NO [NOPERM] not for you";
	s.imapd.refusals = 2;
	stage_watch_as(&s, 1, &p);
	stage_until_holds(&s, is_told_of_the_folder);
	assert_int_equal(mailbox_proven_us(s.mailbox), INT64_MIN);
	stage_until(&s, "select count(*) = 1 from inbox_proof where inbox_id = '" SEED_A "'");
	assert_int_equal(s.imapd.refusals, 0);
	assert_null(strstr(strstr(s.notes, "folder_shut ") + 1, "folder_shut "));
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_first_look_says_how_far_it_is),
		cmocka_unit_test(they_are_left_alone_for_as_long_as_they_say),
		cmocka_unit_test(a_second_wrong_password_is_told_too),
		cmocka_unit_test(a_folder_that_stays_shut_is_told_of_once),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
