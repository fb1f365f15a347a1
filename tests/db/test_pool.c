#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

/* Pools, policies and groups as they are set: what is refused, what falls at once, what another
 * workspace sees. */

#define POOL  "80000000-0000-4000-8000-000000000001"
#define OTHER "80000000-0000-4000-8000-000000000002"

static struct session *admin, *api;

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("pool");
	admin = seed_session("pool", PGTEST_ADMIN);
	api = seed_session("pool", "replyd_api");
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	session_close(admin);
	session_close(api);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	pgtest_exec(admin,
		    "delete from pool; delete from slot; delete from prospect_send;"
		    " delete from send_quota; delete from send_policy; delete from send_group");
	return 0;
}

/* ---- pools ---- */

static void a_pool_is_made_and_changed(void **state)
{
	static const struct {
		const char *name, *sql, *says;
	} steps[] = {
		{ "with what holds unless it is said",
		  "select said || ' ' || (told - 'id' - 'created_at')::text from pool_set('" POOL
		  "', true, '{\"name\": \"sales\"}')",
		  " {\"name\": \"sales\", \"rebind\": \"hold\", \"members\": 0, \"company_stop\": "
		  "false, "
		  "\"contact_gap_s\": 72000, \"provider_match\": \"off\", \"rebind_grace_s\": "
		  "259200, "
		  "\"company_cap_day\": null}" },
		{ "the name is taken",
		  "select said from pool_set('" OTHER "', true, '{\"name\": \"sales\"}')",
		  "name_taken" },
		{ "nothing of the second is there", "select count(*) from pool", "1" },
		{ "one thing is changed, the rest stays",
		  "select said || (told ->> 'company_cap_day') || (told ->> 'name') from "
		  "pool_set('" POOL "', false, '{\"company_cap_day\": 3}')",
		  "3sales" },
		{ "and is taken away again",
		  "select said || coalesce(told ->> 'company_cap_day', 'none') from pool_set('" POOL
		  "', false, '{\"company_cap_day\": null}')",
		  "none" },
		{ "there is no such pool",
		  "select said from pool_set('" OTHER "', false, '{\"rebind\": \"stop\"}')",
		  "not_found" },
		{ "members come",
		  "select said || jsonb_array_length(told -> 'members') from "
		  "pool_members_set('" POOL "', '[{\"inbox_id\": \"" SEED_A
		  "\"}, {\"inbox_id\": \"" SEED_B "\", \"tier\": \"reserve\", \"weight\": 0.5}]')",
		  "2" },
		{ "what is not said of a member stays",
		  "select (told #>> '{members,0,tier}') || (told #>> '{members,0,weight}') from "
		  "pool_members_set('" POOL "', '[{\"inbox_id\": \"" SEED_B "\", \"weight\": 2}]')",
		  "reserve2" },
		{ "another workspace's inbox is none",
		  "select said || ' ' || told::text from pool_members_set('" POOL
		  "', '[{\"inbox_id\": \"" SEED_A "\"}, {\"inbox_id\": \"" SEED_C "\"}]')",
		  "unknown_inbox {\"index\": 1}" },
	};

	(void)state;
	for (size_t i = 0; i < countof(steps); i++) {
		const char *says = pgtest_value(api, "%s", steps[i].sql);

		if (strcmp(says, steps[i].says) != 0)
			fail_msg("%s: %s", steps[i].name, says);
	}
}

static void another_workspace_sees_and_changes_nothing(void **state)
{
	struct session *two = pgtest_session("pool", "replyd_api");

	(void)state;
	pgtest_exec(two,
		    "set search_path = replyd, pg_temp; set replyd.workspace = '" SEED_OTHER "'");
	pgtest_exec(api, "select pool_set('" POOL "', true, '{\"name\": \"sales\"}')");
	pgtest_exec(api, "select send_group_set('domain', 'example.test', 5)");
	pgtest_exec(api, "select send_policy_set('" SEED_A "', '{\"cap_day\": 7}')");
	assert_string_equal(pgtest_value(two, "select count(*) from pool"), "0");
	assert_string_equal(pgtest_value(two, "select count(*) from send_group"), "0");
	assert_string_equal(pgtest_value(two, "select count(*) from send_policy"), "0");
	assert_string_equal(pgtest_value(two, "select said from pool_set('" POOL
					      "', false, '{\"rebind\": \"stop\"}')"),
			    "not_found");
	assert_string_equal(pgtest_value(two, "select said from send_policy_set('" SEED_A
					      "', '{\"cap_day\": 9}')"),
			    "not_found");
	assert_string_equal(pgtest_value(two, "select coalesce(send_policy_says('" SEED_A
					      "')::text, 'nothing')"),
			    "nothing");
	/* The same name is free there. */
	assert_string_equal(pgtest_value(two, "select said from pool_set('" OTHER
					      "', true, '{\"name\": \"sales\"}')"),
			    "");
	session_close(two);
}

/* ---- policies ---- */

static void what_nobody_said_is_told_too(void **state)
{
	(void)state;
	assert_string_equal(
		pgtest_value(api,
			     "select concat_ws(' ', t ->> 'cap_day', t ->> 'gap_s', t ->> 'ramp', "
			     "t ->> 'time_zone', t ->> 'sends', t -> 'windows') from "
			     "send_policy_says('" SEED_A "') t"),
		"30 300 standard UTC all [{\"to\": \"18:00\", \"days\": [\"mon\", \"tue\", "
		"\"wed\", "
		"\"thu\", \"fri\"], \"from\": \"08:00\"}]");
}

