#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "db/stop.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* A gate by hand: how far a stop closes it, what a resumption leaves, and what the log tells. */

static struct pg_bench bench;
static struct session *admin;

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("stop");
	admin = seed_session("stop", PGTEST_ADMIN);
	pg_bench_open(&bench, "stop");
	pg_bench_run(&bench, 1);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	pg_bench_close(&bench);
	session_close(admin);
	return 0;
}

static void on_called(struct stop_call *q)
{
	(void)q;
	pg_bench_happened(&bench);
}

/* What is done to anna, by whom; "level reason changed" of the call's answer. */
enum act { STOP, RESUME };

static const char *act(enum act what, const char *key, const char *folded, int level,
		       const char *reason)
{
	static char said[64];
	struct stop_call q;

	memset(&q, 0x5a, sizeof(q)); /* nothing of it may be taken for granted */
	assert_int_equal(
		what == STOP
			? stop_start(bench.pg, &q, SEED_WS, key, folded, level, reason, on_called)
			: stop_resume_start(bench.pg, &q, SEED_WS, key, folded, reason, on_called),
		0);
	pg_bench_run(&bench, 1);
	if (!outcome_ok(&q.outcome))
		fail_msg("%s: %s", q.outcome.what, q.outcome.said);
	(void)snprintf(said, sizeof(said), "%d %s%s", q.level, q.reason,
		       q.changed ? " changed" : "");
	return said;
}

static const char *gate_of(const char *key)
{
	return pgtest_value(admin,
			    "select level || ' ' || reason || case when hold_until is null then '' "
			    "else ' hold' end"
			    " || case when message_id is null then '' else ' by a mail' end"
			    " || case when closed_at is null then '' else ' closed' end"
			    " from gate where prospect_key = '%s'",
			    key);
}

#define MAIL "'60000000-0000-4000-8000-000000000001'"
#define HOLD "now() + interval '3 days'"
#define PENDING                                                                                    \
	"insert into gate_pending (workspace_id, prospect_key, message_id)"                        \
	" values ('" SEED_WS "', 'anna', " MAIL ")"
#define GATE(level, reason, hold, mail)                                                            \
	"insert into gate (workspace_id, prospect_key, level, reason, hold_until, message_id, "    \
	"closed_at)"                                                                               \
	" values ('" SEED_WS "', 'anna', " #level ", '" reason "', " hold ", " mail ", now())"

static const struct {
	const char *name, *before, *and_before;
	enum act act;
	int level;
	const char *reason; /* of a resumption: as it was read */
	const char *says, *gate;
} rows[] = {
	{ "nobody has written to him: he is stopped", NULL, NULL, STOP, 3, "manual", "0  changed",
	  "3 manual closed" },
	{ "an answer that nobody has read becomes final", GATE(2, "provisional", "null", MAIL),
	  PENDING, STOP, 3, "manual", "2 provisional changed", "3 manual closed" },
	{ "an absence behind a stop is remembered", GATE(1, "out_of_office", HOLD, MAIL), NULL,
	  STOP, 3, "replied", "1 out_of_office changed", "3 replied hold closed" },
	{ "the ladder rises", GATE(3, "replied", "null", MAIL), NULL, STOP, 5, "unsubscribed",
	  "3 replied changed", "5 unsubscribed closed" },
	{ "as far already: why it was closed stays", GATE(3, "replied", "null", MAIL), NULL, STOP,
	  3, "manual", "3 replied", "3 replied by a mail closed" },
	{ "it never falls", GATE(6, "complained", "null", MAIL), NULL, STOP, 3, "manual",
	  "6 complained", "6 complained by a mail closed" },

	{ "what is open stays so", NULL, NULL, RESUME, 0, NULL, "0 ", "" },
	{ "a final gate opens", GATE(3, "replied", "null", MAIL), NULL, RESUME, 0, NULL,
	  "3 replied changed", "0 " },
	{ "as it was read", GATE(3, "replied", "null", MAIL), NULL, RESUME, 0, "replied",
	  "3 replied changed", "0 " },
	{ "an opt-out came meanwhile", GATE(5, "unsubscribed", "null", MAIL), NULL, RESUME, 0,
	  "replied", "5 unsubscribed", "5 unsubscribed by a mail closed" },
	{ "an opt-out that is not named", GATE(5, "unsubscribed", "null", MAIL), NULL, RESUME, 0,
	  NULL, "5 unsubscribed", "5 unsubscribed by a mail closed" },
	{ "an opt-out that is named", GATE(5, "unsubscribed", "null", MAIL), NULL, RESUME, 0,
	  "unsubscribed", "5 unsubscribed changed", "0 " },
	{ "a dead address", GATE(4, "bounced_hard", "null", MAIL), NULL, RESUME, 0, NULL,
	  "4 bounced_hard changed", "0 " },
	{ "a mail that is still being read keeps it closed", GATE(3, "replied", "null", "null"),
	  PENDING, RESUME, 0, NULL, "3 replied changed", "2 provisional by a mail closed" },
	{ "and is not opened before it was read", GATE(2, "provisional", "null", MAIL), PENDING,
	  RESUME, 0, NULL, "2 provisional", "2 provisional by a mail closed" },
	{ "the absence behind an answer holds", GATE(3, "replied", HOLD, MAIL), NULL, RESUME, 0,
	  NULL, "3 replied changed", "1 out_of_office hold closed" },
	{ "an absence that is over holds nobody",
	  GATE(3, "replied", "now() - interval '1 hour'", MAIL), NULL, RESUME, 0, NULL,
	  "3 replied changed", "0  hold" },
	{ "an absence by itself is ended", GATE(1, "out_of_office", HOLD, MAIL), NULL, RESUME, 0,
	  NULL, "1 out_of_office changed", "0 " },
};

