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

/* Days and windows as instants, in zones that change their clocks, and what is counted over any 24
 * hours. */

#define WEEK "'[{\"days\": [1,2,3,4,5], \"from\": 540, \"to\": 1020}]'"
#define LUNCH                                                                                      \
	"'[{\"days\": [1,2,3,4,5,6,7], \"from\": 540, \"to\": 720}, {\"days\": [1,2,3,4,5,6,7], "  \
	"\"from\": 780, \"to\": 1020}]'"
#define NIGHT "'[{\"days\": [1,2,3,4,5,6,7], \"from\": 120, \"to\": 180}]'"

static const struct {
	const char *name, *zone, *windows, *at, *day;
} days[] = {
	{ "a day", "UTC", WEEK, "2026-03-02 12:00Z", "00:00 24:00 09:00 17:00" },
	{ "a Sunday", "UTC", WEEK, "2026-03-01 12:00Z", "00:00 24:00 - -" },
	{ "east of the date", "Pacific/Auckland", WEEK, "2026-03-02 12:00Z",
	  "11:00 35:00 20:00 28:00" },
	{ "23 hours", "Europe/Berlin", LUNCH, "2026-03-29 08:00Z", "-1:00 22:00 07:00 10:00" },
	{ "25 hours", "Europe/Berlin", LUNCH, "2026-10-25 09:00Z", "-2:00 23:00 08:00 11:00" },
	{ "a window that the change swallows", "Europe/Berlin", NIGHT, "2026-03-29 08:00Z",
	  "-1:00 22:00 - -" },
	{ "of an hour that comes twice, the second", "Europe/Berlin", NIGHT, "2026-10-25 08:00Z",
	  "-2:00 23:00 01:00 02:00" },
	{ "the second window, at noon", "UTC", LUNCH, "2026-03-02 12:30Z",
	  "00:00 24:00 13:00 17:00" },
	{ "the first window, before it", "UTC", LUNCH, "2026-03-02 03:00Z",
	  "00:00 24:00 09:00 12:00" },
	{ "the first window ends as the instant comes", "UTC", LUNCH, "2026-03-02 12:00Z",
	  "00:00 24:00 13:00 17:00" },
	{ "the last window, when all are over", "UTC", LUNCH, "2026-03-02 20:00Z",
	  "00:00 24:00 13:00 17:00" },
};

static void days_are_instants(void **unused)
{
	struct session *s = seed_session(seed_database("quota_days"), "replyd_api");

	(void)unused;
	for (size_t i = 0; i < countof(days); i++) {
		/* hours from the UTC midnight of the instant's date */
		const char *said = pgtest_value(
			s,
			"select string_agg(case when d.opens_at = d.closes_at and n > 2 then '-' "
			"else"
			" (case when h < 0 then '-' else '' end) || case when h < 0 then "
			"abs(h)::int::text || ':00' else"
			" lpad(floor(h)::text, 2, '0') || ':' || lpad(((h - floor(h)) * "
			"60)::int::text, 2, '0') end end, ' ' order by n)"
			" from local_day('%s', %s::jsonb, '%s') d, lateral (values (1, "
			"d.starts_at), (2, d.ends_at), (3, d.opens_at), (4, d.closes_at)) v (n, t),"
			" lateral (select extract(epoch from t - date_trunc('day', timestamptz "
			"'%s', 'UTC')) / 3600) x (h)",
			days[i].zone, days[i].windows, days[i].at, days[i].at);

		if (strcmp(said, days[i].day) != 0)
			fail_msg("%s: %s, not %s", days[i].name, said, days[i].day);
	}
	session_close(s);
}

