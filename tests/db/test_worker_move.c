/* Inboxes that go from one worker to another: make before break, and nothing undone by a death. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/crew.h"
#include "tests/db/pgtest.h"

#define ONE CREW_ONE
#define TWO CREW_TWO

static struct crew crew;
static struct stage *const s = &crew.stage;

static void hire(size_t n)
{
	const struct worker_params p = crew_params(&crew, n ? TWO : ONE);

	crew_hire(&crew, n, &p);
}

static void drain(const char *worker)
{
	pgtest_exec(s->admin, "update worker set draining = true where worker_id = '%s'", worker);
}

static bool second_has_all(struct stage *stage)
{
	(void)stage;
	return crew_live(&crew, 1) == 3;
}

static bool shared_and_live(struct stage *stage)
{
	return crew_held(&crew, 1) > 0 && crew_held(&crew, 0) < 3 && crew_all_live(stage);
}

static void who_joins_is_given_his_share(void **state)
{
	(void)state;
	crew_open(&crew, "move_join");
	hire(0);
	stage_until_holds(s, crew_all_live);
	hire(1);
	stage_until_holds(s, shared_and_live);
	stage_for(s, 500); /* and that is that: nothing goes to and fro */
	assert_int_equal(crew_held(&crew, 0), 2);
	assert_int_equal(crew_held(&crew, 1), 1);
	assert_string_equal(stage_value(s, "select sum(epoch) from lease"), "7"); /* 2 + 2 + 3 */
	assert_string_equal(stage_value(s, "select count(*) from lease where worker_id = '" TWO
					   "' and epoch = 3 and successor_id is null"),
			    "1");
	crew_close(&crew);
}

static void who_drains_is_left_with_nothing(void **state)
{
	(void)state;
	crew_open(&crew, "move_drain");
	hire(0);
	stage_until_holds(s, crew_all_live);
	hire(1);
	drain(ONE);
	stage_until_holds(s, second_has_all);
	assert_int_equal(crew_held(&crew, 0), 0);
	/* told otherwise, it takes its share again */
	pgtest_exec(s->admin, "update worker set draining = false");
	stage_until_holds(s, shared_and_live);
	crew_close(&crew);
}

static void who_is_stopped_waits_for_the_others(void **state)
{
	struct worker_params p;

	(void)state;
	crew_open(&crew, "move_stop");
	p = crew_params(&crew, ONE);
	p.drain_ms = 15000;
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, crew_all_live);
	hire(1);
	stage_until_holds(s, shared_and_live);
	crew_stop(&crew, 0);
	stage_until_holds(s, crew_is_stopped);
	/* every one was connected over there before it was let go here */
	assert_int_equal(crew_held(&crew, 1), 3);
	assert_true(s->imapd.open >= 3);
	stage_until_holds(s, second_has_all);
	stage_until(s, "select count(*) = 1 from worker");
	crew_kill(&crew, 0);
	/* the last one has nobody to wait for */
	crew_stop(&crew, 1);
	stage_until_holds(s, crew_is_stopped);
	stage_until(s, "select (select count(*) from lease where worker_id is not null) + (select "
		       "count(*) from worker) = 0");
	crew_close(&crew);
}

/* ---- without a blind moment ---- */

/* Only the first inbox is watched: no other tells its mails. */
static void only_a(void)
{
	pgtest_exec(s->admin,
		    "update inbox set admin_state = 'paused' where inbox_id <> '" SEED_A "'");
	pgtest_exec(s->admin, "create table delivered (id text, at timestamptz)");
}

static bool first_is_live(struct stage *stage)
{
	(void)stage;
	return crew_live(&crew, 0) == 1;
}

static struct timer post;
static int posted, moved_at;

static void on_post(struct timer *t)
{
	char id[64];

	snprintf(id, sizeof(id), "r%d@prospect.test", ++posted);
	imapd_reply(&s->imapd, 0, id, "out.1@example.test", "Yes, gladly.\r\n");
	pgtest_exec(s->admin, "insert into delivered values ('%s', now())", id);
	if (posted == 5)
		drain(ONE);
	if (posted < 60)
		timer_in(t, 20);
}

static bool all_posted(struct stage *stage)
{
	(void)stage;
	if (!moved_at && crew_live(&crew, 1) == 1)
		moved_at = posted;
	return posted == 60;
}

static void nothing_comes_unseen_in_between(void **state)
{
	(void)state;
	crew_open(&crew, "move_blind");
	only_a();
	stage_register(s, "out.1@example.test", "pat");
	hire(0);
	stage_until_holds(s, first_is_live);
	hire(1);
	stage_until(s, "select count(*) = 2 from worker");
	posted = moved_at = 0;
	timer_open(&post, &s->loop, on_post);
	timer_in(&post, 0);
	stage_until_holds(s, all_posted);
	timer_drop(&post, NULL);
	assert_in_range(moved_at, 6, 59); /* it went over while they came */
	stage_until(s, "select count(*) = 60 from event where type = 'reply.received'");
	stage_for(s, 300);
	assert_string_equal(
		stage_value(s, "select count(*) from event where type = 'reply.received'"), "60");
	assert_string_equal(stage_value(s, "select count(*) from delivered d join message m on "
					   "m.header_message_id = d.id where m.created_at - d.at "
					   "< interval '1 second'"),
			    "60");
	crew_close(&crew);
}

