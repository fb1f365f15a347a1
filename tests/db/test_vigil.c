/* What an inbox's vigil makes of absences, gaps, renumbered folders and mails that cannot be had.
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
#define RECOVERED                                                                                  \
	"select data->>'recovered' from event where type = 'reply.received' order by created_at "  \
	"desc limit 1"

static bool proves_nothing(struct stage *s)
{
	return !s->is_proving;
}

/* Nothing of its own is still on the way to the database when this returns. */
static void watch_and_leave(struct stage *s)
{
	stage_watch(s, 1);
	stage_until(s, LIVE);
	stage_until(s, PROVEN);
	mailbox_drop(s->mailbox);
	s->mailbox = NULL;
	stage_until_holds(s, proves_nothing);
}

/* As if all of that were so many minutes ago. */
static void long_ago(struct stage *s, int minutes)
{
	pgtest_exec(s->admin, "update folder set gated_through = gated_through - interval '%d min'",
		    minutes);
	pgtest_exec(s->admin,
		    "update inbox_proof set gated_through = gated_through - interval '%d min',"
		    " void_until = '-infinity'",
		    minutes);
}

static void an_absence_is_made_up_and_told(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "vigil_absence");
	stage_register(&s, "out.1@example.test", "pat");
	watch_and_leave(&s);
	long_ago(&s, 30);
	imapd_reply(&s.imapd, 0, "x1@prospect.test", "nobody@example.test", "Gone soon.\r\n");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	imapd_expunge(&s.imapd, 0, 1);
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 1, "reply.received");
	assert_string_equal(stage_value(&s, RECOVERED), "true");
	stage_until(&s, EVENTS, 1, "inbox.gap.closed");
	assert_string_equal(stage_value(&s, "select cause || ' ' || replayed || ' ' || vanished || "
					    "' ' || skipped || ' ' || verified from gap"),
			    "worker_gone 1 1 0 true");
	assert_string_equal(
		stage_value(&s, "select blind_to - blind_from > interval '29 min' from gap"), "t");
	stage_close(&s);
}

static void a_short_one_is_no_gap(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "vigil_short");
	stage_register(&s, "out.1@example.test", "pat");
	watch_and_leave(&s);
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_until(&s, LIVE);
	assert_string_equal(stage_value(&s, RECOVERED), "false");
	assert_string_equal(stage_value(&s, "select count(*) from gap"), "0");
	stage_close(&s);
}

static void a_gap_opened_while_live_is_closed(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "vigil_live_gap");
	stage_watch(&s, 1);
	stage_until(&s, LIVE);
	stage_until(&s, PROVEN);
	pgtest_exec(s.admin, "insert into gap (workspace_id, gap_id, inbox_id, blind_from, cause)"
			     " select workspace_id, gen_random_uuid(), inbox_id, gated_through,"
			     " 'no_proof' from inbox_proof");
	stage_until(&s, "select closed_at is not null and verified and replayed = 0 from gap");
	assert_string_equal(stage_value(&s, "select count(*) from gap"), "1");
	stage_close(&s);
}

static void renumbered_while_away_is_not_verified(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "vigil_renumbered");
	stage_register(&s, "out.1@example.test", "pat");
	stage_register(&s, "out.2@example.test", "sam");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	watch_and_leave(&s);
	long_ago(&s, 30);
	imapd_reply(&s.imapd, 0, "r2@prospect.test", "out.2@example.test", "No.\r\n");
	s.imapd.folders[0].uidvalidity = 70;
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 2, "reply.received");
	assert_string_equal(stage_value(&s, RECOVERED), "true");
	stage_until(&s, EVENTS, 1, "inbox.gap.closed");
	assert_string_equal(stage_value(&s, "select verified from gap"), "f");
	assert_string_equal(stage_value(&s, "select count(*) from message"), "2");
	stage_close(&s);
}

/* The others are told, the inbox is live and proven; only the row's UID waits before it. */
static void a_mail_that_is_never_given_holds_up_nobody(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "vigil_poison");
	stage_register(&s, "out.1@example.test", "pat");
	stage_register(&s, "out.2@example.test", "sam");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	imapd_reply(&s.imapd, 0, "p@prospect.test", "out.2@example.test", "Never read.\r\n");
	imapd_reply(&s.imapd, 0, "r2@prospect.test", "out.2@example.test", "No.\r\n");
	s.imapd.poison = 2;
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 2, "reply.received");
	stage_until(&s, LIVE);
	stage_until(&s, PROVEN);
	assert_string_equal(stage_value(&s, "select uid_gated from folder where role = 'inbox'"),
			    "1");
	stage_close(&s);
}

static bool tells_deadly(struct stage *s)
{
	const char *first = strstr(s->notes, "mail_deadly");

	return first && strstr(first + 1, "mail_deadly");
}

