/* What a worker asks every few seconds must not cost more for every inbox there is: no statement of
 * the walk reads a whole table, and what has not changed is not told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "db/fleet.h"
#include "db/lease.h"
#include "tests/db/pgtest.h"
#include "tests/db/stage.h"

#define ONE     "40000000-0000-4000-8000-0000000000f1"
#define TWO     "40000000-0000-4000-8000-0000000000f2"
#define INBOXES 20000

static struct stage s;
static struct lease_list list;
static struct lease_succeed succeed;
static struct lease_release release;
static struct fleet_beat beat;
static int told, answers;
static char inbox[LEASE_UUID];

static void on_each(struct lease_list *q, const struct lease_inbox *i)
{
	(void)q;
	snprintf(inbox, sizeof(inbox), "%s", i->inbox);
	told++;
}

static void on_list(struct lease_list *q)
{
	if (!outcome_ok(&q->outcome))
		fail_msg("%s", q->outcome.said);
	answers++;
}

static void on_won(struct lease_succeed *q, const struct lease_inbox *i)
{
	assert_string_equal(i->inbox, q->inbox);
	assert_true(i->is_ours && !i->is_claimed && i->epoch == q->epoch);
}

static void on_succeed(struct lease_succeed *q)
{
	assert_true(outcome_ok(&q->outcome));
	answers++;
}

static void on_release(struct lease_release *q)
{
	assert_true(outcome_ok(&q->outcome));
	answers++;
}

static void on_beat(struct fleet_beat *q)
{
	assert_true(outcome_ok(&q->outcome));
	answers++;
}

static bool is_answered(struct stage *stage)
{
	(void)stage;
	return answers > 0;
}

static void await(int r)
{
	assert_int_equal(r, 0);
	stage_until_holds(&s, is_answered);
	answers = 0;
}

static int walk(int64_t since, bool with_sum)
{
	const char *also[] = { SEED_A }, *dead[] = { SEED_WORKER };
	const struct lease_walk w = { .worker = ONE,
				      .since = since,
				      .also = also,
				      .n_also = 1,
				      .dead = dead,
				      .n_dead = 1,
				      .with_sum = with_sum };

	told = 0;
	await(lease_walk_start(s.pg, &list, &w, on_each, on_list));
	return told;
}

static void fill(void)
{
	pgtest_exec(s.admin, "insert into worker (worker_id, host, pid, capacity) values ('" ONE
			     "', 'h', 1, 20000), ('" TWO "', 'h', 1, 20000)");
	pgtest_exec(s.admin,
		    "insert into inbox (workspace_id, inbox_id, address, provider, imap_host, "
		    "imap_port, imap_security, login_name) select '" SEED_WS
		    "', gen_random_uuid(), 'm' || n || '@example.test', 'p', '127.0.0.1', 993, "
		    "'tls', 'm' from generate_series(1, %d) n",
		    INBOXES);
	pgtest_exec(s.admin,
		    "insert into inbox_state (workspace_id, inbox_id) select workspace_id, "
		    "inbox_id from inbox on conflict do nothing;"
		    "insert into lease (workspace_id, inbox_id, worker_id, epoch) select "
		    "workspace_id, inbox_id, case when random() < 0.5 then '" ONE
		    "'::uuid else '" TWO "' end, 1 from inbox on conflict do nothing");
	pgtest_exec(s.admin, "vacuum analyze lease");
	pgtest_exec(s.admin, "vacuum analyze inbox");
	pgtest_exec(s.admin, "vacuum analyze inbox_state");
}

static const char *scans(void)
{
	/* What this session did itself is told now, not some seconds later. */
	pgtest_exec(s.admin, "select pg_stat_force_next_flush()");
	return pgtest_value(s.admin,
			    "select sum(seq_scan) from pg_stat_user_tables where schemaname = "
			    "'replyd' and relname in ('lease', 'inbox', 'inbox_state', "
			    "'access_token')");
}

static void what_is_asked_often_reads_little(void **state)
{
	const struct fleet_self self = { ONE, "h", "", 1, 20000, 10000, 10000, false };
	char before[32];
	int64_t horizon;
	int mine;

	(void)state;
	stage_open(&s, "lease_plan");
	fill();
	mine = walk(0, false);
	assert_in_range(mine, INBOXES / 2 - 1000, INBOXES / 2 + 1000);
	horizon = list.horizon;
	stage_for(&s, 1100); /* the statistics are told a second later, with the next transaction */
	await(fleet_beat_start(s.pg, &beat, &self, on_beat));
	snprintf(before, sizeof(before), "%s", scans());

	for (int i = 0; i < 8; i++) { /* the plan that is kept for all values comes after five */
		assert_in_range(walk(horizon, false), 0, 1);
		horizon = list.horizon;
		await(fleet_beat_start(s.pg, &beat, &self, on_beat));
		await(lease_take_start(s.pg, &list, ONE, NULL, 0, 0, on_each, on_list));
	}
	stage_for(&s, 1100);
	await(fleet_beat_start(s.pg, &beat, &self, on_beat));
	assert_string_equal(scans(), before);
	stage_close(&s);
}