/* ---- deaths in the middle ---- */

static bool is_hushed(struct stage *stage)
{
	return stage->imapd.hushes == 0;
}

/* The second stands by and does not get in yet: imapd_speak(). */
static void until_claimed(void)
{
	s->imapd.hush_at = "AUTHENTICATE";
	s->imapd.hushes = 1;
	drain(ONE);
	stage_until(s, "select count(*) > 0 from lease where successor_id = '" TWO "'");
	stage_until_holds(s, is_hushed);
}

static bool second_is_live(struct stage *stage)
{
	(void)stage;
	return crew_live(&crew, 1) == 1;
}

static void open_with_a(const char *database)
{
	crew_open(&crew, database);
	only_a();
	stage_register(s, "out.1@example.test", "pat");
	hire(0);
	stage_until_holds(s, first_is_live);
	hire(1);
	stage_until(s, "select count(*) = 2 from worker");
	until_claimed();
}

static void a_dead_predecessor_changes_nothing(void **state)
{
	(void)state;
	open_with_a("move_dead_one");
	crew_kill(&crew, 0);
	imapd_speak(&s->imapd);
	stage_until_holds(s, second_is_live);
	imapd_reply(&s->imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_until(s, "select count(*) = 1 from event where type = 'reply.received'");
	stage_until(s, "select count(*) = 1 from worker");
	crew_close(&crew);
}

static void a_dead_successor_leaves_nothing_undone(void **state)
{
	(void)state;
	open_with_a("move_dead_two");
	crew_kill(&crew, 1);
	imapd_speak(&s->imapd);
	assert_int_equal(crew_live(&crew, 0), 1);
	imapd_reply(&s->imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_until(s, "select count(*) = 1 from event where type = 'reply.received'");
	stage_until(s, "select count(*) = 1 from worker"); /* buried, and its claim with it */
	assert_string_equal(
		stage_value(s, "select count(*) from lease where successor_id is not null"), "0");
	/* it can be tried again */
	hire(1);
	stage_until_holds(s, second_is_live);
	crew_close(&crew);
}

static void postgres_is_restarted_in_the_middle(void **state)
{
	(void)state;
	open_with_a("move_restart");
	session_close(s->admin);
	session_close(s->api);
	pgtest_server_stop();
	pgtest_server_go();
	s->admin = seed_session("move_restart", PGTEST_ADMIN);
	s->api = seed_session("move_restart", "replyd_api");
	imapd_speak(&s->imapd);
	stage_until_holds(s, second_is_live);
	imapd_reply(&s->imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_until(s, "select count(*) = 1 from event where type = 'reply.received'");
	assert_string_equal(stage_value(s, "select epoch from lease where inbox_id = '" SEED_A "'"),
			    "3");
	crew_close(&crew);
}

/* ---- a standby that is not let in ---- */

static void who_need_not_go_stays_then(void **state)
{
	(void)state;
	crew_open(&crew, "move_refused");
	hire(0);
	stage_until_holds(s, crew_all_live);
	s->imapd.refuse = "AUTHENTICATE";
	s->imapd.refuse_with = "NO [UNAVAILABLE] later";
	s->imapd.refusals = 1;
	hire(1);
	stage_until(s, "select count(*) = 1 from lease where claimed_at is not null");
	stage_until(s, "select count(*) = 0 from lease where successor_id is not null");
	assert_int_equal(s->imapd.refusals, 0);
	/* another one is taken instead */
	stage_until_holds(s, shared_and_live);
	assert_string_equal(
		stage_value(s, "select count(*) from lease where claimed_at is not null"), "2");
	crew_close(&crew);
}

static void who_must_go_goes_all_the_same(void **state)
{
	(void)state;
	crew_open(&crew, "move_forced");
	hire(0);
	stage_until_holds(s, crew_all_live);
	s->imapd.refuse = "AUTHENTICATE";
	s->imapd.refuse_with = "NO [UNAVAILABLE] later";
	s->imapd.refusals = 3;
	hire(1);
	drain(ONE);
	stage_until_holds(s, second_has_all);
	assert_int_equal(crew_held(&crew, 0), 0);
	crew_close(&crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_joins_is_given_his_share),
		cmocka_unit_test(who_drains_is_left_with_nothing),
		cmocka_unit_test(who_is_stopped_waits_for_the_others),
		cmocka_unit_test(nothing_comes_unseen_in_between),
		cmocka_unit_test(a_dead_predecessor_changes_nothing),
		cmocka_unit_test(a_dead_successor_leaves_nothing_undone),
		cmocka_unit_test(postgres_is_restarted_in_the_middle),
		cmocka_unit_test(who_need_not_go_stays_then),
		cmocka_unit_test(who_must_go_goes_all_the_same),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
