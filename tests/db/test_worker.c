/* Workers: who takes what, when, and how it is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/worker.h"
#include "tests/db/pgtest.h"
#include "tests/db/stage.h"

#define ONE "40000000-0000-4000-8000-0000000000f1"
#define TWO "40000000-0000-4000-8000-0000000000f2"

static struct worker *workers[2];

static struct worker *hire(struct stage *s, const char *id)
{
	struct worker_params p = { .capacity = 100,
				   .heartbeat_ms = 40,
				   .lease_ms = 600,
				   .grace_ms = 400,
				   .janitor_ms = 60,
				   .mailbox = stage_params(s) };

	snprintf(p.id, sizeof(p.id), "%s", id);
	return worker_open(&p);
}

static bool has_stopped;

static void on_stopped(void *owner)
{
	(void)owner;
	has_stopped = true;
}

static bool is_stopped(struct stage *s)
{
	(void)s;
	return has_stopped;
}

/* All inboxes are on our server and nobody's. */
static void open_stage(struct stage *s, const char *database)
{
	stage_open(s, database);
	pgtest_exec(s->admin, "update inbox set imap_host = '127.0.0.1', imap_port = %u",
		    s->imapd.port);
	pgtest_exec(s->admin, "update lease set worker_id = null");
	pgtest_exec(s->admin, "delete from worker");
}

static void close_stage(struct stage *s)
{
	for (size_t i = 0; i < countof(workers); i++) {
		if (workers[i])
			worker_drop(workers[i]);
		workers[i] = NULL;
	}
	stage_close(s);
}

static bool all_live(struct stage *s)
{
	(void)s;
	return worker_live(workers[0]) + (workers[1] ? worker_live(workers[1]) : 0) == 3;
}

static void takes_watches_proves_and_gives_back(void **state)
{
	static struct stage s;
	(void)state;
	open_stage(&s, "worker_one");
	stage_register(&s, "out.1@example.test", "pat");
	workers[0] = hire(&s, ONE);
	stage_until_holds(&s, all_live);
	assert_int_equal(worker_held(workers[0]), 3);
	assert_string_equal(stage_value(&s, "select count(*) from lease where worker_id = '" ONE
					    "' and epoch = 2"),
			    "3");
	stage_until(&s, "select count(*) = 3 from inbox_seen where gated_through is not null and "
			"ingested_through = gated_through");
	stage_until(&s, "select min(gated_through) > '%s' from inbox_seen",
		    stage_value(&s, "select max(gated_through) from inbox_seen"));
	/* one mail in every inbox: it is the same server.  It concerns a prospect of the first
	 * workspace only. */
	imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes, gladly.\r\n");
	stage_until(&s, "select count(*) = 1 from event where type = 'reply.received'");
	stage_until(&s, "select count(*) = 2 from sighting"); /* in both inboxes of the workspace,
								 once as a message */
	assert_string_equal(stage_value(&s, "select count(*) from message"), "1");
	stage_until(&s, "select count(*) = 1 from trace where workspace_id <> '" SEED_WS
			"' and names = 'id'");
	worker_stop(workers[0], on_stopped, NULL);
	stage_until_holds(&s, is_stopped);
	stage_until(&s, "select (select count(*) from lease where worker_id is not null) + (select "
			"count(*) from worker) = 0");
	close_stage(&s);
}

/* The other one beats as long as the play lasts. */
static int rounds;

static void beat(struct stage *s)
{
	pgtest_exec(s->admin, "update worker set beat = beat + 1 where worker_id = '" TWO "'");
	rounds++;
}

static bool some_beats(struct stage *s)
{
	beat(s);
	return rounds > 20 && worker_held(workers[0]) > 0;
}

static bool all_live_while_two_beats(struct stage *s)
{
	beat(s);
	return all_live(s);
}

static void two_workers_share(void **state)
{
	static struct stage s;

	(void)state;
	open_stage(&s, "worker_two");
	pgtest_exec(s.admin, "insert into worker (worker_id, host, pid, capacity) values ('" ONE
			     "', 'h', 1, 100), ('" TWO "', 'h', 1, 100)");
	workers[0] = hire(&s, ONE);
	workers[1] = hire(&s, TWO);
	stage_until_holds(&s, all_live);
	assert_in_range(worker_held(workers[0]), 1, 2);
	assert_in_range(worker_held(workers[1]), 1, 2);
	close_stage(&s);
}

