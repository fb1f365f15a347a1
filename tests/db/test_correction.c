#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "db/event_id.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* What somebody says a mail really was: the gate follows, as far as only that mail closed it. */

enum who { INGEST, API, ADMIN };

/* The mail `m` (a name) comes, about `prospects`, and is settled as `kind`, which closes `level`.
 */
#define COMES(m, prospects)                                                                        \
	INGEST, "select was from gate_close('" SEED_A "', 1, jsonb_build_array("                   \
		"jsonb_build_object('message_id', md5('" m "')::uuid, 'prospect_keys', "           \
		"'" prospects "'::jsonb, 'folder_id', '" SEED_FOLDER_A "', 'uidvalidity', 7, "     \
		"'uid', ascii('" m "'), 'header_message_id', '" m "', 'sender', 's', 'subject', "  \
		"'t', 'internal_at', now(), 'size_bytes', 100, 'matches', (select jsonb_agg("      \
		"jsonb_build_object('prospect', p)) from jsonb_array_elements('" prospects         \
		"') p), 'detected_at', now(), 'recovered', false)))"
#define IS(m, prospects, kind, intent, level, reason, hold)                                        \
	INGEST, "select level from message_settle('" SEED_A "', 1, jsonb_build_object("            \
		"'message_id', md5('" m "')::uuid, 'prospect_keys', '" prospects "'::jsonb, "      \
		"'state', 'done', 'kind', '" kind "', 'confidence', 0.9, 'snippet', 'x', "         \
		"'evidence', '[]'::jsonb, 'matches', (select jsonb_agg(jsonb_build_object("        \
		"'prospect', p)) from jsonb_array_elements('" prospects "') p), "                  \
		"'return_at', null, 'level', " #level ", 'reason', '" reason "', "                 \
		"'hold_until', " hold ", 'event_id', event_id_of('" SEED_WS "', "                  \
		"md5('" m "')::uuid::text, 'reply.received', '1'), "                               \
		"'event_type', 'reply.received', 'event_data', "                                   \
		"'{\"prospect\": {\"key\": \"anna\"}, \"bounce\": {\"status\": \"5.1.1\"}, "       \
		"\"intent\": " intent "}'::jsonb))"
#define REPLY(m)   IS(m, "[\"anna\"]", "reply", "\"neutral\"", 3, "replied", "null")
#define STOP(m)    IS(m, "[\"anna\"]", "reply", "\"unsubscribe\"", 5, "unsubscribed", "null")
#define MACHINE(m) IS(m, "[\"anna\"]", "auto_reply.other", "null", 0, "", "null")
#define AWAY(m, until)                                                                             \
	IS(m, "[\"anna\"]", "auto_reply.out_of_office", "null", 1, "out_of_office", until)

/* Somebody says that it is this. */
#define SAYS(m, key, kind, intent, level, reason)                                                  \
	API, "select result from message_reclassify(md5('" m "')::uuid, " key ", 'print " kind     \
	     "', '" SEED_A "', '" kind "', " intent ", " #level ", '" reason "', 't')"
#define NO_REPLY(m) SAYS(m, "null", "auto_reply.other", "null", 0, "")

struct step {
	enum who who;
	const char *sql, *says, *gate; /* gate of anna; NULL: not looked at */
};

static const char gate_of[] =
	"select level || ' ' || reason || ' ' || coalesce((select m.header_message_id from message "
	"m"
	" where m.message_id = g.message_id), '-') || case when closed_at is null then '' else ' "
	"closed' end from gate g where prospect_key = '%s'";

#define ANNA "[\"anna\"]"

