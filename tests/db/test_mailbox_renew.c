/* A connection that will end is replaced before it does, and one that stands by begins when it is
 * told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/renewal.h"
#include "tests/db/pgtest.h"
#include "tests/db/stage.h"

#define EVENTS "select count(*) = %d from event where type = '%s'"
#define STATE  "select state from inbox_state where inbox_id = '" SEED_A "'"
#define LIVE   "select state = 'live' from inbox_state where inbox_id = '" SEED_A "'"

/* Every state that is said of the inbox from here on. */
static void note_states(struct stage *s)
{
	pgtest_exec(s->admin,
		    "create table states (state text); grant insert on states to public;"
		    "create function note() returns trigger language plpgsql as $$ begin "
		    "insert into replyd.states values (new.state); return new; end $$;"
		    "create trigger note after update on inbox_state for each row execute "
		    "function note()");
}

static void only_live(struct stage *s)
{
	assert_string_equal(stage_value(s, "select count(*) from states where state <> 'live'"),
			    "0");
}

static bool has_said(struct stage *s, const char *what)
{
	buf_add(&s->imapd.said, "", 1);
	s->imapd.said.len--;
	return strstr((char *)s->imapd.said.data, what) != NULL;
}

static bool is_renewed(struct stage *s)
{
	return strstr(s->notes, " renewed ") && s->imapd.open == 1 && mailbox_is_live(s->mailbox);
}

/* A stage that watches with a token of this life, and has the next one at hand. */
static void begin(struct stage *s, int64_t life_s, const struct mailbox_params *p)
{
	s->token_life_s = life_s;
	stage_provider(s)->session_ends_with_token = true;
	stage_register(s, "out.1@example.test", "pat");
	stage_register(s, "out.2@example.test", "sam");
	stage_watch_as(s, 1, p);
	stage_until(s, LIVE);
	note_states(s);
	s->token_version = 2;
}

static void the_second_comes_before_the_first_goes(void **state)
{
	static struct stage s;
	struct mailbox_params p;

	(void)state;
	stage_open(&s, "renew_main");
	p = stage_params(&s);
	begin(&s, 3, &p);
	stage_until_holds(&s, is_renewed);
	assert_int_equal(s.imapd.most, 2);
	assert_int_equal(s.imapd.logins, 2);
	assert_true(has_said(&s, "LOGOUT"));
	assert_null(strstr(s.notes, "bye"));
	assert_null(strstr(s.notes, "backing_off"));
	assert_string_equal(s.settled_for, "");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_until(&s, EVENTS, 1, "reply.received");
	only_live(&s);
	stage_close(&s);
}

static void the_longest_session_is_replaced_too(void **state)
{
	static struct stage s;
	struct mailbox_params p;

	(void)state;
	stage_open(&s, "renew_session");
	p = stage_params(&s);
	stage_provider(&s)->session_s = 2;
	begin(&s, 0, &p); /* a password, for ever */
	s.token_version = 1;
	stage_until_holds(&s, is_renewed);
	only_live(&s);
	stage_close(&s);
}

static bool has_failed_once(struct stage *s)
{
	return strstr(s->notes, "not_renewed") != NULL;
}

/* A second connection that is refused, or never comes in, leaves the first alone. */
static void one_that_fails_leaves_the_first_watching(void **state)
{
	static const struct {
		const char *name, *password, *hush_at, *reason;
	} rows[] = {
		{ "renew_refused", "another", NULL, "token_refused" },
		{ "renew_slow", NULL, "greeting", "network" },
		{ "renew_slow_login", NULL, "AUTHENTICATE", "network" },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct mailbox_params p;

		stage_open(&s, rows[i].name);
		p = stage_params(&s);
		p.entry_ms = 700;
		begin(&s, 3, &p);
		s.imapd.password = rows[i].password;
		s.imapd.hush_at = rows[i].hush_at;
		s.imapd.hushes = 1;
		stage_until_holds(&s, has_failed_once);
		assert_string_equal(s.settled_for, rows[i].reason);
		assert_true(mailbox_is_live(s.mailbox));
		imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
		stage_until(&s, EVENTS, 1, "reply.received");
		only_live(&s);
		assert_string_equal(stage_value(&s, SEED_EVENTS " and type <> 'reply.received'"),
				    "0");
		/* and when it can be had, it is */
		s.imapd.password = NULL;
		s.imapd.hush_at = NULL;
		stage_until_holds(&s, is_renewed);
		only_live(&s);
		stage_close(&s);
	}
}

