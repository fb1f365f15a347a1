#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/race.h"
#include "tests/db/seed.h"

/* What the log keeps: months go as a whole, with all that hangs on them, and no reader skips one.
 */

/* A month of long ago, as a partition of the tables that have months. */
static const char old_months[] =
	"set role replyd_owner;"
	"do $$ declare p text; m text; begin"
	" foreach p in array array['event', 'feed', 'attempt', 'message'] loop"
	"  foreach m in array array['2020_01', '2020_02'] loop"
	"   execute format('create table %I partition of %I for values from (%L) to (%L)', p || "
	"'_' || m, p,"
	"    replace(m, '_', '-') || '-01 00:00+00',"
	"    to_char(to_date(m, 'YYYY_MM') + interval '1 month', 'YYYY-MM-DD') || ' 00:00+00');"
	"   call shut((p || '_' || m)::regclass);"
	"  end loop;"
	" end loop; end $$;"
	"reset role";

/* Event n of the feed, at that time, with everything that may hang on one: a receipt, a mail. */
#define EVENT(n, at)                                                                               \
	"insert into event (workspace_id, event_id, created_at, type, prospect_key, data) values " \
	"('" SEED_WS "', md5('" n "')::uuid, '" at "', 'reply.received', 'anna', '{\"n\": \"" n    \
	"\"}');"                                                                                   \
	"insert into event_key values ('" SEED_WS "', md5('" n "')::uuid, '" at "');"              \
	"insert into feed (workspace_id, position, event_id, event_created_at, type) values "      \
	"('" SEED_WS "', " n ", md5('" n "')::uuid, '" at "', 'reply.received');"                  \
	"insert into attempt (workspace_id, attempt_id, started_at, endpoint_id, event_id, "       \
	"position, try,"                                                                           \
	" status, outcome, took_ms) values ('" SEED_WS "', md5('" n "')::uuid, '" at               \
	"', '" SEED_ENDPOINT "', md5('" n "')::uuid, " n ", 1, 500, 'refused', 1);"                \
	"insert into message (workspace_id, message_id, created_at, inbox_id, folder_id, "         \
	"uidvalidity, uid, state,"                                                                 \
	" prospect_key, internal_at, size_bytes, matches, detected_at) values ('" SEED_WS          \
	"', md5('" n "')::uuid, '" at "', '" SEED_A "', '" SEED_FOLDER_A "', 7, " n                \
	", 'done', 'anna', '" at "', 1, '[]', '" at "');"                                          \
	"insert into message_key values ('" SEED_WS "', md5('" n "')::uuid, '" at "');"            \
	"insert into sighting values ('" SEED_WS "', md5('" n "')::uuid, '" SEED_A                 \
	"', '" SEED_FOLDER_A "', 7, " n ", '" at "');"                                             \
	"insert into prospect_message values ('" SEED_WS "', 'anna', md5('" n "')::uuid, '" at     \
	"');"

static void fill(struct session *admin)
{
	pgtest_exec(admin, "%s", old_months);
	pgtest_exec(admin, "%s",
		    EVENT("1", "2020-01-10 12:00+00") EVENT("2", "2020-01-31 23:59:59+00")
			    EVENT("3", "2020-02-01 00:00+00") EVENT("4", "now"));
	pgtest_exec(admin,
		    "insert into feed_head (workspace_id, position) values ('" SEED_WS "', 4)");
	/* A dead letter, one that is due, and one of now that is held behind it. */
	pgtest_exec(admin,
		    "insert into delivery (workspace_id, endpoint_id, position, event_id, "
		    "event_created_at, prospect_key, state)"
		    " select f.workspace_id, '" SEED_ENDPOINT "', f.position, f.event_id, "
		    "f.event_created_at, 'anna', case f.position when 1 then 'dead' else 'due' end"
		    " from feed f where f.position in (1, 2, 4)");
	pgtest_exec(admin, "update endpoint_lane set due_at = 'infinity'");
}

/* All that there is to do is done; how many steps it took. */
static int retain(struct session *rotation, const char *events, const char *messages)
{
	int n = 0;

	while (strcmp(pgtest_value(rotation,
				   "select log_retain(now() - timestamptz '%s', now() - "
				   "timestamptz '%s')",
				   events, messages),
		      "0") != 0)
		n++;
	return n;
}

static const char counts[] =
	"select (select string_agg(position::text, '' order by position) from feed) || ' ' ||"
	" (select count(*) from event) || ' ' || (select count(*) from event_key) || ' ' ||"
	" (select count(*) from attempt) || ' ' || (select count(*) from delivery) || ' ' ||"
	" (select count(*) from message) || ' ' || (select count(*) from message_key) || ' ' ||"
	" (select count(*) from sighting) || ' ' || (select count(*) from prospect_message) || ' ' "
	"||"
	" (select count(*) from pg_class where relname ~ '_2020_' and relkind = 'r')";

