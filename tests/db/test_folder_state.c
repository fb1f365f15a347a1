/* What is said of many inboxes in one transaction, and what they begin with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db/folder_load.h"
#include "db/folder_state.h"
#include "tests/db/pgtest.h"
#include "tests/db/stage.h"

static const struct folder_lease leases[] = {
	{ SEED_WS, SEED_A, 1 },
	{ SEED_WS, SEED_B, 1 },
	{ SEED_OTHER, SEED_C, 1 },
};
static struct folder_state says[3];
static struct folder_load loads[3];
static int told, rows[3];

static void on_said(struct folder_state *q)
{
	(void)q;
	told++;
}

static void say(struct stage *s, int i, const char *state, const char *event)
{
	const struct folder_said said = {
		.state = state,
		.reason = "because",
		.detail = "",
		.waiting_for = "",
		.event = event,
		.event_type = "inbox.reauth_required",
		.event_data = "{}",
	};

	says[i] = (struct folder_state){ 0 };
	assert_int_equal(folder_state_start(s->pg, s->gather, &says[i], &leases[i], &said, on_said),
			 0);
}

static bool two_are_told(struct stage *s)
{
	(void)s;
	return told == 2;
}

static bool one_is_told(struct stage *s)
{
	(void)s;
	return told == 1;
}

static bool three_are_told(struct stage *s)
{
	(void)s;
	return told == 3;
}

static void begin(struct stage *s, const char *database)
{
	told = 0;
	stage_open(s, database);
	pgtest_exec(s->admin,
		    "insert into inbox_state (workspace_id, inbox_id) select workspace_id, "
		    "inbox_id from inbox on conflict do nothing");
	/* which transaction wrote it */
	pgtest_exec(s->admin,
		    "create view written as select inbox_id, xmin::text from inbox_state");
}

static void many_are_told_at_once(void **state)
{
	static struct stage s;

	(void)state;
	begin(&s, "said_many");
	say(&s, 0, "live", NULL);
	say(&s, 1, "backing_off", NULL);
	say(&s, 2, "held", NULL);
	stage_until_holds(&s, three_are_told);
	for (int i = 0; i < 3; i++)
		assert_true(outcome_ok(&says[i].outcome));
	assert_string_equal(stage_value(&s, "select string_agg(state, ' ' order by inbox_id) from "
					    "inbox_state"),
			    "live backing_off held");
	assert_string_equal(stage_value(&s, "select count(distinct xmin) from written"), "1");
	stage_close(&s);
}

/* Who has lost his lease writes nothing and hears of it; the others are written. */
static void one_that_is_fenced_stops_nobody(void **state)
{
	static struct stage s;

	(void)state;
	begin(&s, "said_fenced");
	pgtest_exec(s.admin, "update lease set epoch = 2 where inbox_id = '" SEED_B "'");
	say(&s, 0, "live", NULL);
	say(&s, 1, "held", NULL);
	stage_until_holds(&s, two_are_told);
	assert_true(outcome_ok(&says[0].outcome) && !says[0].fenced);
	assert_true(!outcome_ok(&says[1].outcome) && says[1].fenced);
	assert_string_equal(stage_value(&s, "select string_agg(state, ' ' order by inbox_id) from "
					    "inbox_state where workspace_id = '" SEED_WS "'"),
			    "live new");
	told = 1;
	say(&s, 1, "reauth_required", "60000000-0000-4000-8000-000000000001");
	stage_until_holds(&s, two_are_told);
	assert_true(says[1].fenced);
	assert_string_equal(stage_value(&s, "select count(*) from event"), "0");
	stage_close(&s);
}

/* PostgreSQL goes away while a group is under way: nothing of it is taken for written. */
static void a_group_that_is_lost_is_told_so(void **state)
{
	static struct stage s;

	(void)state;
	begin(&s, "said_lost");
	say(&s, 0, "live", NULL); /* until it is there */
	told = 1;
	stage_until_holds(&s, two_are_told);
	told = 0;
	pgtest_exec(s.admin, "create function die() returns trigger language plpgsql as $$ begin "
			     "perform pg_terminate_backend(pg_backend_pid()); return new; end $$;"
			     "alter function die() security definer;"
			     "create trigger die before update on inbox_state for each row execute "
			     "function die()");
	say(&s, 0, "backing_off", NULL);
	say(&s, 1, "backing_off", NULL);
	stage_until_holds(&s, two_are_told);
	for (int i = 0; i < 2; i++)
		assert_true(!outcome_ok(&says[i].outcome) && !says[i].fenced);
	assert_string_equal(stage_value(&s, "select count(*) from inbox_state where state = "
					    "'backing_off'"),
			    "0");
	pgtest_exec(s.admin, "drop trigger die on inbox_state");
	told = 0;
	say(&s, 0, "backing_off", NULL);
	say(&s, 1, "backing_off", NULL);
	stage_until_holds(&s, two_are_told);
	assert_string_equal(stage_value(&s, "select count(*) from inbox_state where state = "
					    "'backing_off'"),
			    "2");
	stage_close(&s);
}

