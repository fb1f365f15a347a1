#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "services/rotation/health_duty.h"
#include "tests/db/pg_bench.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* What mails and their answers make of an inbox's standing: what counts and what does not, which
 * band comes of it, and what it then may send. */

enum who { API, INGEST, ROTATION, ADMIN, DUTY };
static struct session *of[DUTY];
static struct pg_bench bench;
static const struct log quiet;

static int open_all(void **state)
{
	static const char *const roles[] = { "replyd_api", "replyd_ingest", "replyd_rotation",
					     PGTEST_ADMIN };

	(void)state;
	(void)seed_database("standing");
	for (size_t i = 0; i < countof(roles); i++)
		of[i] = seed_session("standing", roles[i]);
	pgtest_exec(of[ADMIN], "update inbox_state set state = 'live'");
	pg_bench_open_as(&bench, pgtest_conninfo("standing", "replyd_rotation"),
			 pgtest_password("replyd_rotation"));
	pg_bench_run(&bench, 1);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	pg_bench_close(&bench);
	for (size_t i = 0; i < countof(of); i++)
		session_close(of[i]);
	return 0;
}

static void begin_anew(void)
{
	pgtest_exec(of[ADMIN],
		    "delete from send_tally; delete from send_sign; delete from send_day;"
		    " delete from send_standing; delete from event; delete from event_key;"
		    " delete from event_queue; delete from outbound; delete from send_quota;"
		    " insert into send_quota (workspace_id, inbox_id, day_starts_at, day_ends_at,"
		    " opens_at, closes_at, cap, cap_new, gap) values ('" SEED_WS "', '" SEED_A
		    "', now() - interval '1 hour', now() + interval '9 hours',"
		    " now() - interval '1 hour', now() + interval '8 hours', 50, 30, '5 min')");
}

/* The duty, from its start to its rest. */
static const char *judge_all(void)
{
	static struct health_duty d;

	d = (struct health_duty){ .rows = 0 };
	health_duty_open(&d, &bench.loop, &quiet, bench.pg);
	while (!d.rows)
		loop_turn(&bench.loop, 100);
	health_duty_drop(&d);
	loop_turn(&bench.loop, 0); /* its timer closes */
	return "";
}

/* `n` (SQL) mails left A: the how-manieth is a part of each id. */
#define ID(i) "('00000000-0000-4000-8000-' || lpad((" i ")::text, 12, '0'))::uuid"
#define SENT(n)                                                                                    \
	API, "with o as (insert into outbound (workspace_id, outbound_id, inbox_id, sequence, "    \
	     "step, prospect_key, prospect_address, message_id, sent_at) select '" SEED_WS         \
	     "', " ID("i") ", '" SEED_A "', 'q', '1', 'p' || i, 'p@x.test', 'm' || i, now()"       \
			   " from generate_series(1, " #n ") i returning 1)"                       \
			   " select count(*) from o"
/* Mails `from` to `to` are answered in B, which has nothing to do with it. */
#define SAID(from, to, type, method, bounce)                                                       \
	INGEST, "with e as (insert into event (workspace_id, event_id, type, prospect_key, "       \
		"inbox_id, message_id, data) select '" SEED_WS "', gen_random_uuid(), '" type      \
		"', 'p' || i, '" SEED_B "', gen_random_uuid(), "                                   \
		"jsonb_build_object('outbound', jsonb_build_object('id', " ID(                     \
			"i") "), 'bounce', '" bounce "'::jsonb, 'matches', jsonb_build_array("     \
			     "jsonb_build_object('method', '" method "')))"                        \
			     " from generate_series(" #from ", " #to ") i returning 1)"            \
			     " select 'said' from e limit 1"
#define HARD  "{\"status\": \"5.1.1\", \"reason\": \"userunknown\", \"diagnostic\": \"no\"}"
#define BLOCK "{\"status\": \"5.7.1\", \"reason\": \"blocked\", \"diagnostic\": \"no\"}"
#define LIMIT                                                                                      \
	"{\"status\": \"5.4.5\", \"diagnostic\": \"550 5.4.5 Daily user sending quota exceeded\"}"
#define BOUNCED(from, to) SAID(from, to, "bounce.hard", "dsn_original", HARD)
#define SIGNS                                                                                      \
	ADMIN, "select coalesce(string_agg(s, ', ' order by s), '') from (select sign || ' ' || "  \
	       "count(*) || ' ' || right(inbox_id::text, 1) as s from send_sign group by sign, "   \
	       "inbox_id) x"
#define BAND                                                                                       \
	ADMIN, "select band || ' ' || reason || ' ' || round(score) from send_standing "           \
	       "where inbox_id = '" SEED_A "'"