static void months_go_with_all_that_hangs_on_them(void **state)
{
	static const struct {
		const char *name, *events, *messages, *left;
	} steps[] = {
		{ "nothing is so old", "2019-12-31", "2019-12-31", "1234 4 4 4 3 4 4 4 4 8" },
		{ "a month that is not over stays", "2020-01-31 23:00+00", "2019-12-31",
		  "1234 4 4 4 3 4 4 4 4 8" },
		{ "its events, not yet its mails", "2020-02-01 01:00+00", "2019-12-31",
		  "34 2 2 2 1 4 4 4 4 5" },
		{ "and its mails", "2020-02-01 01:00+00", "2020-02-01 01:00+00",
		  "34 2 2 2 1 2 2 2 2 4" },
		{ "the month after", "2020-03-02", "2020-03-02", "4 1 1 1 1 1 1 1 1 0" },
	};
	struct session *admin, *rotation, *api;

	(void)state;
	(void)seed_database("months");
	admin = seed_session("months", PGTEST_ADMIN);
	rotation = pgtest_session("months", "replyd_rotation");
	api = seed_session("months", "replyd_api");
	fill(admin);
	assert_string_equal("held",
			    pgtest_value(admin, "select state from delivery where position = 4"));
	for (size_t i = 0; i < countof(steps); i++) {
		(void)retain(rotation, steps[i].events, steps[i].messages);
		if (strcmp(pgtest_value(admin, counts), steps[i].left) != 0)
			fail_msg("%s: \"%s\"", steps[i].name, session_value(admin, 0, 0));
	}
	/* What waited behind an event that is gone goes now, and its endpoint's lane is looked at.
	 */
	assert_string_equal(
		"due true",
		pgtest_value(admin, "select d.state || ' ' || (l.due_at <= now()) from delivery d"
				    " join endpoint_lane l using (endpoint_id)"));
	/* From below nothing is told, from the floor on all is. */
	assert_string_equal("true 3",
			    pgtest_value(api, "select (page is null) || ' ' || floor from "
					      "feed_read(2, null, null, 9, 9)"));
	assert_string_equal(
		"4", pgtest_value(api, "select told * 4 from feed_read(3, null, null, 9, 9)"));
	assert_string_equal(
		"4", pgtest_value(api, "select upto from feed_read(null, null, null, 9, 9)"));
	session_close(admin);
	session_close(rotation);
	session_close(api);
}

/* A mail whose text nobody could read yet keeps its month, and its key. */
static void what_still_waits_stays(void **state)
{
	struct session *admin, *rotation;

	(void)state;
	(void)seed_database("waits");
	admin = seed_session("waits", PGTEST_ADMIN);
	rotation = pgtest_session("waits", "replyd_rotation");
	fill(admin);
	pgtest_exec(admin, "update message set state = 'pending' where uid = 2");
	pgtest_exec(admin,
		    "insert into gate_pending values ('" SEED_WS "', 'anna', md5('2')::uuid)");
	(void)retain(rotation, "2020-03-02", "2020-03-02");
	assert_string_equal("2 4, 2 4",
			    pgtest_value(admin,
					 "select string_agg(uid::text, ' ' order by uid) || ', ' "
					 "|| (select string_agg(m.uid::text, ' ' order by m.uid)"
					 " from message_key k join message m using (workspace_id, "
					 "message_id)) from message where uid <> 1"));
	session_close(admin);
	session_close(rotation);
}

/* A reader who has seen the floor, and comes to the feed when a month of it is gone. */
static void who_reads_while_a_month_goes_is_told(void **state)
{
	static const struct {
		const char *name, *call, *answer;
	} rows[] = {
		{ "below",
		  "select (page is null) || ' ' || floor from feed_read(1, null, null, 9, 9)",
		  "true 2" },
		{ "a consumer below",
		  "select (page is null) || ' ' || floor from feed_read(null, 'engine', null, 9, "
		  "9)",
		  "true 2" },
		{ "above", "select told || ' ' || upto from feed_read(2, null, null, 9, 9)",
		  "2 4" },
	};
	struct session *admin;
	struct race reader, dropper;
	char name[24];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		(void)snprintf(name, sizeof(name), "reads%zu", i);
		(void)seed_database(name);
		admin = seed_session(name, PGTEST_ADMIN);
		fill(admin);
		pgtest_exec(
			admin,
			"insert into feed_ack (workspace_id, consumer, position) values ('" SEED_WS
			"', 'engine', 1)");
		race_open(&reader, name, "replyd_api");
		race_open(&dropper, name, PGTEST_ADMIN);
		race_run(&dropper, "begin");
		race_run(&dropper, "update feed_head set floor = 2");
		race_run(&dropper, "drop table feed_2020_01");
		race_send(&reader, "%s", rows[i].call);
		race_waits(&reader, admin);
		race_run(&dropper, "commit");
		if (strcmp(race_answer(&reader), rows[i].answer) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, reader.answer);
		race_close(&reader);
		race_close(&dropper);
		session_close(admin);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(months_go_with_all_that_hangs_on_them),
		cmocka_unit_test(what_still_waits_stays),
		cmocka_unit_test(who_reads_while_a_month_goes_is_told),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