static void on_row(struct folder_load *q, const struct folder_row *f)
{
	(void)f;
	rows[q - loads]++;
}

static void on_pending(struct folder_load *q, const struct folder_pending *p)
{
	(void)q;
	(void)p;
}

static int rechecks[3];
static int64_t last_uid;

static void on_recheck(struct folder_load *q, const struct folder_recheck *r)
{
	rechecks[q - loads]++;
	last_uid = r->uid;
}

static void on_loaded(struct folder_load *q)
{
	(void)q;
	told++;
}

static void each_begins_with_its_own(void **state)
{
	static struct stage s;

	(void)state;
	begin(&s, "loaded_many");
	memset(rows, 0, sizeof(rows));
	pgtest_exec(s.admin,
		    "insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, "
		    "role, uidvalidity, uid_gated, uid_ingested) select workspace_id, "
		    "inbox_id, gen_random_uuid(), n, n, 'other', 7, 5, 5 from inbox, "
		    "unnest(array['x', 'y']) n where inbox_id <> '" SEED_B "'");
	pgtest_exec(s.admin, "update lease set epoch = 2 where inbox_id = '" SEED_C "'");
	for (int i = 0; i < 3; i++) {
		loads[i] = (struct folder_load){ .folder = on_row,
						 .pending = on_pending,
						 .recheck = on_recheck,
						 .done = on_loaded };
		assert_int_equal(folder_load_start(s.pg, s.gather, &loads[i], &leases[i]), 0);
	}
	stage_until_holds(&s, three_are_told);
	assert_true(outcome_ok(&loads[0].outcome) && outcome_ok(&loads[1].outcome));
	assert_true(!outcome_ok(&loads[2].outcome) && loads[2].fenced);
	assert_int_equal(rows[0], rows[1] + 2);
	stage_close(&s);
}

/* Of each folder as many as are kept, and of the folder as it is now. */
static void what_waits_is_told_as_far_as_it_is_kept(void **state)
{
	static struct stage s;

	(void)state;
	begin(&s, "loaded_rechecks");
	memset(rechecks, 0, sizeof(rechecks));
	pgtest_exec(s.admin,
		    "insert into folder (workspace_id, inbox_id, folder_id, name, wire_name, "
		    "role, uidvalidity, uid_gated, uid_ingested) select workspace_id, "
		    "inbox_id, gen_random_uuid(), n, n, 'other', 7, 5, 5 from inbox, "
		    "unnest(array['x', 'y']) n where inbox_id = '" SEED_A "'");
	pgtest_exec(s.admin, "insert into recheck (workspace_id, inbox_id, folder_id, uidvalidity, "
			     "uid) select workspace_id, inbox_id, folder_id, uidvalidity - d, n "
			     "from folder, generate_series(1, 1000) n, generate_series(0, 1) d "
			     "where inbox_id = '" SEED_A "'");
	loads[0] = (struct folder_load){
		.folder = on_row, .pending = on_pending, .recheck = on_recheck, .done = on_loaded
	};
	assert_int_equal(folder_load_start(s.pg, s.gather, &loads[0], &leases[0]), 0);
	stage_until_holds(&s, one_is_told);
	assert_true(outcome_ok(&loads[0].outcome));
	assert_int_equal(rechecks[0], 2 * LIMIT_WATCH_AGAIN);
	assert_int_equal(last_uid, LIMIT_WATCH_AGAIN);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_told_at_once),
		cmocka_unit_test(one_that_is_fenced_stops_nobody),
		cmocka_unit_test(a_group_that_is_lost_is_told_so),
		cmocka_unit_test(each_begins_with_its_own),
		cmocka_unit_test(what_waits_is_told_as_far_as_it_is_kept),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
