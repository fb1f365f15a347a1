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

/* The first hears a moment later that an inbox is another's, and lets it go then. */
static bool second_has_all(struct stage *stage)
{
	(void)stage;
	return crew_live(&crew, 1) == 3 && crew_held(&crew, 0) == 0;
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
	/* told otherwise, it takes its share again */
	pgtest_exec(s->admin, "update worker set draining = false");
	stage_until_holds(s, shared_and_live);
	crew_close(&crew);
}

/* What is told of an inbox is written a moment after: one that is live nowhere has no session to
 * keep. */
static void until_all_are_told_live(void)
{
	stage_until(s, "select count(*) = 3 from inbox_state where state = 'live'");
}

/* Whatever way it went, the lease was never nobody's: it was claimed, and taken over. */
static void assert_second_was_given_all(void)
{
	assert_string_equal(stage_value(s, "select count(*) from lease where worker_id = '" TWO
					   "' and claimed_at is not null"),
			    "3");
}

static void who_is_stopped_waits_for_the_others(void **state)
{
	struct worker_params p;

	(void)state;
	crew_open(&crew, "move_stop");
	p = crew_params(&crew, ONE);
	p.drain_ms = 60000;
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, crew_all_live);
	hire(1);
	stage_until_holds(s, shared_and_live);
	until_all_are_told_live();
	crew_stop(&crew, 0);
	stage_until_holds(s, crew_is_stopped);
	/* every one was connected over there before it was let go here */
	assert_second_was_given_all();
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

static void who_is_stopped_waits_for_one_that_is_slow(void **state)
{
	struct worker_params p;

	(void)state;
	crew_open(&crew, "move_slow");
	p = crew_params(&crew, ONE);
	p.drain_ms = 60000;
	crew_hire(&crew, 0, &p);
	stage_until_holds(s, crew_all_live);
	until_all_are_told_live();
	/* the second is there, and then nothing is heard of it for longer than a lease lasts */
	pgtest_exec(s->admin, "insert into worker (worker_id, host, pid, capacity) values ('" TWO
			      "', 'h', 1, 100)");
	stage_until(s, "select set_config('test.beat', beat::text, false) is not null from worker "
		       "where worker_id = '" ONE "'");
	stage_until(s, "select beat > current_setting('test.beat')::bigint + 1 from worker "
		       "where worker_id = '" ONE "'");
	crew_stop(&crew, 0);
	stage_for(s, 3 * p.lease_ms);
	assert_false(crew_is_stopped(s));
	hire(1);
	stage_until_holds(s, crew_is_stopped);
	assert_second_was_given_all();
	stage_until_holds(s, second_has_all);
	crew_close(&crew);
}

/* ---- what is left is given back ---- */

/* The second hears of what is free by a word only. */
static void hire_deaf(void)
{
	struct worker_params p = crew_params(&crew, TWO);

	p.janitor_ms = p.lease_ms = 600000;
	crew_hire(&crew, 1, &p);
}

static void what_is_given_back_is_told(void **state)
{
	(void)state;
	crew_open(&crew, "move_told");
	hire(0);
	stage_until_holds(s, crew_all_live);
	/* its only look comes with its first beat: what there is to share is told by then */
	stage_until(s, "select held = 3 from worker");
	until_all_are_told_live();
	hire_deaf();
	stage_until_holds(s, shared_and_live);
	stage_for(s, 300); /* and it looks no further */
	crew_stop(&crew, 0);
	stage_until_holds(s, crew_is_stopped);
	crew_kill(&crew, 0);
	stage_until_holds(s, second_has_all);
	crew_close(&crew);
}

static void what_is_not_given_back_is_given_back_again(void **state)
{
	(void)state;
	crew_open(&crew, "move_refused_release");
	hire(0);
	stage_until_holds(s, crew_all_live);
	/* a deadlock, twice: a sequence is not rolled back */
	pgtest_exec(s->admin,
		    "create sequence tries; grant all on sequence tries to public;"
		    "create function refuse() returns trigger language plpgsql as $$ begin"
		    " if nextval('tries') < 3 then raise exception 'again' using errcode = '40P01';"
		    " end if; return old; end $$;"
		    "create trigger refuse before delete on worker for each row execute function "
		    "refuse()");
	crew_stop(&crew, 0);
	stage_until_holds(s, crew_is_stopped);
	assert_string_equal(
		stage_value(s, "select count(*) from lease where worker_id is not null"), "0");
	assert_string_equal(stage_value(s, "select last_value from tries"), "3");
	crew_close(&crew);
}

/* Everybody locks leases in the order of their inboxes; whoever does not, meets somebody who does
 * in the middle. */
