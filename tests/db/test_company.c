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

/* Who answers answers for his company, where the pool says so: whom that stops, and what takes it
 * back. */

#define POOL "80000000-0000-4000-8000-000000000001"

enum who { API, INGEST, ADMIN };
static struct session *of[3];

static int open_all(void **state)
{
	(void)state;
	(void)seed_database("company");
	of[API] = seed_session("company", "replyd_api");
	of[INGEST] = seed_session("company", "replyd_ingest");
	of[ADMIN] = seed_session("company", PGTEST_ADMIN);
	pgtest_exec(of[ADMIN], "update inbox_state set state = 'live'");
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(of); i++)
		session_close(of[i]);
	return 0;
}

/* A pool whose answers count for companies, and a day of inbox A with room for all. */
static void begin_anew(void)
{
	pgtest_exec(
		of[ADMIN],
		"delete from slot_key; delete from prospect_send; delete from conversation;"
		" delete from slot; delete from company_gate; delete from gate;"
		" delete from pool; delete from send_quota;"
		" insert into pool (workspace_id, pool_id, name, company_stop) values ('" SEED_WS
		"', '" POOL "', 'p', true);"
		" insert into send_quota (workspace_id, inbox_id, day_starts_at, day_ends_at, "
		"opens_at,"
		" closes_at, cap, cap_new, gap) values ('" SEED_WS "', '" SEED_A
		"', now() - interval '1 hour', now() + interval '9 hours', now() - interval '1 "
		"hour',"
		" now() + interval '8 hours', 50, 50, '0')");
}

/* `person` of `company` (SQL) is promised a mail out of the pool. */
#define SLOT(person, company)                                                                      \
	API, "select word || ' ' || why from slot_reserve('" person "' || clock_timestamp(), '', " \
	     "gen_random_uuid(), '" person "', '" person "@x.test', " company ", 'q', '1', "       \
	     "'manual', '" POOL "', array['" SEED_A                                                \
	     "']::uuid[], now(), now() + interval '8 hours', "                                     \
	     "interval '8 hours', interval '2 minutes', 0.5, false)"
#define BEGUN(person)                                                                              \
	API, "select word || ' ' || why from slot_begin((select slot_id from prospect_send where " \
	     "prospect_key = '" person "'), 1, null, null)"
#define SAYS(person, level, reason)                                                                \
	INGEST, "insert into gate (workspace_id, prospect_key, level, reason) values ('" SEED_WS   \
		"', '" person "', " #level ", '" reason "') on conflict (workspace_id, "           \
		"prospect_key) do update set level = " #level ", reason = '" reason                \
		"' returning level"
#define OPENS(person)                                                                              \
	API, "update gate set level = 0, reason = '' where prospect_key = '" person                \
	     "' returning level"
#define GATE                                                                                       \
	ADMIN, "select coalesce(string_agg(domain || ' ' || level || ' ' || reason || ' ' || "     \
	       "coalesce(prospect_key, '-'), ', ' order by domain), '') from company_gate"
#define ASKED_LATER ADMIN, "update slot set send_at = now() - interval '1 second' returning 'later'"