static const struct {
	const char *name;
	struct step steps[9];
} stories[] = {
	{ "the only evidence: the gate opens",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", "3 replied a closed" },
	    { NO_REPLY("a"), "corrected", "0  -" } } },
	{ "a person answered too: it stays closed, by his mail",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", "3 replied a closed" },
	    { COMES("b", ANNA), "new", NULL },
	    { REPLY("b"), "3", "3 replied a closed" },
	    { NO_REPLY("a"), "corrected", "3 replied b closed" },
	    { NO_REPLY("b"), "corrected", "0  -" } } },
	{ "the mail that did not close it opens nothing",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", NULL },
	    { COMES("b", ANNA), "new", NULL },
	    { MACHINE("b"), "3", NULL },
	    { SAYS("b", "null", "auto_reply.ticket", "null", 0, ""), "corrected",
	      "3 replied a closed" } } },
	{ "an opt-out that was none: the answer behind it still closes",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", NULL },
	    { COMES("b", ANNA), "new", NULL },
	    { STOP("b"), "5", "5 unsubscribed b closed" },
	    { SAYS("b", "null", "reply", "'neutral'", 3, "replied"), "corrected",
	      "3 replied a closed" },
	    { NO_REPLY("b"), "corrected", "3 replied a closed" } } },
	{ "a machine that was a person closes",
	  { { COMES("a", ANNA), "new", NULL },
	    { MACHINE("a"), "0", "0  -" },
	    { SAYS("a", "null", "reply", "'unsubscribe'", 5, "unsubscribed"), "corrected",
	      "5 unsubscribed a closed" } } },
	{ "another mail that is still being read keeps it provisional",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", NULL },
	    { COMES("b", ANNA), "new", NULL },
	    { NO_REPLY("a"), "corrected", "2 provisional b closed" },
	    { MACHINE("b"), "0", "0  -" } } },
	{ "an absence holds from when it is said to be one, and no more when it is said to be none",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", NULL },
	    { SAYS("a", "null", "auto_reply.out_of_office", "null", 1, "out_of_office"),
	      "corrected", "1 out_of_office a closed" },
	    { NO_REPLY("a"), "corrected", "0  -" } } },
	{ "the hold of another absence remains",
	  { { COMES("a", ANNA), "new", NULL },
	    { AWAY("a", "now() + interval '2 days'"), "1", NULL },
	    { COMES("b", ANNA), "new", NULL },
	    { AWAY("b", "now() + interval '9 days'"), "1", "1 out_of_office b closed" },
	    { NO_REPLY("b"), "corrected", "1 out_of_office a closed" } } },
	{ "a mail about two: the gate of the second knows of it, too",
	  { { COMES("a", "[\"bert\", \"anna\"]"), "new", NULL },
	    { IS("a", "[\"bert\", \"anna\"]", "reply", "null", 3, "replied", "null"), "3",
	      "3 replied a closed" },
	    { COMES("b", ANNA), "new", NULL },
	    { STOP("b"), "5", NULL },
	    { NO_REPLY("b"), "corrected", "3 replied a closed" },
	    { NO_REPLY("a"), "corrected", "0  -" } } },
	{ "what was opened by hand since is closed by more than was known only",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", NULL },
	    { ADMIN, "update gate set level = 0, reason = '', message_id = null, closed_at = null",
	      "", NULL },
	    { SAYS("a", "null", "reply", "'interested'", 3, "replied"), "corrected", "0  -" },
	    { SAYS("a", "null", "reply", "'unsubscribe'", 5, "unsubscribed"), "corrected",
	      "5 unsubscribed a closed" } } },
	{ "what nobody's mail closed is not opened by one",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", NULL },
	    { ADMIN, "update gate set level = 5, reason = 'by hand', message_id = null", "", NULL },
	    { NO_REPLY("a"), "corrected", "5 by hand - closed" } } },
	{ "settled by an earlier version: its kind speaks",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", NULL },
	    { COMES("b", ANNA), "new", NULL },
	    { REPLY("b"), "3", NULL },
	    { ADMIN, "update message set level = null, reason = '', intent = ''", "", NULL },
	    { NO_REPLY("a"), "corrected", "3 replied b closed" } } },
	{ "answers without effect",
	  { { SAYS("z", "null", "reply", "null", 3, "replied"), "not_found", NULL },
	    { COMES("a", ANNA), "new", NULL },
	    { NO_REPLY("a"), "pending", "2 provisional a closed" },
	    { REPLY("a"), "3", NULL },
	    { SAYS("a", "null", "reply", "null", 3, "replied"), "unchanged", NULL },
	    { SAYS("a", "null", "reply", "'neutral'", 3, "replied"), "unchanged",
	      "3 replied a closed" } } },
	{ "a key makes a request one, and is good for no other",
	  { { COMES("a", ANNA), "new", NULL },
	    { REPLY("a"), "3", NULL },
	    { SAYS("a", "'k1'", "auto_reply.other", "null", 0, ""), "corrected", "0  -" },
	    { SAYS("a", "'k2'", "reply", "'neutral'", 3, "replied"), "corrected",
	      "3 replied a closed" },
	    { SAYS("a", "'k1'", "auto_reply.other", "null", 0, ""), "repeated",
	      "3 replied a closed" },
	    { SAYS("a", "'k1'", "bounce.soft", "null", 0, ""), "conflict",
	      "3 replied a closed" } } },
};