static bool is_held(struct stage *s)
{
	return mailbox_state_of(s->mailbox) == MAILBOX_HELD;
}

/* Only the real end of the old session makes a refusal the user's matter. */
static void the_end_of_the_old_one_is_what_is_told(void **state)
{
	static struct stage s;
	struct mailbox_params p;

	(void)state;
	stage_open(&s, "renew_ends");
	p = stage_params(&s);
	begin(&s, 3, &p);
	s.imapd.password = "another";
	stage_until_holds(&s, has_failed_once);
	only_live(&s);
	imapd_cut_all(&s.imapd);
	stage_until_holds(&s, is_held);
	stage_until(&s,
		    "select state = 'reauth_required' from inbox_state where inbox_id = '" SEED_A
		    "'");
	stage_until(&s, EVENTS, 1, "inbox.reauth_required");
	stage_close(&s);
}

/* The old session is cut while the new one is on its way: it goes on with that one, at once. */
static bool is_entering(struct stage *s)
{
	return s->imapd.open == 2 && has_said(s, "NAMESPACE");
}

static void a_cut_meanwhile_costs_nothing(void **state)
{
	static struct stage s;
	struct mailbox_params p;

	(void)state;
	stage_open(&s, "renew_cut");
	p = stage_params(&s);
	begin(&s, 3, &p);
	s.imapd.hush_at = "NAMESPACE"; /* the new one waits there, for a while */
	s.imapd.hushes = 1;
	buf_clear(&s.imapd.said);
	stage_until_holds(&s, is_entering);
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	imapd_cut_oldest(&s.imapd);
	imapd_speak(&s.imapd);
	stage_until(&s, EVENTS, 1, "reply.received");
	assert_null(strstr(s.notes, "backing_off"));
	assert_int_equal(s.imapd.logins, 2);
	stage_close(&s);
}

static bool has_come_back(struct stage *s)
{
	return s->imapd.logins >= 2 && mailbox_is_live(s->mailbox);
}

static void where_one_is_the_budget_the_first_goes_first(void **state)
{
	static struct stage s;
	struct mailbox_params p;

	(void)state;
	stage_open(&s, "renew_one");
	p = stage_params(&s);
	stage_provider(&s)->connections = 1;
	begin(&s, 3, &p);
	stage_until_holds(&s, has_come_back);
	assert_int_equal(s.imapd.most, 1);
	assert_true(has_said(&s, "LOGOUT"));
	assert_null(strstr(s.notes, "backing_off"));
	only_live(&s);
	stage_close(&s);
}

/* ---- standing by ---- */

static bool stands_by(struct stage *s)
{
	return s->standbys > 0;
}

static void a_standby_begins_when_it_is_told(void **state)
{
	static struct stage s;
	char before[64];

	(void)state;
	stage_open(&s, "standby_main");
	snprintf(before, sizeof(before), "%s", stage_value(&s, STATE));
	stage_register(&s, "out.1@example.test", "pat");
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
	stage_watch(&s, 0);
	stage_until_holds(&s, stands_by);
	assert_int_equal(mailbox_state_of(s.mailbox), MAILBOX_STANDBY);
	assert_string_equal(mailbox_waiting_for(s.mailbox), "the lease");
	assert_int_equal(s.settled, 1);
	stage_for(&s, 100);
	assert_false(has_said(&s, "EXAMINE"));
	assert_string_equal(stage_value(&s, STATE), before); /* it has nothing to say yet */
	pgtest_exec(s.admin, "update lease set epoch = 5 where inbox_id = '" SEED_A "'");
	mailbox_begin(s.mailbox, 5);
	stage_until(&s, EVENTS, 1, "reply.received");
	stage_until(&s, LIVE);
	assert_int_equal(s.imapd.logins, 1);
	assert_int_equal(mailbox_epoch(s.mailbox), 5);
	assert_string_equal(s.notes, "connected handover live ");
	stage_close(&s);
}

static bool is_lost(struct stage *s)
{
	return s->losts > 0;
}