static void forget(void)
{
	pgtest_exec(admin, "delete from gate; delete from gate_pending; delete from event;"
			   " delete from event_key; delete from event_queue;"
			   " delete from prospect_inbox");
}

static void each_move(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *says, *gate;

		forget();
		if (rows[i].before)
			pgtest_exec(admin, "%s", rows[i].before);
		if (rows[i].and_before)
			pgtest_exec(admin, "%s", rows[i].and_before);
		says = act(rows[i].act, "anna", NULL, rows[i].level, rows[i].reason);
		gate = gate_of("anna");
		if (strcmp(says, rows[i].says) != 0 || strcmp(gate, rows[i].gate) != 0)
			fail_msg("%s: says \"%s\", gate \"%s\"", rows[i].name, says, gate);
	}
}

/* Each way is told once, however often it is asked for, and in order. */
static void the_log_tells_it_once(void **state)
{
	(void)state;
	forget();
	for (int i = 0; i < 2; i++)
		(void)act(STOP, "anna", NULL, 3, "manual");
	(void)act(STOP, "anna", NULL, 5, "unsubscribed");
	for (int i = 0; i < 2; i++)
		(void)act(RESUME, "anna", NULL, 0, "unsubscribed");
	(void)act(STOP, "anna", NULL, 4, "bounced_hard");
	assert_string_equal(
		"1 prospect.stopped 1 3, 2 prospect.resumed 1 0, 3 prospect.stopped 2 4",
		pgtest_value(admin,
			     "select string_agg(concat_ws(' ', prospect_seq, type, data ->> 'stop',"
			     " data #>> '{gate,level}'), ', ' order by prospect_seq) from event"));
	assert_string_equal("t",
			    pgtest_value(admin, "select bool_and(data -> 'by_message' = 'null')"
						" from event"));
}

/* The key as it was registered, else the address in our spelling. */
static void whose_gate_it_is(void **state)
{
	(void)state;
	forget();
	(void)act(STOP, "Anna@Example.test", "anna@example.test", 3, "manual");
	assert_string_equal(gate_of("anna@example.test"), "3 manual closed");
	assert_string_equal(gate_of("Anna@Example.test"), "");
	forget();
	pgtest_exec(
		admin,
		"insert into prospect_inbox (workspace_id, prospect_key, inbox_id, last_sent_at)"
		" values ('" SEED_WS "', 'Anna@Example.test', '" SEED_A "', now())");
	(void)act(STOP, "Anna@Example.test", "anna@example.test", 3, "manual");
	assert_string_equal(gate_of("Anna@Example.test"), "3 manual closed");
	assert_string_equal(gate_of("anna@example.test"), "");
	(void)act(RESUME, "Anna@Example.test", "anna@example.test", 0, NULL);
	assert_string_equal(gate_of("Anna@Example.test"), "0 ");
}

/* Another workspace's prospect of the same key is somebody else. */
static void the_other_workspace_is_not_touched(void **state)
{
	(void)state;
	forget();
	pgtest_exec(
		admin,
		"insert into gate (workspace_id, prospect_key, level, reason) values ('" SEED_OTHER
		"', 'anna', 3, 'replied')");
	assert_string_equal(act(RESUME, "anna", NULL, 0, NULL), "0 ");
	assert_string_equal(act(STOP, "anna", NULL, 4, "bounced_hard"), "0  changed");
	assert_string_equal("3 replied",
			    pgtest_value(admin, "select level || ' ' || reason from gate"
						" where workspace_id = '" SEED_OTHER "'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_move),
		cmocka_unit_test(the_log_tells_it_once),
		cmocka_unit_test(whose_gate_it_is),
		cmocka_unit_test(the_other_workspace_is_not_touched),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