static struct session *of[3];

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("correction");
	of[INGEST] = seed_session("correction", "replyd_ingest");
	of[API] = seed_session("correction", "replyd_api");
	of[ADMIN] = seed_session("correction", PGTEST_ADMIN);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(of); i++)
		session_close(of[i]);
	return 0;
}

static void forget(void)
{
	pgtest_exec(of[ADMIN],
		    "truncate gate, gate_pending, message, message_key, sighting, event, "
		    "event_key, event_queue, correction, prospect_message");
}

static void the_gate_follows_a_correction(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(stories); i++) {
		forget();
		for (const struct step *s = stories[i].steps; s->sql; s++) {
			const char *says = pgtest_value(of[s->who], "%s", s->sql);

			if (strcmp(says, s->says) != 0)
				fail_msg("%s, step %td: \"%s\", not \"%s\"", stories[i].name,
					 s - stories[i].steps + 1, says, s->says);
			if (!s->gate)
				continue;
			says = pgtest_value(of[ADMIN], gate_of, "anna");
			if (strcmp(says, s->gate) != 0)
				fail_msg("%s, step %td: gate \"%s\", not \"%s\"", stories[i].name,
					 s - stories[i].steps + 1, says, s->gate);
		}
	}
}

static void run(const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_string_equal(pgtest_value(of[steps[i].who], "%s", steps[i].sql),
				    steps[i].says);
}

static void its_event_names_the_one_it_takes_the_place_of(void **state)
{
	static const struct step steps[] = {
		{ COMES("a", ANNA), "new", NULL },
		{ REPLY("a"), "3", NULL },
		{ NO_REPLY("a"), "corrected", NULL },
		{ SAYS("a", "null", "reply", "'interested'", 3, "replied"), "corrected", NULL },
	};
	const struct text first[] = { TEXT(SEED_WS), TEXT("0cc175b9-c0f1-b6a8-31c3-99e269772661"),
				      TEXT("reply.received"), TEXT("1") };
	const struct text second[] = { first[0], first[1], TEXT("reply.reclassified"), TEXT("1") };
	const struct text third[] = { first[0], first[1], TEXT("reply.reclassified"), TEXT("2") };
	char a[EVENT_ID], b[EVENT_ID], c[EVENT_ID], want[256];

	(void)state;
	forget();
	run(steps, countof(steps));
	event_id_of(first, 4, a);
	event_id_of(second, 4, b);
	event_id_of(third, 4, c);
	(void)snprintf(want, sizeof(want), "1 %s - | 3 %s %s | 5 %s %s", a, b, a, c, b);
	assert_string_equal(want,
			    pgtest_value(of[ADMIN],
					 "select string_agg(concat_ws(' ', prospect_seq, event_id, "
					 "coalesce(data ->> 'supersedes', '-')), ' | ' order by "
					 "prospect_seq) from event where type like 'reply.%%'"));
	assert_string_equal(
		"reply/interested was auto_reply.other/- gate 3 was 0 told_as t bounce - | "
		"auto_reply.other/- was reply/neutral gate 0 was 3 told_as t bounce -",
		pgtest_value(
			of[ADMIN],
			"select string_agg(format('%%s/%%s was %%s/%%s gate %%s was %%s told_as "
			"%%s bounce %%s', data ->> 'kind', coalesce(data ->> 'intent', '-'), "
			"data #>> '{was,kind}', coalesce(data #>> '{was,intent}', '-'), "
			"data #>> '{gate,level}', data #>> '{was,gate,level}', "
			"data ->> 'told_as', coalesce(data ->> 'bounce', '-')), ' | ' "
			"order by prospect_seq desc) from event where type = "
			"'reply.reclassified'"));
	/* Stopped, resumed, and stopped again: each told, behind what did it. */
	assert_string_equal(
		"2 prospect.stopped 1 3, 4 prospect.resumed 1 0, 6 prospect.stopped 2 3",
		pgtest_value(
			of[ADMIN],
			"select string_agg(concat_ws(' ', prospect_seq, type, data ->> 'stop', "
			"data #>> '{gate,level}'), ', ' order by prospect_seq) from event "
			"where type like 'prospect.%%'"));
	assert_string_equal("6", pgtest_value(of[ADMIN], "select count(*) from event_queue"));
}

