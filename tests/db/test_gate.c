#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/race.h"
#include "tests/db/seed.h"

/* The two transactions of a reply: the gate closes, the verdict settles it. */

/* Mail `m` (a name) about `prospects` (a JSON array), seen in the inbox of `folder`. */
#define ITEM(m, prospects, folder)                                                                 \
	"jsonb_build_object('message_id', md5('" m "')::uuid, 'prospect_keys', '" prospects        \
	"'::jsonb, 'folder_id',"                                                                   \
	" '" folder "', 'uidvalidity', 7, 'uid', ascii('" m "'), 'header_message_id', '" m         \
	"', 'sender', 's', 'subject', 't',"                                                        \
	" 'internal_at', now(), 'size_bytes', 100, 'matches', '[]'::jsonb, 'detected_at', now(), " \
	"'recovered', false)"
#define CLOSE_IN(inbox, items)                                                                     \
	"select string_agg(was, ' ' order by uid) from gate_close('" inbox                         \
	"', 1, jsonb_build_array(" items "))"
#define CLOSE(items) CLOSE_IN(SEED_A, items)

#define VERDICT(m, prospects, level, reason, hold, rest)                                           \
	"jsonb_build_object('message_id', md5('" m "')::uuid, 'prospect_keys', '" prospects        \
	"'::jsonb, 'state', 'done',"                                                               \
	" 'kind', 'reply', 'confidence', 0.9, 'snippet', 'x', 'evidence', '[]'::jsonb, "           \
	"'matches', '[]'::jsonb,"                                                                  \
	" 'return_at', null, 'level', " #level ", 'reason', '" reason "', 'hold_until', " hold     \
	", 'event_id', md5('event " m "')::uuid, 'event_type', 't',"                               \
	" 'event_data', '{\"prospect\": {\"key\": \"k\"}}'::jsonb) || " rest
#define SETTLE_IN(inbox, m, prospects, level, reason, hold)                                        \
	"select was_new || ' ' || coalesce(prospect_seq, 0) || ' ' || level from "                 \
	"message_settle('" inbox "', 1," VERDICT(m, prospects, level, reason, hold, "'{}'") ")"
#define SETTLE(m, prospects, level, reason) SETTLE_IN(SEED_A, m, prospects, level, reason, "null")
#define HOLD(m, prospects, until)           SETTLE_IN(SEED_A, m, prospects, 1, "out_of_office", until)

/* "level reason who" of a gate; who: the name of the message that set it. */
static const char *gate(struct session *admin, const char *prospect)
{
	return pgtest_value(admin,
			    "select level || ' ' || reason || ' ' || coalesce((select "
			    "m.header_message_id from message m"
			    " where m.message_id = g.message_id), '-') || case when closed_at is "
			    "null then '' else ' closed' end"
			    " from gate g where prospect_key = '%s'",
			    prospect);
}

struct step {
	const char *sql, *says, *gate; /* of "anna"; NULL: not looked at */
};