#define LATER(interval)                                                                            \
	ADMIN, "with s as (update send_standing set judged_at = '-infinity', band_since = "        \
	       "band_since - interval '" interval "', fit_since = fit_since - interval '" interval \
	       "', band_until = band_until - interval '" interval "', guarded_at = guarded_at - "  \
	       "interval '" interval "'), d as (update send_day set day = day - extract(day from " \
	       "interval '" interval "')::int), g as (update send_sign set noted_at = noted_at - " \
	       "interval '" interval "') select 'later'"
#define JUDGED DUTY, ""
#define DAY                                                                                        \
	ADMIN, "select cap || ' ' || cap_new || ' ' || extract(epoch from gap)::int from "         \
	       "send_quota where inbox_id = '" SEED_A "'"
#define MAY   API, "select coalesce(slot_inbox('" SEED_A "', 'first', now(), null), 'may')"
#define UNTIL ADMIN, "select band_until - now() between '55 min' and '65 min' from send_standing"
#define TOLD                                                                                       \
	ADMIN, "select coalesce(string_agg((data ->> 'was') || '>' || (data ->> 'band') || ' ' "   \
	       "|| (data ->> "                                                                     \
	       "'reason') || ' ' || jsonb_array_length(data -> 'evidence'), ', ' order by "        \
	       "created_at), '') from event where type = 'inbox.health_changed'"

static const struct {
	const char *name;
	struct {
		enum who who;
		const char *sql, *says;
	} steps[12];
} stories[] = {
	{ "mails without answers: nothing bad is known",
	  { { SENT(300), "300" },
	    { JUDGED, "" },
	    { BAND, "healthy  100" },
	    { DAY, "50 30 300" } } },
	{ "what is said of a mail counts for the inbox that it left, once",
	  { { SENT(100), "100" },
	    { BOUNCED(1, 2), "said" },
	    { BOUNCED(1, 2), "said" },
	    { SAID(3, 3, "reply.received", "in_reply_to", "null"), "said" },
	    { SIGNS, "hard_bounce 2 a, reply 1 a" } } },
	{ "what anybody can write counts for nothing",
	  { { SENT(100), "100" },
	    { SAID(1, 9, "bounce.hard", "from", HARD), NULL },
	    { SAID(1, 9, "complaint.received", "from_subject", "null"), NULL },
	    { SAID(1, 9, "reply.unsubscribe", "body_link", "null"), NULL },
	    { SAID(1, 9, "reply.received", "company", "null"), NULL },
	    { SIGNS, "" },
	    { JUDGED, "" },
	    { BAND, "healthy  100" } } },
	{ "of a mail that nobody knows nothing counts",
	  { { BOUNCED(1, 2), "said" }, { SIGNS, "" } } },
	{ "a tally counts once",
	  { { SENT(100), "100" },
	    { ROTATION, "select sends_count(1000)", "1" },
	    { ROTATION, "select sends_count(1000)", "0" },
	    { ADMIN, "select sum(sent) from send_day", "100" } } },
	{ "one of four is chance",
	  { { SENT(4), "4" },
	    { BOUNCED(1, 1), "said" },
	    { JUDGED, "" },
	    { MAY, "may" },
	    { BAND, "healthy  87" } } },
	{ "too many bounces: nothing leaves any more, and it is told with its evidence",
	  { { SENT(60), "60" },
	    { BOUNCED(1, 8), "said" },
	    { JUDGED, "" },
	    { BAND, "quarantined bounce_guard 40" },
	    { MAY, "health" },
	    { TOLD, "healthy>quarantined bounce_guard 8" } } },
	{ "the same bounces, looked at again, make no order last longer",
	  { { SENT(100), "100" },
	    { BOUNCED(1, 10), "said" },
	    { JUDGED, "" },
	    { BAND, "quarantined bounce_guard 40" },
	    { LATER("23 hours"), "later" },
	    { JUDGED, "" },
	    { UNTIL, "t" },
	    { TOLD, "healthy>quarantined bounce_guard 10" } } },
	{ "a worse band takes from the day that has begun, and a better one gives nothing back",
	  { { SENT(300), "300" },
	    { SAID(1, 20, "bounce.soft", "dsn_original", BLOCK), "said" },
	    { ADMIN,
	      "update send_sign set noted_at = noted_at - interval '2 hours' returning 'older'",
	      "older" },
	    { JUDGED, "" },
	    { BAND, "quarantined policy_block 20" },
	    { DAY, "0 0 600" } } },
	{ "three blocks with the same words in an hour",
	  { { SENT(4000), "4000" },
	    { SAID(1, 3, "bounce.soft", "dsn_original", BLOCK), "said" },
	    { JUDGED, "" },
	    { BAND, "throttled policy_blocks 100" },
	    { DAY, "25 15 600" },
	    { MAY, "may" },
	    { LATER("25 hours"), "later" },
	    { JUDGED, "" },
	    { BAND, "watch policy_blocks 100" },
	    { DAY, "25 15 600" },
	    { LATER("1 minute"), "later" },
	    { JUDGED, "" } } },
	{ "three who complain",
	  { { SENT(4000), "4000" },
	    { SAID(1, 3, "complaint.received", "dsn_original", "null"), "said" },
	    { JUDGED, "" },
	    { ADMIN, "select band || ' ' || reason from send_standing", "quarantined complaints" },
	    { LATER("8 days"), "later" },
	    { JUDGED, "" },
	    { LATER("8 days"), "later" },
	    { JUDGED, "" },
	    { MAY, "may" } } },
	{ "its provider says that it has sent enough: no bounce, and nothing leaves for a day",
	  { { SENT(100), "100" },
	    { SAID(1, 1, "bounce.hard", "dsn_original", LIMIT), "said" },
	    { SIGNS, "limit_hit 1 a" },
	    { JUDGED, "" },
	    { BAND, "watch limit_hit 83" },
	    { MAY, "limited" },
	    { ADMIN,
	      "select limited_until - now() between '23:59' and '24:00' and "
	      "cardinality(limit_hits) = 1 from send_standing",
	      "t" } } },
	{ "back to healthy when the score has been good for a day",
	  { { SENT(100), "100" },
	    { SAID(1, 1, "bounce.hard", "dsn_original", LIMIT), "said" },
	    { JUDGED, "" },
	    { LATER("8 days"), "later" },
	    { JUDGED, "" },
	    { BAND, "watch limit_hit 100" },
	    { LATER("23 hours"), "later" },
	    { JUDGED, "" },
	    { BAND, "watch limit_hit 100" },
	    { LATER("2 hours"), "later" },
	    { JUDGED, "" },
	    { BAND, "healthy  100" } } },
};