static void a_time_zone_has_a_place(void **state)
{
	static const struct {
		const char *zone;
		bool known;
	} zones[] = {
		{ "UTC", true },
		{ "Europe/Paris", true },
		{ "America/Port-au-Prince", true },
		{ "America/Argentina/Buenos_Aires", true },
		{ "Etc/GMT+5", true },
		{ "Europe/Atlantis", false },
		{ "PST", false }, /* no summer */
		{ "EST5EDT", false },
		{ "Europe/Foo+5", false }, /* POSIX, and the wrong way round */
		{ "", false },
		{ "europe/paris; drop", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(zones); i++)
		if (strcmp(pgtest_value(api, "select zone_is_known('%s')", zones[i].zone),
			   zones[i].known ? "t" : "f") != 0)
			fail_msg("%s", zones[i].zone);
	assert_string_equal(
		pgtest_value(api, "select said from send_policy_set('" SEED_A
				  "', '{\"time_zone\": \"Europe/Atlantis\", \"cap_day\": 3}')"),
		"time_zone");
	assert_string_equal(pgtest_value(api, "select count(*) from send_policy"), "0");
}

/* A day of 10, of which 3 are sent and `held` are promised, oldest first. */
static void day_of(int held)
{
	pgtest_exec(admin,
		    "insert into send_quota (workspace_id, inbox_id, day_starts_at, day_ends_at, "
		    "opens_at, "
		    "closes_at, cap, cap_new, gap, used, used_new) values ('" SEED_WS "', '" SEED_A
		    "', now() - interval '1 hour', now() + interval '9 hours', now() - interval '1 "
		    "hour', "
		    "now() + interval '5 hours', 10, 6, '300 s', 3 + %d, 0)",
		    held);
	pgtest_exec(admin,
		    "insert into slot (workspace_id, slot_id, created_at, inbox_id, prospect_key, "
		    "prospect_address, sequence, step, kind, message_id, send_at, expires_at, "
		    "day_ends_at, "
		    "charged_hour) select '" SEED_WS
		    "', gen_random_uuid(), now() - make_interval(secs => %d - n), '" SEED_A
		    "', 'p' || n, 'p@example.test', 's', '1', 'first', 'm' || n, now(), now() + "
		    "interval '10 minutes', now() + interval '9 hours', hour_of(now()) "
		    "from generate_series(1, %d) n",
		    held, held);
	pgtest_exec(
		admin,
		"insert into prospect_send (workspace_id, prospect_key, slot_id, slot_created_at) "
		"select workspace_id, prospect_key, slot_id, created_at from slot");
}

static const char *held_of_day(void)
{
	return pgtest_value(
		admin, "select (select cap || ' ' || cap_new || ' ' || gap from send_quota) || "
		       "' held ' || coalesce((select string_agg(prospect_key, ',' order by "
		       "created_at) from slot where state = 'held'), '')");
}

/* What falls falls now, the newest promises first; what rises rises tomorrow. */
static void a_cap_that_falls_takes_promises_back(void **state)
{
	static const struct {
		const char *name, *fields, *says;
	} rows[] = {
		{ "still room", "{\"cap_day\": 8}", "8 5 00:05:00 held p1,p2,p3,p4" },
		{ "two too many", "{\"cap_day\": 5}", "5 3 00:05:00 held p1,p2" },
		{ "below what is sent", "{\"cap_day\": 2}", "2 2 00:05:00 held " },
		{ "it rises with the next day", "{\"cap_day\": 50}",
		  "10 6 00:05:00 held p1,p2,p3,p4" },
		{ "a longer gap holds at once", "{\"gap_s\": 900}",
		  "10 6 00:15:00 held p1,p2,p3,p4" },
		{ "a shorter one tomorrow", "{\"gap_s\": 60}", "10 6 00:05:00 held p1,p2,p3,p4" },
		{ "it sends nothing any more", "{\"sends\": \"none\"}", "10 6 00:05:00 held " },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *says;

		(void)forget(NULL);
		day_of(4);
		assert_string_equal(
			pgtest_value(api, "select said from send_policy_set('" SEED_A "', '%s')",
				     rows[i].fields),
			"");
		says = held_of_day();
		if (strcmp(says, rows[i].says) != 0)
			fail_msg("%s: %s", rows[i].name, says);
	}
}

/* ---- groups ---- */

static void a_ceiling_set_in_mid_day_counts_what_went_out(void **state)
{
	(void)state;
	day_of(4);
	pgtest_exec(admin, "update slot set state = 'sent' where prospect_key in ('p1', 'p2')");
	pgtest_exec(admin, "update slot set state = 'released' where prospect_key = 'p3'");
	assert_string_equal(pgtest_value(api, "select told ->> 'used_24h' from "
					      "send_group_set('domain', 'example.test', 5)"),
			    "3");
	/* A second ceiling changes nothing of what was counted. */
	assert_string_equal(pgtest_value(api, "select (told ->> 'used_24h') || ' of ' || (told ->> "
					      "'ceiling_24h') from send_group_set('domain', "
					      "'example.test', 9)"),
			    "3 of 9");
	assert_string_equal(pgtest_value(api, "select told ->> 'used_24h' from "
					      "send_group_set('domain', 'other.test', 5)"),
			    "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_pool_is_made_and_changed, forget),
		cmocka_unit_test_setup(another_workspace_sees_and_changes_nothing, forget),
		cmocka_unit_test_setup(what_nobody_said_is_told_too, forget),
		cmocka_unit_test_setup(a_time_zone_has_a_place, forget),
		cmocka_unit_test_setup(a_cap_that_falls_takes_promises_back, forget),
		cmocka_unit_test_setup(a_ceiling_set_in_mid_day_counts_what_went_out, forget),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