static void hours_roll_by(void **unused)
{
	static const struct {
		const char *sql, *says;
	} rows[] = {
		{ "select roll_sum(roll_add(array_fill(0, array[25]), 100, 100, 3))", "3" },
		{ "select (roll_add(array_fill(0, array[25]), 100, 76, 3))[25]", "3" },
		{ "select roll_sum(roll_add(array_fill(0, array[25]), 100, 75, 3))", "0" },
		{ "select roll_sum(roll_add(array_fill(0, array[25]), 100, 101, 3))", "0" },
		{ "select roll_sum(roll_add(array_fill(0, array[25]), 100, 100, -3))", "0" },
		{ "select array_length(roll_add(array_fill(0, array[25]), 100, 76, 1), 1)", "25" },
		{ "select array_length(roll_add(array_fill(0, array[25]), 100, 100, 1), 1)", "25" },
		{ "select (roll_at(roll_add(array_fill(0, array[25]), 100, 100, 3), 100, 110))[11]",
		  "3" },
		{ "select array_length(roll_at(array_fill(0, array[25]), 100, 110), 1)", "25" },
		{ "select roll_sum(roll_at(roll_add(array_fill(0, array[25]), 100, 100, 3), 100, "
		  "124))",
		  "3" },
		{ "select roll_sum(roll_at(roll_add(array_fill(0, array[25]), 100, 100, 3), 100, "
		  "125))",
		  "0" },
		{ "select roll_sum(roll_at(roll_add(array_fill(0, array[25]), 100, 100, 3), 100, "
		  "99999))",
		  "0" },
		{ "select roll_sum(roll_at(roll_add(array_fill(0, array[25]), 100, 100, 3), 100, "
		  "90))",
		  "3" },
		/* it lifts in the very hour in which the sum falls */
		{ "select extract(epoch from roll_lifts(roll_add(array_fill(0, array[25]), 100, "
		  "90, 1), 100))::bigint / 3600",
		  "115" },
		{ "select roll_lifts(array_fill(0, array[25]), 100) is null", "t" },
	};
	struct session *s = seed_session(seed_database("quota_rolls"), "replyd_api");

	(void)unused;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *said = pgtest_value(s, "%s", rows[i].sql);

		if (strcmp(said, rows[i].says) != 0)
			fail_msg("%s: %s, not %s", rows[i].sql, said, rows[i].says);
	}
	session_close(s);
}

/* What comes after what, on inbox A; an empty instant keeps the clock. */
static void days_follow_each_other(void **unused)
{
	static const struct {
		const char *name, *at, *zone, *says; /* open | opens: whole hours of the day, and
							whether it is another one */
	} rows[] = {
		{ "the first", "2026-03-02 12:00Z", "UTC", "24 opened 0" },
		{ "the same", "2026-03-02 13:00Z", "UTC", "24 open 1" },
		{ "another zone waits for the end of the day", "2026-03-02 14:00Z",
		  "America/Los_Angeles", "24 open 1" },
		{ "moving west gives no second day", "2026-03-03 00:30Z", "America/Los_Angeles",
		  "32 opened 0" },
		{ "which lasts", "2026-03-04 07:30Z", "America/Los_Angeles", "32 opened 1" },
		{ "and then days are days", "2026-03-04 08:30Z", "America/Los_Angeles",
		  "24 opened 0" },
		{ "moving east shortens nothing that has begun", "2026-03-04 12:00Z", "Asia/Tokyo",
		  "24 open 1" },
		{ "and the rest of a date goes with the next", "2026-03-05 08:30Z", "Asia/Tokyo",
		  "31 opened 0" },
		{ "after a rest", "2026-03-20 12:00Z", "Asia/Tokyo", "24 opened 0" },
	};
	const char *db = seed_database("quota_follow");
	struct session *s = seed_session(db, "replyd_api");

	(void)unused;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *said;
		char all[64];

		pgtest_exec(s,
			    "insert into send_policy (workspace_id, inbox_id, time_zone, windows) "
			    "values ('%s', '%s', '%s', " LUNCH ")"
			    " on conflict (workspace_id, inbox_id) do update set time_zone = "
			    "excluded.time_zone",
			    SEED_WS, SEED_A, rows[i].zone);
		said = pgtest_value(s,
				    "select extract(epoch from f.ends_at - f.starts_at)::int / "
				    "3600 || case when f.is_open then ' open' else"
				    " (case when quota_open('%s', (f.q).day_ends_at, f.zone, "
				    "f.starts_at, f.ends_at, f.opens_at, f.closes_at, 30, 18,"
				    "  'policy', interval '5 minutes', 500, 1) then ' opened' else "
				    "' lost' end) end from quota_facts('%s', '%s') f",
				    SEED_A, SEED_A, rows[i].at);
		(void)snprintf(all, sizeof(all), "%s ", said);
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s",
			       pgtest_value(s, "select used from send_quota where inbox_id = '%s'",
					    SEED_A));
		pgtest_exec(s, "update send_quota set used = 1");
		if (strcmp(all, rows[i].says) != 0)
			fail_msg("%s: %s, not %s", rows[i].name, all, rows[i].says);
	}
	session_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_are_instants),
		cmocka_unit_test(hours_roll_by),
		cmocka_unit_test(days_follow_each_other),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