static void a_standby_that_fails_says_so(void **state)
{
	static const struct {
		const char *name, *hush_at, *password, *why;
	} rows[] = {
		{ "standby_refused", NULL, "another", "password_refused" },
		{ "standby_hushed", "greeting", NULL, "network" },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct mailbox_params p;

		stage_open(&s, rows[i].name);
		p = stage_params(&s);
		p.entry_ms = 300;
		s.imapd.hush_at = rows[i].hush_at;
		s.imapd.hushes = 1;
		s.imapd.password = rows[i].password;
		stage_watch_as(&s, 0, &p);
		stage_until_holds(&s, is_lost);
		assert_string_equal(s.lost_for, rows[i].why);
		assert_string_equal(s.settled_for, rows[i].why);
		assert_int_equal(mailbox_state_of(s.mailbox), MAILBOX_LOST);
		mailbox_begin(s.mailbox, 5); /* too late, and nothing happens */
		assert_int_equal(mailbox_state_of(s.mailbox), MAILBOX_LOST);
		stage_close(&s);
	}
}

/* Ready, and then the server goes: before the lease is ours, and after. */
static void a_standby_that_is_cut(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "standby_cut");
	stage_watch(&s, 0);
	stage_until_holds(&s, stands_by);
	imapd_cut_all(&s.imapd);
	stage_until_holds(&s, is_lost);
	assert_string_equal(s.lost_for, "network");
	stage_close(&s);

	stage_open(&s, "standby_cut_after");
	stage_watch(&s, 0);
	stage_until_holds(&s, stands_by);
	pgtest_exec(s.admin, "update lease set epoch = 5 where inbox_id = '" SEED_A "'");
	mailbox_begin(s.mailbox, 5);
	imapd_cut_all(&s.imapd);
	stage_until(&s, LIVE);
	assert_int_equal(s.imapd.logins, 2);
	assert_int_equal(s.losts, 0);
	stage_close(&s);
}

/* ---- when ---- */

static void the_time_is_in_the_window_and_spread(void **state)
{
	static const struct {
		const char *name;
		uint64_t token_ms, session_ms, from_ms, to_ms;
	} rows[] = {
		{ "an hour's token", 3600000, UINT64_MAX, 3320000, 3500000 },
		{ "a token of a minute", 60000, UINT64_MAX, 36000, 45000 },
		{ "a day's session", UINT64_MAX, 82800000, 81000000, 82680000 },
		{ "whichever is first", 3600000, 82800000, 3320000, 3500000 },
		{ "a token that is over", 0, UINT64_MAX, 0, 0 },
	};
	struct rand_gen g;
	struct renewal r;

	(void)state;
	rand_gen_seed(&g, 1);
	renewal_init(&r, 0);
	for (size_t i = 0; i < countof(rows); i++) {
		uint64_t least = UINT64_MAX, most = 0, width = rows[i].to_ms - rows[i].from_ms;

		for (int k = 0; k < 1000; k++) {
			uint64_t in_ms;

			renewal_plan(&r, rows[i].token_ms, rows[i].session_ms, 1000, &g);
			in_ms = renewal_deadline(&r) - 1000;
			if (in_ms < rows[i].from_ms || in_ms > rows[i].to_ms)
				fail_msg("%s: %llu ms", rows[i].name, (unsigned long long)in_ms);
			least = in_ms < least ? in_ms : least;
			most = in_ms > most ? in_ms : most;
		}
		if (most - least < width / 10 * 9)
			fail_msg("%s: not spread", rows[i].name);
	}
	renewal_plan(&r, UINT64_MAX, UINT64_MAX, 1000, &g);
	assert_true(renewal_deadline(&r) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_comes_before_the_first_goes),
		cmocka_unit_test(the_longest_session_is_replaced_too),
		cmocka_unit_test(one_that_fails_leaves_the_first_watching),
		cmocka_unit_test(the_end_of_the_old_one_is_what_is_told),
		cmocka_unit_test(a_cut_meanwhile_costs_nothing),
		cmocka_unit_test(where_one_is_the_budget_the_first_goes_first),
		cmocka_unit_test(a_standby_begins_when_it_is_told),
		cmocka_unit_test(a_standby_that_fails_says_so),
		cmocka_unit_test(a_standby_that_is_cut),
		cmocka_unit_test(the_time_is_in_the_window_and_spread),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