/* The same by way of the group commit, which writes the messages by a function of its own. */
static void what_a_group_settles_is_known_too(void **state)
{
	static const struct step steps[] = {
		{ COMES("a", ANNA), "new", NULL },
		{ INGEST,
		  "select said from gather_settle(jsonb_build_array(jsonb_build_object('job', 1, "
		  "'workspace_id', '" SEED_WS "', 'inbox_id', '" SEED_A "', 'epoch', 1)), "
		  "jsonb_build_array(jsonb_build_object('job', 1, 'message_id', md5('a')::uuid, "
		  "'prospect_keys', '" ANNA "'::jsonb, 'state', 'done', 'kind', 'reply', "
		  "'confidence', 0.9, 'snippet', 'x', 'evidence', '[]'::jsonb, 'matches', "
		  "'[]'::jsonb, 'level', 5, 'reason', 'unsubscribed', 'event_id', md5('e')::uuid, "
		  "'event_type', 't', 'event_data', '{\"prospect\": {\"key\": \"anna\"}, "
		  "\"intent\": \"unsubscribe\"}'::jsonb)))",
		  "done", NULL },
	};

	(void)state;
	forget();
	run(steps, countof(steps));
	assert_string_equal(
		"unsubscribe 5 unsubscribed",
		pgtest_value(of[ADMIN],
			     "select intent || ' ' || level || ' ' || reason from message"));
	assert_string_equal("anna",
			    pgtest_value(of[ADMIN], "select prospect_key from prospect_message"));
}

/* Who pages by `line` misses none: a line that is drawn first is committed first. */
static void lines_come_in_the_order_of_their_commits(void **state)
{
	static const struct step steps[] = {
		{ COMES("a", ANNA), "new", NULL },
		{ REPLY("a"), "3", NULL },
		{ COMES("b", "[\"bert\"]"), "new", NULL },
		{ IS("b", "[\"bert\"]", "reply", "null", 3, "replied", "null"), "3", NULL },
	};
	static const struct step one = { NO_REPLY("a"), "corrected", NULL },
				 two = { NO_REPLY("b"), "corrected", NULL };
	struct session *slow = seed_session("correction", "replyd_api");

	(void)state;
	forget();
	run(steps, countof(steps));
	pgtest_exec(slow, "begin");
	assert_string_equal(pgtest_value(slow, "%s", one.sql), one.says);
	/* Its line is drawn, and nobody sees it: no later one may be seen before. */
	pgtest_exec(of[API], "set lock_timeout = '100ms'");
	assert_string_equal(pgtest_fails(of[API], "%s", two.sql), "55P03");
	pgtest_exec(of[API], "reset lock_timeout");
	assert_string_equal(pgtest_value(of[ADMIN], "select count(*) from correction"), "0");
	pgtest_exec(slow, "commit");
	run(&two, 1);
	assert_string_equal(
		pgtest_value(of[ADMIN], "select string_agg(message_id::text, ' ' order by line) ="
					" md5('a')::uuid || ' ' || md5('b')::uuid from correction"),
		"t");
	session_close(slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gate_follows_a_correction),
		cmocka_unit_test(its_event_names_the_one_it_takes_the_place_of),
		cmocka_unit_test(what_a_group_settles_is_known_too),
		cmocka_unit_test(lines_come_in_the_order_of_their_commits),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