/* By what each can hold; and what a living worker does not take is not left alone for long. */
static void shares_by_capacity(void **state)
{
	static struct stage s;

	(void)state;
	open_stage(&s, "worker_capacity");
	pgtest_exec(s.admin, "insert into worker (worker_id, host, pid, capacity) values ('" ONE
			     "', 'h', 1, 100), ('" TWO "', 'h', 1, 100000)");
	workers[0] = hire(&s, ONE);
	rounds = 0;
	stage_until_holds(&s, some_beats);
	assert_int_equal(worker_held(workers[0]), 1);
	stage_until_holds(&s, all_live_while_two_beats);
	close_stage(&s);
}

static void the_inboxes_of_the_dead_are_taken(void **state)
{
	static struct stage s;

	(void)state;
	open_stage(&s, "worker_dead");
	pgtest_exec(s.admin, "insert into worker (worker_id, host, pid, capacity) values ('" TWO
			     "', 'h', 1, 9)");
	pgtest_exec(s.admin, "update lease set worker_id = '" TWO "', epoch = 5");
	workers[0] = hire(&s, ONE);
	stage_for(&s, 300); /* less than the lease */
	assert_string_equal(
		stage_value(&s, "select count(*) from lease where worker_id = '" TWO "'"), "3");
	stage_until_holds(&s, all_live);
	assert_string_equal(stage_value(&s, "select count(*) from lease where worker_id = '" ONE
					    "' and epoch = 6"),
			    "3");
	stage_until(&s, "select count(*) = 1 from worker");
	close_stage(&s);
}

static bool many_beats(struct stage *s)
{
	beat(s);
	return rounds > 250;
}

static void the_living_keep_theirs(void **state)
{
	static struct stage s;

	(void)state;
	open_stage(&s, "worker_living");
	pgtest_exec(s.admin, "insert into worker (worker_id, host, pid, capacity) values ('" TWO
			     "', 'h', 1, 9)");
	pgtest_exec(s.admin, "update lease set worker_id = '" TWO "', epoch = 5");
	workers[0] = hire(&s, ONE);
	rounds = 0;
	stage_until_holds(&s, many_beats); /* 250 x 5 ms and more: twice the lease */
	assert_string_equal(stage_value(&s, "select count(*) from lease where worker_id = '" TWO
					    "' and epoch = 5"),
			    "3");
	assert_int_equal(worker_held(workers[0]), 0);
	close_stage(&s);
}

static bool holds_two(struct stage *s)
{
	(void)s;
	return worker_held(workers[0]) == 2;
}

static bool holds_three(struct stage *s)
{
	(void)s;
	return worker_held(workers[0]) == 3;
}

static void the_walk_finds_what_changed(void **state)
{
	static struct stage s;

	(void)state;
	open_stage(&s, "worker_walk");
	workers[0] = hire(&s, ONE);
	stage_until_holds(&s, all_live);

	/* paused by its owner: left alone, and given back */
	pgtest_exec(s.admin,
		    "update inbox set admin_state = 'paused' where inbox_id = '" SEED_B "'");
	stage_until_holds(&s, holds_two);
	stage_until(&s, "select worker_id is null from lease where inbox_id = '" SEED_B "'");
	stage_until(&s, "select state = 'unwatched' and reason = 'paused' from inbox_state where "
			"inbox_id = '" SEED_B "'");
	pgtest_exec(s.admin,
		    "update inbox set admin_state = 'enabled' where inbox_id = '" SEED_B "'");
	stage_until_holds(&s, all_live);

	/* taken by another while we were stopped: seen with the walk at the latest */
	pgtest_exec(s.admin, "insert into worker (worker_id, host, pid, capacity) values ('" TWO
			     "', 'h', 1, 9)");
	pgtest_exec(s.admin, "update lease set worker_id = '" TWO
			     "', epoch = epoch + 1 where inbox_id = '" SEED_A "'");
	stage_until_holds(&s, holds_two);
	/* who falls silent in his turn */
	stage_until_holds(&s, holds_three);

	/* our own row was removed while we were stopped: leases and all */
	pgtest_exec(s.admin, "delete from worker where worker_id = '" ONE "'");
	stage_until(&s, "select count(*) = 3 from lease where worker_id = '" ONE "' and epoch > 2");
	stage_until_holds(&s, all_live);
	close_stage(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_watches_proves_and_gives_back),
		cmocka_unit_test(two_workers_share),
		cmocka_unit_test(shares_by_capacity),
		cmocka_unit_test(the_inboxes_of_the_dead_are_taken),
		cmocka_unit_test(the_living_keep_theirs),
		cmocka_unit_test(the_walk_finds_what_changed),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