/* Whoever changes it, however late he commits. */
static void what_changed_is_told(void **state)
{
	struct session *late;
	int64_t horizon;

	(void)state;
	stage_open(&s, "lease_changes");
	pgtest_exec(s.admin, "insert into worker (worker_id, host, pid, capacity) values ('" ONE
			     "', 'h', 1, 10), ('" TWO "', 'h', 1, 10)");
	pgtest_exec(s.admin, "update lease set worker_id = '" ONE "'");
	assert_int_equal(walk(0, false), 4); /* three, and the one that is asked for by name */
	horizon = list.horizon;
	assert_int_equal(walk(horizon, true), 1);
	assert_int_equal(list.sum.n, 3);
	assert_int_equal(list.sum.epochs, 3);

	/* began before the walk, ends after it */
	late = seed_session("lease_changes", PGTEST_ADMIN);
	pgtest_exec(late, "begin; update inbox set imap_host = 'new.example.test' where inbox_id "
			  "= '" SEED_B "'");
	assert_int_equal(walk(horizon, false), 1);
	horizon = list.horizon;
	pgtest_exec(late, "commit");
	session_close(late);
	assert_int_equal(walk(horizon, false), 2);
	horizon = list.horizon;
	assert_int_equal(walk(horizon, false), 1);

	/* to another one; paused */
	pgtest_exec(s.admin,
		    "update lease set worker_id = '" TWO "' where inbox_id = '" SEED_C "'");
	pgtest_exec(s.admin,
		    "update inbox set admin_state = 'paused' where inbox_id = '" SEED_B "'");
	assert_int_equal(walk(list.horizon, true), 3);
	assert_int_equal(list.sum.n, 2);
	assert_string_equal(
		stage_value(&s, "select watched from lease where inbox_id = '" SEED_B "'"), "f");
	stage_close(&s);
}

/* Claims and what becomes of them, one step at a time. */
static void a_claim_has_one_owner(void **state)
{
	(void)state;
	stage_open(&s, "lease_claims");
	pgtest_exec(s.admin, "insert into worker (worker_id, host, pid, capacity) values ('" ONE
			     "', 'h', 1, 10), ('" TWO "', 'h', 1, 10)");
	told = 0;
	/* it keeps two */
	await(lease_claim_start(s.pg, &list, ONE, SEED_WORKER, false, 2, 4, on_each, on_list));
	assert_int_equal(told, 1);
	await(lease_claim_start(s.pg, &list, TWO, SEED_WORKER, true, 0, 4, on_each, on_list));
	assert_int_equal(told, 3);
	await(lease_succeed_start(s.pg, &succeed, ONE, inbox, on_won, on_succeed));
	assert_int_equal(succeed.epoch, 0); /* not its own */
	await(lease_succeed_start(s.pg, &succeed, TWO, inbox, on_won, on_succeed));
	assert_int_equal(succeed.epoch, 2);
	await(lease_succeed_start(s.pg, &succeed, TWO, inbox, on_won, on_succeed));
	assert_int_equal(succeed.epoch, 0); /* once */
	snprintf(inbox, sizeof(inbox), "%s",
		 stage_value(&s, "select inbox_id from lease where successor_id = '" ONE "'"));
	await(lease_unclaim_start(s.pg, &release, ONE, inbox, on_release));
	assert_string_equal(
		stage_value(&s, "select count(*) from lease where successor_id = '" ONE "'"), "0");
	/* lately given up: not again, unless it must go */
	told = 0;
	await(lease_claim_start(s.pg, &list, ONE, SEED_WORKER, false, 0, 4, on_each, on_list));
	assert_int_equal(told, 0);
	await(lease_claim_start(s.pg, &list, ONE, SEED_WORKER, true, 0, 4, on_each, on_list));
	assert_int_equal(told, 1);
	/* a successor's row takes its claims with it */
	pgtest_exec(s.admin, "delete from worker where worker_id = '" ONE "'");
	assert_string_equal(
		stage_value(&s, "select count(*) from lease where successor_id = '" ONE "'"), "0");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_often_reads_little),
		cmocka_unit_test(what_changed_is_told),
		cmocka_unit_test(a_claim_has_one_owner),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