static const struct {
	const char *name;
	struct {
		enum who who;
		const char *sql, *says;
	} steps[9];
} stories[] = {
	{ "one answers, the other gets nothing any more",
	  { { SLOT("ann", "'acme.test'"), "given " },
	    { SLOT("bob", "'acme.test'"), "given " },
	    { ASKED_LATER, "later" },
	    { SAYS("ann", 3, "replied"), "3" },
	    { GATE, "acme.test 3 replied ann" },
	    { BEGUN("bob"), "stopped company" },
	    { SLOT("cid", "'acme.test'"), "stopped company" },
	    { SLOT("dan", "'other.test'"), "given " } } },
	{ "a mail that did not arrive says nothing for the others",
	  { { SLOT("ann", "'acme.test'"), "given " },
	    { SAYS("ann", 4, "bounced_hard"), "4" },
	    { GATE, "" },
	    { SLOT("bob", "'acme.test'"), "given " } } },
	{ "who left says nothing, nor does who was stopped by hand",
	  { { SLOT("ann", "'acme.test'"), "given " },
	    { SLOT("bob", "'acme.test'"), "given " },
	    { SAYS("ann", 3, "left_company"), "3" },
	    { SAYS("bob", 3, "manual"), "3" },
	    { GATE, "" } } },
	{ "without a company",
	  { { SLOT("ann", "null"), "given " }, { SAYS("ann", 3, "replied"), "3" }, { GATE, "" } } },
	{ "a pool that does not want it",
	  { { SLOT("ann", "'acme.test'"), "given " },
	    { ADMIN, "update pool set company_stop = false returning 'off'", "off" },
	    { SAYS("ann", 3, "replied"), "3" },
	    { GATE, "" } } },
	{ "what is only provisional closes no company",
	  { { SLOT("ann", "'acme.test'"), "given " },
	    { SAYS("ann", 2, "provisional"), "2" },
	    { GATE, "" },
	    { SAYS("ann", 5, "unsubscribed"), "5" },
	    { GATE, "acme.test 5 unsubscribed ann" } } },
	{ "he is resumed: the company opens",
	  { { SLOT("ann", "'acme.test'"), "given " },
	    { SAYS("ann", 3, "replied"), "3" },
	    { OPENS("ann"), "0" },
	    { GATE, "acme.test 0  -" },
	    { SLOT("bob", "'acme.test'"), "given " } } },
	{ "but not where another one of them says it still",
	  { { SLOT("ann", "'acme.test'"), "given " },
	    { SLOT("bob", "'acme.test'"), "given " },
	    { SAYS("ann", 5, "unsubscribed"), "5" },
	    { SAYS("bob", 3, "replied"), "3" },
	    { OPENS("ann"), "0" },
	    { GATE, "acme.test 3 replied bob" },
	    { OPENS("bob"), "0" },
	    { GATE, "acme.test 0  -" } } },
	{ "who did not close it opens nothing",
	  { { SLOT("ann", "'acme.test'"), "given " },
	    { SLOT("bob", "'acme.test'"), "given " },
	    { SAYS("ann", 3, "replied"), "3" },
	    { SAYS("bob", 3, "replied"), "3" },
	    { OPENS("bob"), "0" },
	    { GATE, "acme.test 3 replied ann" } } },
};

static void each_story(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(stories); i++) {
		begin_anew();
		for (size_t k = 0; k < countof(stories[i].steps) && stories[i].steps[k].sql; k++) {
			const char *says = pgtest_value(of[stories[i].steps[k].who], "%s",
							stories[i].steps[k].sql);

			if (strcmp(says, stories[i].steps[k].says) != 0)
				fail_msg("%s, step %zu: %s", stories[i].name, k + 1, says);
		}
	}
}

/* A mail that begins waits for the answer of another one of his company that is being committed,
 * and then does not leave. */
static void no_mail_begins_behind_the_answer(void **state)
{
	static const struct {
		enum who who;
		const char *sql;
	} before[] = { { SLOT("ann", "'acme.test'") },
		       { SLOT("bob", "'acme.test'") },
		       { ASKED_LATER } },
	  answer = { SAYS("ann", 3, "replied") }, begin = { BEGUN("bob") };
	struct session *slow = seed_session("company", "replyd_ingest");

	(void)state;
	begin_anew();
	pgtest_exec(of[ADMIN], "insert into company_gate (workspace_id, domain) values ('" SEED_WS
			       "', 'acme.test')");
	for (size_t i = 0; i < countof(before); i++)
		(void)pgtest_value(of[before[i].who], "%s", before[i].sql);
	pgtest_exec(slow, "begin");
	(void)pgtest_value(slow, "%s", answer.sql);
	pgtest_exec(slow, "set constraints all immediate"); /* as the commit does first */
	pgtest_exec(of[API], "set lock_timeout = '100ms'");
	assert_string_equal(pgtest_fails(of[API], "%s", begin.sql), "55P03");
	pgtest_exec(of[API], "reset lock_timeout");
	pgtest_exec(slow, "commit");
	assert_string_equal(pgtest_value(of[API], "%s", begin.sql), "stopped company");
	session_close(slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_story),
		cmocka_unit_test(no_mail_begins_behind_the_answer),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, open_all, close_all);
}
