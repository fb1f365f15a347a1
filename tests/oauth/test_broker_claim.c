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
#include "db/connect_link.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL TOKENBENCH_UNTIL

/* One value of one inbox's row. */
#define OF(b, what, from, inbox)                                                                   \
	pgtest_value((b)->admin, "select " what " from replyd." from " where inbox_id = '%s'",     \
		     inbox)

static bool has_row(struct tokenbench *b, const char *table, const char *inbox)
{
	return *pgtest_value(b->admin, "select 1 from replyd.%s where inbox_id = '%s'", table,
			     inbox) != '\0';
}

static const struct broker_params plain = { 0 };

static void two_brokers_ask_once(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker one, two;
	const char *inboxes[20];

	(void)state;
	tokenbench_open(&b, "broker_two");
	for (size_t i = 0; i < countof(inboxes); i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%zu", i);
		inboxes[i] = tokenbench_inbox(&b, user, "oauth");
	}
	tokenbench_broker_open(&b, &one, (struct broker_params){ .look_ms = 5, .concurrency = 3 });
	tokenbench_broker_open(&b, &two, (struct broker_params){ .look_ms = 5, .concurrency = 3 });
	UNTIL(&b, pg_is_up(one.pg) && pg_is_up(two.pg));
	for (size_t i = 0; i < countof(inboxes); i++)
		tokenbench_ask(&b, inboxes[i], 0);
	UNTIL(&b, broker_stats(one.broker).refreshed + broker_stats(two.broker).refreshed ==
			  countof(inboxes));
	assert_int_equal(b.asked, countof(inboxes));
	assert_int_equal(b.reused, 0);
	assert_true(broker_stats(one.broker).refreshed > 0);
	assert_true(broker_stats(two.broker).refreshed > 0);
	for (size_t i = 0; i < countof(inboxes); i++)
		assert_string_equal(OF(&b, "version", "access_token", inboxes[i]), "2");
	tokenbench_broker_kill(&one);
	tokenbench_broker_kill(&two);
	tokenbench_close(&b);
}

/* No transaction is open, and nothing is locked, while the provider thinks. */
static void nothing_is_locked_during_the_request(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;
	char heard_at[64];

	(void)state;
	tokenbench_open(&b, "broker_unlocked");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, b.held);
	snprintf(heard_at, sizeof(heard_at), "%s",
		 pgtest_value(b.admin, "select clock_timestamp()"));
	/* A look for other work may be in the middle of its own: that ends.  What was open for this
	 * request would stay open, as long as it is held. */
	UNTIL(&b, strcmp(pgtest_value(b.admin,
				      "select count(*) from pg_stat_activity where datname = '%s'"
				      " and application_name = 'replyd broker'"
				      " and xact_start <= '%s'",
				      b.database, heard_at),
			 "0") == 0);
	assert_non_null(b.held);
	assert_string_equal(OF(&b, "claim_id is not null", "inbox_grant", inbox), "t");
	pgtest_exec(b.admin,
		    "set lock_timeout = '1s';"
		    "update replyd.inbox_grant set failures = failures where inbox_id = '%s'",
		    inbox);
	tokenbench_release(&b);
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* Killed before the provider heard of it, or before it acted: the next one takes over, and nothing
 * is lost. */
static void a_broker_that_dies_before_the_provider_acts(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker dead, next;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_died_before");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_broker_open(&b, &dead, plain);
	b.without_rotation = true; /* the provider has not acted */
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, b.held);
	tokenbench_broker_kill(&dead);
	tokenbench_release(&b);
	b.without_rotation = false;

	/* The claim is respected until it is too old. */
	tokenbench_broker_open(&b, &next, plain);
	UNTIL(&b, pg_is_up(next.pg));
	for (uint64_t end = clock_mono_ms() + 300; clock_mono_ms() < end;)
		tokenbench_turn(&b);
	assert_int_equal(b.asked, 1);
	pgtest_exec(b.admin, "update replyd.inbox_grant set claimed_at = now() - interval '13 s'");
	UNTIL(&b, broker_stats(next.broker).refreshed == 1);
	assert_int_equal(broker_stats(next.broker).retaken, 1);
	assert_int_equal(b.reused, 0);
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.1");
	assert_string_equal(OF(&b, "claim_tries", "inbox_grant", inbox), "0");
	tokenbench_broker_kill(&next);
	tokenbench_close(&b);
}

/* Killed between the provider's answer and our save: the old token is tried once, then the user is
 * asked. */