static void a_story_ends_as_it_should(void **state)
{
	static const struct {
		const char *name;
		struct step steps[8];
	} stories[] = {
		{ "a reply",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new",
		      "2 provisional a closed" },
		    { SETTLE("a", "[\"anna\"]", 3, "replied"), "true 1 3",
		      "3 replied a closed" } } },
		{ "each step twice",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new",
		      "2 provisional a closed" },
		    { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "pending",
		      "2 provisional a closed" },
		    { SETTLE("a", "[\"anna\"]", 3, "replied"), "true 1 3", "3 replied a closed" },
		    { SETTLE("a", "[\"anna\"]", 3, "replied"), "false 0 3", "3 replied a closed" },
		    { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "done", "3 replied a closed" },
		    { SETTLE("a", "[\"anna\"]", 5, "unsubscribed"), "false 0 3",
		      "3 replied a closed" } } },
		{ "a soft bounce reopens",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new",
		      "2 provisional a closed" },
		    { SETTLE("a", "[\"anna\"]", 0, ""), "true 1 0", "0  -" } } },
		{ "a soft bounce seen elsewhere does not close again",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { SETTLE("a", "[\"anna\"]", 0, ""), "true 1 0", "0  -" },
		    { CLOSE_IN(SEED_B, ITEM("a", "[\"anna\"]", SEED_FOLDER_B)), "done",
		      "0  -" } } },
		{ "two pending: the first verdict does not open",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A) "," ITEM("b", "[\"anna\"]",
									    SEED_FOLDER_A)),
		      "new new", "2 provisional a closed" },
		    { SETTLE("a", "[\"anna\"]", 0, ""), "true 1 2", "2 provisional b closed" },
		    { SETTLE("b", "[\"anna\"]", 0, ""), "true 2 0", "0  -" } } },
		{ "two pending: the verdict of the first stays",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A) "," ITEM("b", "[\"anna\"]",
									    SEED_FOLDER_A)),
		      "new new", NULL },
		    { SETTLE("a", "[\"anna\"]", 3, "replied"), "true 1 3", "3 replied a closed" },
		    /* 2 is prospect.stopped */
		    { SETTLE("b", "[\"anna\"]", 0, ""), "true 3 3", "3 replied a closed" } } },
		{ "two pending: a hold waits behind the other",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A) "," ITEM("b", "[\"anna\"]",
									    SEED_FOLDER_A)),
		      "new new", NULL },
		    { HOLD("a", "[\"anna\"]", "now() + interval '3 days'"), "true 1 2",
		      "2 provisional b closed" },
		    { SETTLE("b", "[\"anna\"]", 0, ""), "true 2 1",
		      "1 out_of_office a closed" } } },
		{ "out of office, then a reply",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { HOLD("a", "[\"anna\"]", "now() + interval '3 days'"), "true 1 1",
		      "1 out_of_office a closed" },
		    { CLOSE(ITEM("b", "[\"anna\"]", SEED_FOLDER_A)), "new",
		      "2 provisional b closed" },
		    { SETTLE("b", "[\"anna\"]", 3, "replied"), "true 2 3",
		      "3 replied b closed" } } },
		{ "out of office, then a soft bounce: the hold remains, with its mail",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { HOLD("a", "[\"anna\"]", "now() + interval '3 days'"), "true 1 1", NULL },
		    { CLOSE(ITEM("b", "[\"anna\"]", SEED_FOLDER_A)), "new",
		      "2 provisional b closed" },
		    { SETTLE("b", "[\"anna\"]", 0, ""), "true 2 1",
		      "1 out_of_office a closed" } } },
		{ "a hold that is over does not keep it closed",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { HOLD("a", "[\"anna\"]", "now() - interval '3 days'"), "true 1 1",
		      "1 out_of_office a closed" },
		    { CLOSE(ITEM("b", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { SETTLE("b", "[\"anna\"]", 0, ""), "true 2 0", "0  -" } } },
		{ "the later hold counts",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { HOLD("a", "[\"anna\"]", "now() + interval '9 days'"), "true 1 1", NULL },
		    { CLOSE(ITEM("b", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { HOLD("b", "[\"anna\"]", "now() + interval '3 days'"), "true 2 1",
		      "1 out_of_office a closed" },
		    { "select hold_until > now() + interval '8 days' from gate", "t", NULL } } },
		{ "a reply, then a soft bounce",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { SETTLE("a", "[\"anna\"]", 3, "replied"), "true 1 3", NULL },
		    { CLOSE(ITEM("b", "[\"anna\"]", SEED_FOLDER_A)), "new", "3 replied a closed" },
		    { SETTLE("b", "[\"anna\"]", 0, ""), "true 3 3", "3 replied a closed" } } },
		{ "a reply, then out of office",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { SETTLE("a", "[\"anna\"]", 3, "replied"), "true 1 3", NULL },
		    { CLOSE(ITEM("b", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { HOLD("b", "[\"anna\"]", "now() + interval '3 days'"), "true 3 3",
		      "3 replied a closed" } } },
		{ "a reply, then an unsubscription, then a reply",
		  { { CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { SETTLE("a", "[\"anna\"]", 3, "replied"), "true 1 3", NULL },
		    { CLOSE(ITEM("b", "[\"anna\"]", SEED_FOLDER_A)), "new", NULL },
		    { SETTLE("b", "[\"anna\"]", 5, "unsubscribed"), "true 3 5",
		      "5 unsubscribed b closed" },
		    { CLOSE(ITEM("c", "[\"anna\"]", SEED_FOLDER_A)), "new",
		      "5 unsubscribed b closed" },
		    { SETTLE("c", "[\"anna\"]", 3, "replied"), "true 4 5",
		      "5 unsubscribed b closed" } } },
		{ "another's mail keeps her gate provisional",
		  { { CLOSE(ITEM("a", "[\"ben\", \"anna\"]",
				 SEED_FOLDER_A) "," ITEM("b", "[\"anna\"]", SEED_FOLDER_A)),
		      "new new", NULL },
		    { SETTLE("b", "[\"anna\"]", 0, ""), "true 1 2", "2 provisional a closed" },
		    { SETTLE("a", "[\"ben\", \"anna\"]", 3, "replied"), "true 1 3",
		      "3 replied a closed" } } },
		{ "the text says it is about somebody else",
		  { { CLOSE(ITEM("a", "[\"ben\", \"anna\"]", SEED_FOLDER_A)), "new",
		      "2 provisional a closed" },
		    { SETTLE("a", "[\"ben\"]", 3, "replied"), "true 1 3", "0  -" } } },
		{ "the text names one more",
		  { { CLOSE(ITEM("a", "[\"ben\"]", SEED_FOLDER_A)), "new", NULL },
		    { SETTLE("a", "[\"ben\", \"anna\"]", 3, "replied"), "true 1 3",
		      "3 replied a closed" } } },
		{ "found again with one more",
		  { { CLOSE(ITEM("a", "[\"ben\"]", SEED_FOLDER_A)), "new", NULL },
		    { CLOSE(ITEM("a", "[\"ben\", \"anna\"]", SEED_FOLDER_A)), "pending",
		      "2 provisional a closed" },
		    { SETTLE("a", "[\"ben\"]", 3, "replied"), "true 1 3", "0  -" } } },
		{ "settled before it was gated",
		  { { SETTLE("a", "[\"anna\"]", 3, "replied"), "!RP002", NULL } } },
	};
	struct session *admin;
	struct race ingest;

	(void)state;
	(void)seed_database("stories");
	admin = seed_session("stories", PGTEST_ADMIN);
	race_open(&ingest, "stories", "replyd_ingest");
	for (size_t i = 0; i < countof(stories); i++) {
		pgtest_exec(admin, "truncate gate, gate_pending, message, message_key, sighting, "
				   "event, event_key, event_queue");
		for (const struct step *s = stories[i].steps; s->sql; s++) {
			const char *says = race_run(&ingest, "%s", s->sql);

			if (strcmp(says, s->says) != 0)
				fail_msg("%s, step %td: \"%s\", not \"%s\"", stories[i].name,
					 s - stories[i].steps + 1, says, s->says);
			if (s->gate && strcmp(gate(admin, "anna"), s->gate) != 0)
				fail_msg("%s, step %td: gate \"%s\", not \"%s\"", stories[i].name,
					 s - stories[i].steps + 1, session_value(admin, 0, 0),
					 s->gate);
		}
		if (strcmp(pgtest_value(
				   admin,
				   "select count(*) from gate_pending c where not exists (select 1 "
				   "from message m"
				   " where m.message_id = c.message_id and m.state = 'pending')"),
			   "0") != 0)
			fail_msg("%s: a settled mail keeps a gate", stories[i].name);
	}
	race_close(&ingest);
	session_close(admin);
}

static void the_event_tells_what_became_of_the_gate(void **state)
{
	struct session *admin, *ingest;

	(void)state;
	(void)seed_database("tells");
	admin = seed_session("tells", PGTEST_ADMIN);
	ingest = seed_session("tells", "replyd_ingest");
	pgtest_value(ingest, CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A)));
	pgtest_value(ingest, SETTLE("a", "[\"anna\"]", 3, "replied"));
	pgtest_value(ingest, CLOSE(ITEM("b", "[\"anna\"]", SEED_FOLDER_A)));
	pgtest_value(ingest, SETTLE("b", "[\"anna\"]", 0, ""));
	assert_string_equal("1:{\"gate\": {\"level\": 3, \"reason\": \"replied\"}, \"prospect\": "
			    "{\"key\": \"k\", \"seq\": 1}, \"newly_stopped\": true} "
			    "3:{\"gate\": {\"level\": 3, \"reason\": \"replied\"}, \"prospect\": "
			    "{\"key\": \"k\", \"seq\": 3}, \"newly_stopped\": false}",
			    pgtest_value(admin,
					 "select string_agg(prospect_seq || ':' || data, ' "
					 "' order by prospect_seq) from event where type = 't'"));
	/* Two inboxes saw it: one message, two sightings. */
	pgtest_value(ingest, CLOSE_IN(SEED_B, ITEM("a", "[\"anna\"]", SEED_FOLDER_B)));
	assert_string_equal("2 3 2",
			    pgtest_value(admin,
					 "select (select count(*) from message) || ' ' ||"
					 " (select count(*) from sighting) || ' ' || (" SEED_EVENTS
					 ")"));
	/* A mail that vanished before its text was read is settled for good, too. */
	pgtest_value(ingest, CLOSE(ITEM("c", "[\"anna\"]", SEED_FOLDER_A)));
	pgtest_value(ingest, "select * from message_settle('" SEED_A
			     "', 1, " VERDICT("c", "[\"anna\"]", 3, "replied", "null",
					      "'{\"state\": \"text_unavailable\"}'") ")");
	assert_string_equal("false 0 3",
			    pgtest_value(ingest, SETTLE("c", "[\"anna\"]", 5, "unsubscribed")));
	assert_string_equal("3", pgtest_value(admin, SEED_EVENTS));
	session_close(admin);
	session_close(ingest);
}

/* The same mail in two inboxes, two workers, both orders. */
static void two_workers_settle_it_once(void **state)
{
	struct session *admin;
	struct race a, b;

	(void)state;
	(void)seed_database("once");
	admin = seed_session("once", PGTEST_ADMIN);
	race_open(&a, "once", "replyd_ingest");
	race_open(&b, "once", "replyd_ingest");
	race_run(&a, "begin");
	race_run(&b, "begin");
	assert_string_equal("new", race_run(&a, CLOSE(ITEM("a", "[\"anna\"]", SEED_FOLDER_A))));
	race_send(&b, CLOSE_IN(SEED_B, ITEM("a", "[\"anna\"]", SEED_FOLDER_B)));
	race_waits(&b, admin);
	race_run(&a, "commit");
	assert_string_equal("pending", race_answer(&b));
	race_run(&b, "commit");

	race_run(&a, "begin");
	race_run(&b, "begin");
	assert_string_equal("true 1 3", race_run(&a, SETTLE("a", "[\"anna\"]", 3, "replied")));
	race_send(&b, SETTLE_IN(SEED_B, "a", "[\"anna\"]", 3, "replied", "null"));
	race_waits(&b, admin);
	race_run(&a, "commit");
	assert_string_equal("false 0 3", race_answer(&b));
	race_run(&b, "commit");
	assert_string_equal("1 1",
			    pgtest_value(admin, "select (" SEED_EVENTS
						") || ' ' || (select events - stops from gate)"));

	/* Closed for one person more, while it is being settled for the first: nobody stays
	 * provisional. */
	assert_string_equal("new", race_run(&a, CLOSE(ITEM("b", "[\"anna\"]", SEED_FOLDER_A))));
	race_run(&b, "begin");
	assert_string_equal("pending",
			    race_run(&b, CLOSE_IN(SEED_B, ITEM("b", "[\"ben\"]", SEED_FOLDER_B))));
	race_send(&a, SETTLE("b", "[\"anna\"]", 3, "replied"));
	race_waits(&a, admin);
	race_run(&b, "commit");
	assert_string_equal("!40001", race_answer(&a));
	assert_string_equal("true 3 3", race_run(&a, SETTLE("b", "[\"anna\"]", 3, "replied")));
	assert_string_equal("0  -", gate(admin, "ben"));
	race_close(&a);
	race_close(&b);
	session_close(admin);
}

/* Two workers close for the same people, named in other orders, with the same mails in other
 * orders. */
static void closing_does_not_deadlock(void **state)
{
	struct session *admin;
	struct race a, b;

	(void)state;
	(void)seed_database("rings");
	admin = seed_session("rings", PGTEST_ADMIN);
	race_open(&a, "rings", "replyd_ingest");
	race_open(&b, "rings", "replyd_ingest");
	for (int i = 0; i < 20; i++) {
		static const char sql[] =
			"select count(*) from gate_close('%s', 1, (select jsonb_agg(" ITEM(
				"x", "[]", SEED_FOLDER_A) " || jsonb_build_object('message_id', "
							  "md5('%d ' || n)::uuid, 'uid', n,"
							  " 'prospect_keys', jsonb_build_array('p' "
							  "|| n, 'p' || (41 - n))) order by n %s) "
							  "from generate_series(1, 40) n))";

		race_send(&a, sql, SEED_A, i, "asc");
		race_send(&b, sql, SEED_B, i, "desc");
		assert_string_equal("40", race_answer(&a));
		assert_string_equal("40", race_answer(&b));
	}
	assert_string_equal(
		"40 800 800",
		pgtest_value(admin, "select (select count(*) from gate where level = 2) || ' ' ||"
				    " (select count(*) from message) || ' ' || (select count(*) "
				    "from sighting)"));
	race_close(&a);
	race_close(&b);
	session_close(admin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_story_ends_as_it_should),
		cmocka_unit_test(the_event_tells_what_became_of_the_gate),
		cmocka_unit_test(two_workers_settle_it_once),
		cmocka_unit_test(closing_does_not_deadlock),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