/* Two processes have left their attempts: nobody reads them, the event says so, and the timeline of
 * each. */
static void deadly_mails_are_told(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "vigil_deadly");
	stage_register(&s, "out.1@example.test", "pat");
	stage_register(&s, "out.2@example.test", "sam");
	watch_and_leave(&s);
	imapd_reply(&s.imapd, 0, "d@prospect.test", "out.1@example.test", "Never read.\r\n");
	imapd_reply(&s.imapd, 0, "r2@prospect.test", "out.2@example.test", "No.\r\n");
	imapd_reply(&s.imapd, 0, "x@prospect.test", "nobody@example.test", "Never read.\r\n");
	pgtest_exec(s.admin,
		    "insert into mail_attempt (workspace_id, inbox_id, folder_id, uidvalidity, uid,"
		    " epoch, tries) select workspace_id, inbox_id, folder_id, uidvalidity, u, 0, 2"
		    " from folder, (values (1), (3)) deadly (u) where role = 'inbox'");
	s.is_bereft = true;
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, 2, "reply.received");
	stage_until_holds(&s, tells_deadly);
	assert_string_equal(
		stage_value(&s, "select string_agg(prospect_key || ' ' || state, ', ' order by 1)"
				" from message"),
		"pat text_unavailable, sam done");
	stage_close(&s);
}

/* ---- more folders than have a place ---- */

#define SIDES 11

static void open_sides(struct stage *s, const char *database)
{
	static const char *const names[SIDES] = { "Side.a", "Side.b", "Side.c", "Side.d",
						  "Side.e", "Side.f", "Side.g", "Side.h",
						  "Side.i", "Side.j", "Side.k" };

	stage_open(s, database);
	for (unsigned i = 0; i < SIDES; i++) {
		char id[40], out[40];

		(void)snprintf(id, sizeof(id), "r%u@prospect.test", i);
		(void)snprintf(out, sizeof(out), "out.%u@example.test", i);
		imapd_reply(&s->imapd, imapd_add(&s->imapd, names[i]), id, out, "Yes, gladly.\r\n");
	}
}

static void register_all(struct stage *s)
{
	for (unsigned i = 0; i < SIDES; i++) {
		char id[40], who[40];

		(void)snprintf(id, sizeof(id), "out.%u@example.test", i);
		(void)snprintf(who, sizeof(who), "pat.%u", i);
		stage_register(s, id, who);
	}
}

/* As if a worker had died between gate and text, in each of them. */
static void what_is_half_done_waits_for_a_place(void **state)
{
	static struct stage s;

	(void)state;
	open_sides(&s, "vigil_places");
	register_all(&s);
	stage_watch(&s, 1);
	stage_until(&s, EVENTS, SIDES, "reply.received");
	mailbox_drop(s.mailbox);
	s.mailbox = NULL;
	pgtest_exec(s.admin, "update message set state = 'pending', snippet = ''");
	stage_watch(&s, 1);
	stage_until(&s, "select count(*) = 0 from message where state = 'pending'");
	assert_string_equal(
		stage_value(&s, "select string_agg(distinct state || ' ' || snippet, ',') from "
				"message"),
		"done Yes, gladly.");
	stage_close(&s);
}

static bool all_rechecks_are_told(struct stage *s)
{
	for (unsigned i = 0; i < SIDES; i++) {
		char said[64], *validity;

		(void)snprintf(said, sizeof(said), "%s",
			       stage_value(s,
					   "select folder_id || ' ' || uidvalidity from recheck "
					   "order by folder_id offset %u limit 1",
					   i));
		validity = strchr(said, ' ');
		if (!validity)
			return i == 0;
		*validity++ = '\0';
		mailbox_recheck(s->mailbox, said, strtoll(validity, NULL, 10), 1);
	}
	return false;
}

/* Outbounds that were registered after their answers, which lie in folders that are swept. */
static void no_folder_waits_for_another(void **state)
{
	static struct stage s;

	(void)state;
	open_sides(&s, "vigil_late");
	stage_watch(&s, 1);
	stage_until(&s, LIVE);
	stage_until(&s, "select count(distinct folder_id) >= %d from trace", SIDES);
	register_all(&s);
	stage_until_holds(&s, all_rechecks_are_told);
	stage_until(&s, EVENTS, SIDES, "reply.received");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_absence_is_made_up_and_told),
		cmocka_unit_test(a_short_one_is_no_gap),
		cmocka_unit_test(a_gap_opened_while_live_is_closed),
		cmocka_unit_test(renumbered_while_away_is_not_verified),
		cmocka_unit_test(a_mail_that_is_never_given_holds_up_nobody),
		cmocka_unit_test(deadly_mails_are_told),
		cmocka_unit_test(what_is_half_done_waits_for_a_place),
		cmocka_unit_test(no_folder_waits_for_another),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