static void each_story(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(stories); i++) {
		begin_anew();
		for (size_t k = 0; k < countof(stories[i].steps) &&
				   (stories[i].steps[k].sql || stories[i].steps[k].says);
		     k++) {
			const char *wants = stories[i].steps[k].says;
			enum who who = stories[i].steps[k].who;
			const char *says =
				who == DUTY ? judge_all()
					    : pgtest_value(of[who], "%s", stories[i].steps[k].sql);

			if (wants && strcmp(says, wants) != 0)
				fail_msg("%s, step %zu: %s", stories[i].name, k + 1, says);
		}
	}
}

/* As groups of arrivals are written: no workspace is named, but those that they span. */
static void signs_of_a_group(void **state)
{
	struct session *group = pgtest_session("standing", "replyd_ingest");

	(void)state;
	begin_anew();
	pgtest_exec(of[ADMIN],
		    "insert into outbound (workspace_id, outbound_id, inbox_id, sequence, step,"
		    " prospect_key, prospect_address, message_id, sent_at)"
		    " select w::uuid, gen_random_uuid(), i::uuid, 'q', '1', 'p', 'p@x.test', 'm',"
		    " now() from (values ('" SEED_WS "', '" SEED_A "'), ('" SEED_OTHER "', '" SEED_C
		    "')) v (w, i)");
	for (int i = 0; i < 2; i++) {
		const char *const ws[] = { SEED_WS, SEED_OTHER };
		char id[40];

		(void)snprintf(id, sizeof(id), "%s",
			       pgtest_value(of[ADMIN],
					    "select outbound_id from outbound where workspace_id"
					    " = '%s'",
					    ws[i]));
		pgtest_exec(group,
			    "set search_path = replyd, pg_temp; set replyd.workspaces = '{" SEED_WS
			    "," SEED_OTHER "}'; insert into event (workspace_id, event_id, type,"
			    " prospect_key, inbox_id, message_id, data) values ('%s',"
			    " gen_random_uuid(), 'reply.received', 'p', '" SEED_B
			    "', gen_random_uuid(), '{\"outbound\": {\"id\": \"%s\"},"
			    " \"matches\": [{\"method\": \"in_reply_to\"}]}')",
			    ws[i], id);
	}
	assert_string_equal(pgtest_value(of[ADMIN],
					 "select string_agg(right(inbox_id::text, 1), ' ' order by"
					 " inbox_id) from send_sign"),
			    "a c");
	session_close(group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_story),
		cmocka_unit_test(signs_of_a_group),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