static void a_broker_that_dies_between_answer_and_save(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker dead, next;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_died_between");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_broker_open(&b, &dead, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, b.held); /* rotated */
	tokenbench_broker_kill(&dead);
	tokenbench_release(&b);
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.0");

	pgtest_exec(b.admin, "update replyd.inbox_grant set claimed_at = now() - interval '13 s'");
	tokenbench_broker_open(&b, &next, plain);
	UNTIL(&b, tokenbench_grants(&b, "state = 'reauth_required'") == 1);
	assert_int_equal(b.asked, 2);
	assert_int_equal(b.reused, 1);
	assert_string_equal(OF(&b, "state || ' ' || reason", "inbox_grant", inbox),
			    "reauth_required rotation_lost");
	assert_string_equal(OF(&b, "state || ' ' || reason", "inbox_state", inbox),
			    "reauth_required rotation_lost");
	assert_false(has_row(&b, "token_request", inbox));
	assert_string_equal(pgtest_value(b.admin,
					 "select type || ' ' || (data->>'reason') || ' ' ||"
					 " (data->>'address') from replyd.event"),
			    "inbox.reauth_required rotation_lost anna@acme.test");

	/* Nobody asks the provider again, however often a worker asks, and nobody tells it twice.
	 */
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, !has_row(&b, "token_request", inbox));
	assert_int_equal(b.asked, 2);
	assert_string_equal(pgtest_value(b.admin, SEED_EVENTS), "1");
	tokenbench_broker_kill(&next);
	tokenbench_close(&b);
}

/* A session that is let in stays in, whatever becomes of the grant: it is told when it needs a
 * token. */
static void what_is_watched_outlives_its_grant(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_outlived");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_token(&b, inbox, "anna", 3000, 300);
	pgtest_exec(b.admin, "update replyd.inbox_state set state = 'live';"
			     "update replyd.inbox_grant set refresh_due_at = now()");
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_WORDS,
						       .status = 400,
						       .body = "{\"error\":\"invalid_grant\"}" });
	tokenbench_broker_open(&b, &br, plain);
	UNTIL(&b, tokenbench_grants(&b, "state = 'reauth_required'") == 1);
	assert_string_equal(OF(&b, "state", "inbox_grant", inbox), "reauth_required");
	assert_string_equal(OF(&b, "state || reason", "inbox_state", inbox), "live");
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, !has_row(&b, "token_request", inbox));
	assert_string_equal(OF(&b, "state || ' ' || reason", "inbox_state", inbox),
			    "reauth_required invalid_grant");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* A broker that was thought dead saves after all: its token is the good one. */
static void a_late_save_undoes_rotation_lost(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker slow;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_late");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_broker_open(&b, &slow, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, b.held);
	pgtest_exec(
		b.admin,
		"update replyd.inbox_grant set state = 'reauth_required', reason = 'rotation_lost';"
		"update replyd.inbox_state set state = 'reauth_required', reason = "
		"'rotation_lost'");
	tokenbench_release(&b);
	UNTIL(&b, broker_stats(slow.broker).refreshed == 1);
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.1");
	assert_string_equal(OF(&b, "state || reason", "inbox_grant", inbox), "ok");
	assert_string_equal(OF(&b, "state || reason", "inbox_state", inbox), "new");
	tokenbench_broker_kill(&slow);
	tokenbench_close(&b);
}

/* invalid_grant, but a sibling has saved meanwhile: a lost race is not a revocation. */
static void a_lost_race_is_not_a_revocation(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_race");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	b.users[0].n = 1; /* the sibling has used rt.anna.0 */
	snprintf(b.users[0].name, sizeof(b.users[0].name), "anna");
	b.n_users = 1;
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, b.held);
	/* In one transaction, as it saves. */
	pgtest_exec(b.admin, "begin");
	tokenbench_token(&b, inbox, "anna", 0, 3600);
	pgtest_exec(b.admin, "update replyd.access_token set version = 2;"
			     "update replyd.inbox_grant set version = 2, claim_id = null; commit");
	tokenbench_release(&b);
	UNTIL(&b, broker_stats(br.broker).lost_races == 1);
	assert_string_equal(OF(&b, "state || version", "inbox_grant", inbox), "ok2");
	assert_string_equal(OF(&b, "state", "inbox_state", inbox), "new");
	UNTIL(&b, !has_row(&b, "token_request", inbox));
	assert_int_equal(b.asked, 1);
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.event"), "0");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void on_passed(struct connect_link_inbox *q)
{
	q->inbox[0] = '!';
}

/* Transactions run in the order of their start: what was under way is over. */
static void let_pass(struct tokenbench *b, struct pg *pg)
{
	struct connect_link_inbox q = { 0 };

	assert_int_equal(connect_link_inbox_start(pg, &q, b->workspace, "none", on_passed), 0);
	UNTIL(b, q.inbox[0] == '!');
}

