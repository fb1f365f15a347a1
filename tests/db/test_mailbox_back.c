/* An inbox that was cut comes back with what it knew, and asks the database only when something
 * may have changed there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/db/pgtest.h"
#include "tests/db/stage.h"

#define EVENTS "select count(*) = %d from event where type = '%s'"
#define LIVE   "select state = 'live' from inbox_state where inbox_id = '" SEED_A "'"
#define PROVEN "select count(*) = 1 from inbox_proof where inbox_id = '" SEED_A "'"
/* Whoever reads the rows anew cannot. */
#define SHUT "revoke select on recheck from replyd_ingest"

static void begin(struct stage *s, const char *database)
{
	stage_open(s, database);
	stage_register(s, "out.1@example.test", "pat");
	stage_watch(s, 1);
	stage_until(s, LIVE);
	stage_until(s, PROVEN);
}

static bool is_back(struct stage *s)
{
	return s->imapd.logins == 2 && mailbox_is_live(s->mailbox);
}

static bool could_not_read(struct stage *s)
{
	return strcmp(s->settled_for, "database") == 0;
}

static void a_short_cut_reads_nothing(void **state)
{
	static struct stage s;

	(void)state;
	begin(&s, "back_short");
	pgtest_exec(s.admin, SHUT);
	imapd_cut_all(&s.imapd);
	stage_until_holds(&s, is_back);
	stage_close(&s);
}

static void what_came_meanwhile_is_found(void **state)
{
	static struct stage s;

	(void)state;
	begin(&s, "back_mail");
	pgtest_exec(s.admin, "update folder set highestmodseq = 0"); /* nothing to go by */
	imapd_cut_all(&s.imapd);
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_until(&s, EVENTS, 1, "reply.received");
	assert_int_equal(s.imapd.logins, 2);
	stage_close(&s);
}

static bool has_hushed(struct stage *s)
{
	return s->imapd.hushes == 0;
}

/* Gates are closed and texts unread when the connection breaks: what there is is read. */
static void what_was_half_done_is_read(void **state)
{
	static struct stage s;

	(void)state;
	begin(&s, "back_half");
	s.imapd.hush_at = "BODY.PEEK[1]";
	s.imapd.hushes = 1;
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_until(&s, "select count(*) = 1 from message where state = 'pending'");
	stage_until_holds(&s, has_hushed);
	pgtest_exec(s.admin, SHUT);
	imapd_cut_all(&s.imapd);
	stage_until_holds(&s, could_not_read);
	pgtest_exec(s.admin, "grant select on recheck to replyd_ingest");
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_close(&s);
}

static bool is_lost(struct stage *s)
{
	return s->losts > 0;
}

/* It does not know that the lease is another's: it may look, and may not write. */
static void what_is_known_is_no_lease(void **state)
{
	static struct stage s;

	(void)state;
	begin(&s, "back_fenced");
	imapd_cut_all(&s.imapd);
	pgtest_exec(s.admin, "update lease set epoch = 2 where inbox_id = '" SEED_A "'");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_until_holds(&s, is_lost);
	assert_string_equal(s.lost_for, "fenced");
	assert_string_equal(stage_value(&s, "select count(*) from message"), "0");
	assert_string_equal(stage_value(&s, "select epoch from inbox_proof"), "1");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_cut_reads_nothing),
		cmocka_unit_test(what_came_meanwhile_is_found),
		cmocka_unit_test(what_was_half_done_is_read),
		cmocka_unit_test(what_is_known_is_no_lease),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