static void what_is_given_back_is_locked_in_order(void **state)
{
	(void)state;
	crew_open(&crew, "move_order");
	hire(0);
	stage_until_holds(s, crew_all_live);
	/* they lie the other way round */
	pgtest_exec(s->admin, "create temporary table was as select * from lease;"
			      "delete from lease");
	pgtest_exec(s->admin, "vacuum lease");
	pgtest_exec(s->admin, "insert into lease select * from was order by inbox_id desc");
	assert_string_equal(stage_value(s, "select array_agg(inbox_id order by ctid) = "
					   "array_agg(inbox_id order by inbox_id desc) from lease"),
			    "t");
	pgtest_exec(s->admin, "begin");
	pgtest_exec(s->admin, "select 1 from lease order by inbox_id limit 1 for share");
	crew_stop(&crew, 0);
	stage_until(s, "select count(*) > 0 from pg_stat_activity where datname = "
		       "current_database() and wait_event_type = 'Lock'");
	/* it waits for the first and has no other */
	assert_string_equal(stage_value(s, "select count(*) from (select 1 from lease for share "
					   "skip locked) free"),
			    "3");
	pgtest_exec(s->admin, "commit");
	stage_until_holds(s, crew_is_stopped);
	crew_close(&crew);
}

/* ---- without a blind moment ---- */

/* Only the first inbox is watched: no other tells its mails. */
static void only_a(void)
{
	pgtest_exec(s->admin,
		    "update inbox set admin_state = 'paused' where inbox_id <> '" SEED_A "'");
	pgtest_exec(s->admin, "create table delivered (id text)");
}

static bool first_is_live(struct stage *stage)
{
	(void)stage;
	return crew_live(&crew, 0) == 1;
}

/* Answers come until the second watches, and some more. */
#define MORE 10

static struct timer post;
static int posted, moved_at;

static void on_post(struct timer *t)
{
	char id[64];

	snprintf(id, sizeof(id), "r%d@prospect.test", ++posted);
	imapd_reply(&s->imapd, 0, id, "out.1@example.test", "Yes, gladly.\r\n");
	pgtest_exec(s->admin, "insert into delivered values ('%s')", id);
	if (posted == 5)
		drain(ONE);
	if (!moved_at && crew_live(&crew, 1) == 1)
		moved_at = posted;
	if (!moved_at || posted < moved_at + MORE)
		timer_in(t, 20);
}

static bool all_posted(struct stage *stage)
{
	(void)stage;
	return moved_at && posted == moved_at + MORE;
}

/* Never was there a time of which anything had to be made up. */
static void nothing_comes_unseen_in_between(void **state)
{
	(void)state;
	crew_open(&crew, "move_blind");
	only_a();
	stage_register(s, "out.1@example.test", "pat");
	hire(0);
	stage_until_holds(s, first_is_live);
	stage_until(s, "select count(*) = 1 from inbox_state where state = 'live'");
	hire(1);
	stage_until(s, "select count(*) = 2 from worker");
	pgtest_exec(s->admin, "create table was as select now() as at");
	posted = moved_at = 0;
	timer_open(&post, &s->loop, on_post);
	timer_in(&post, 0);
	stage_until_holds(s, all_posted);
	timer_drop(&post, NULL);
	assert_true(moved_at > 5); /* it went over while they came */
	stage_until(s, "select count(*) = %d from message where state = 'done'", posted);
	stage_until(s, "select count(*) = %d from event where type = 'reply.received'", posted);
	assert_string_equal(stage_value(s,
					"select count(*) = %d from delivered d join message m "
					"on m.header_message_id = d.id where not m.recovered",
					posted),
			    "t");
	assert_string_equal(stage_value(s, "select count(*) from gap where opened_at > (select at "
					   "from was)"),
			    "0");
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
	crew_close(&crew);
}

/* It watches, and is not told to be live yet: it has a session to keep like any other. */
static void who_is_not_told_to_be_live_is_connected_first_too(void **state)
{
	(void)state;
	crew_open(&crew, "move_untold");
	hire(0);
	stage_until_holds(s, crew_all_live);
	pgtest_exec(s->admin,
		    "create function untold() returns trigger language plpgsql as $$ begin"
		    " new.state := 'catching_up'; return new; end $$;"
		    "create trigger untold before update on inbox_state for each row"
		    " when (new.state = 'live') execute function untold();"
		    "update inbox_state set state = 'catching_up'");
	hire(1);
	drain(ONE);
	stage_until(s, "select count(*) > 0 from lease where worker_id = '" TWO "'");
	assert_true(s->imapd.logins > 3);
	stage_until_holds(s, second_has_all);
	crew_close(&crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_joins_is_given_his_share),
		cmocka_unit_test(who_drains_is_left_with_nothing),
		cmocka_unit_test(who_is_stopped_waits_for_the_others),
		cmocka_unit_test(who_is_stopped_waits_for_one_that_is_slow),
		cmocka_unit_test(what_is_given_back_is_told),
		cmocka_unit_test(what_is_not_given_back_is_given_back_again),
		cmocka_unit_test(what_is_given_back_is_locked_in_order),
		cmocka_unit_test(nothing_comes_unseen_in_between),
		cmocka_unit_test(a_dead_predecessor_changes_nothing),
		cmocka_unit_test(a_dead_successor_leaves_nothing_undone),
		cmocka_unit_test(postgres_is_restarted_in_the_middle),
		cmocka_unit_test(who_need_not_go_stays_then),
		cmocka_unit_test(who_must_go_goes_all_the_same),
		cmocka_unit_test(who_is_not_told_to_be_live_is_connected_first_too),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