static void on_drained(void *owner)
{
	*(int *)owner += 1;
}

static void draining_ends_what_is_under_way(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br, idle;
	const char *inbox, *late;
	int drained = 0, idle_drained = 0;

	(void)state;
	tokenbench_open(&b, "broker_drain");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	late = tokenbench_inbox(&b, "bert", "oauth");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, b.held);
	broker_drain(br.broker, on_drained, &drained);
	broker_drain(br.broker, on_drained, &drained); /* asked twice, told once */
	let_pass(&b, br.pg);                           /* a claim that was under way */
	tokenbench_ask(&b, late, 0);
	for (uint64_t end = clock_mono_ms() + 200; clock_mono_ms() < end;)
		tokenbench_turn(&b);
	assert_int_equal(drained, 0);
	assert_int_equal(b.asked, 1);
	tokenbench_release(&b);
	UNTIL(&b, drained == 1);
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.1");
	tokenbench_broker_kill(&br);

	tokenbench_broker_open(&b, &idle, plain);
	broker_drain(idle.broker, on_drained, &idle_drained);
	UNTIL(&b, idle_drained == 1);
	tokenbench_broker_kill(&idle);
	tokenbench_close(&b);
}

/* PostgreSQL goes away between the provider's answer and the save: it is saved when it is back. */
static void an_outage_does_not_lose_the_rotation(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_outage");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, b.held);
	session_close(b.admin);
	pgtest_server_stop();
	tokenbench_release(&b);
	UNTIL(&b, !pg_is_up(br.pg));
	for (uint64_t end = clock_mono_ms() + 300; clock_mono_ms() < end;)
		tokenbench_turn(&b);
	assert_int_equal(broker_stats(br.broker).refreshed, 0);
	pgtest_server_go();
	b.admin = pgtest_session(b.database, PGTEST_ADMIN);
	b.limit_ms = clock_mono_ms() + 20000;
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.1");
	assert_int_equal(b.asked, 1);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* PostgreSQL refuses the write for good: tried a few times, said, and given up; the broker goes on.
 */
static void what_cannot_be_written_is_given_up(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox, *other;

	(void)state;
	tokenbench_open(&b, "broker_unwritable");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	other = tokenbench_inbox(&b, "bert", "oauth");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, b.held);
	pgtest_exec(b.admin, "revoke insert, update on replyd.access_token from replyd_broker");
	tokenbench_release(&b);
	UNTIL(&b, broker_stats(br.broker).under_way == 0);
	assert_int_equal(broker_stats(br.broker).refreshed, 0);
	assert_string_equal(OF(&b, "version || state", "inbox_grant", inbox), "1ok");
	pgtest_exec(b.admin, "grant insert, update on replyd.access_token to replyd_broker");
	tokenbench_ask(&b, other, 0);
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* Each kind of work is claimed by itself; the places are for all. */
static void work_of_two_kinds_keeps_to_the_places(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	struct broker_stats stats;
	unsigned most = 0;

	(void)state;
	tokenbench_open(&b, "broker_places");
	for (int i = 0; i < 6; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%d", i);
		tokenbench_ask(&b, tokenbench_inbox(&b, user, "oauth"), 0);
		snprintf(user, sizeof(user), "l%d", i);
		(void)tokenbench_link(&b, user, NULL);
	}
	/* It is not looked again by the clock: who took all it might asks for more by itself. */
	tokenbench_broker_open(&b, &br,
			       (struct broker_params){ .concurrency = 2, .look_ms = 60000 });
	UNTIL(&b, pg_is_up(br.pg));
	broker_wake(br.broker);
	do {
		tokenbench_turn(&b);
		stats = broker_stats(br.broker);
		most = stats.under_way > most ? stats.under_way : most;
	} while (stats.refreshed + stats.connected < 12);
	assert_int_equal(most, 2);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_brokers_ask_once),
		cmocka_unit_test(nothing_is_locked_during_the_request),
		cmocka_unit_test(a_broker_that_dies_before_the_provider_acts),
		cmocka_unit_test(a_broker_that_dies_between_answer_and_save),
		cmocka_unit_test(what_is_watched_outlives_its_grant),
		cmocka_unit_test(a_late_save_undoes_rotation_lost),
		cmocka_unit_test(a_lost_race_is_not_a_revocation),
		cmocka_unit_test(draining_ends_what_is_under_way),
		cmocka_unit_test(an_outage_does_not_lose_the_rotation),
		cmocka_unit_test(what_cannot_be_written_is_given_up),
		cmocka_unit_test(work_of_two_kinds_keeps_to_the_places),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
