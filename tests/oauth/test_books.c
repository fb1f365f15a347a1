#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL TOKENBENCH_UNTIL

static const struct broker_params often = { .books_ms = 20 };

static bool counted(struct tokenbench *b, const char *name, const char *value, const char *sum)
{
	return strcmp(pgtest_value(b->admin,
				   "select coalesce(sum(value), 0) from replyd.broker_tally"
				   " where name = '%s' and label_value = '%s'",
				   name, value),
		      sum) == 0;
}

static const char *alarms(struct tokenbench *b)
{
	return pgtest_value(b->admin, "select coalesce(string_agg(provider || ' ' || reason, ', '"
				      " order by reason), '') from replyd.broker_alarm");
}

static void sums_go_on_over_brokers_and_restarts(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker one, two;
	const char *anna, *bert, *cara;

	(void)state;
	tokenbench_open(&b, "books_sums");
	anna = tokenbench_inbox(&b, "anna", "oauth");
	bert = tokenbench_inbox(&b, "bert", "oauth");
	cara = tokenbench_inbox(&b, "cara", "oauth");
	tokenbench_broker_open(&b, &one, often);
	tokenbench_ask(&b, anna, 0);
	UNTIL(&b, counted(&b, "replyd_refreshes", "", "1"));
	tokenbench_broker_kill(&one);
	tokenbench_broker_open(&b, &one, often);
	tokenbench_broker_open(&b, &two, often);
	tokenbench_ask(&b, bert, 0);
	UNTIL(&b, counted(&b, "replyd_refreshes", "", "2"));
	tokenbench_say(&b, (struct tokenbench_saying){ TOKENBENCH_WORDS, 400,
						       "{\"error\":\"invalid_grant\"}", NULL });
	tokenbench_ask(&b, cara, 0);
	UNTIL(&b, counted(&b, "replyd_token_requests", "user", "1"));
	assert_true(counted(&b, "replyd_token_requests", "ok", "2"));
	assert_string_equal(pgtest_value(b.admin, "select distinct label from replyd.broker_tally"
						  " where name = 'replyd_token_requests'"),
			    "provider=\"acme\",verdict");
	tokenbench_broker_kill(&one);
	tokenbench_broker_kill(&two);
	tokenbench_close(&b);
}

static void links_are_counted_by_what_became_of_them(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	tokenbench_open(&b, "books_links");
	tokenbench_broker_open(&b, &br, often);
	(void)tokenbench_link(&b, "anna", NULL);
	(void)tokenbench_link(&b, "bert", "cara@acme.test");
	UNTIL(&b, counted(&b, "replyd_links_connected", "", "1"));
	UNTIL(&b, counted(&b, "replyd_links_failed", "", "1"));
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* By a broker that lives, as the API reads it. */
static void all_grants_are_counted_anew(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *late, *fine, *dead, *dying, *paused;
	struct session *api;

	(void)state;
	tokenbench_open(&b, "books_survey");
	late = tokenbench_inbox(&b, "anna", "oauth");
	fine = tokenbench_inbox(&b, "bert", "oauth");
	dead = tokenbench_inbox(&b, "cara", "oauth");
	dying = tokenbench_inbox(&b, "dora", "oauth");
	paused = tokenbench_inbox(&b, "emil", "oauth");
	tokenbench_token(&b, late, "anna", 3700, -100);
	tokenbench_token(&b, fine, "bert", 10, 3000);
	tokenbench_token(&b, paused, "emil", 3700, -100);
	pgtest_exec(b.admin,
		    "update replyd.inbox_grant set state = 'reauth_required' where inbox_id = '%s';"
		    "update replyd.inbox_grant set dies_of = 'unused', dies_at = now(),"
		    " forecast_due_at = now() + interval '1 d' where inbox_id = '%s';"
		    "update replyd.inbox set admin_state = 'paused' where inbox_id = '%s';"
		    "update replyd.inbox_grant set failures = 1 where inbox_id = '%s'",
		    dead, dying, paused, late);
	tokenbench_broker_open(&b, &br, often);
	UNTIL(&b, counted(&b, "replyd_tokens_late", "", "1"));
	assert_true(counted(&b, "replyd_grants", "ok", "3"));
	assert_true(counted(&b, "replyd_grants", "expiring", "1"));
	assert_true(counted(&b, "replyd_grants", "reauth_required", "1"));
	assert_true(counted(&b, "replyd_grants_expiring", "unused", "1"));
	assert_true(counted(&b, "replyd_grants_failing", "", "1"));
	/* Counted anew, not added up. */
	pgtest_exec(b.admin, "update replyd.inbox_grant set dies_of = '' where inbox_id = '%s'",
		    dying);
	UNTIL(&b, counted(&b, "replyd_grants", "expiring", "0"));
	UNTIL(&b, counted(&b, "replyd_grants", "ok", "4"));

	api = pgtest_session(b.database, "replyd_api");
	assert_string_equal(pgtest_value(api, "select value from metrics_broker()"
					      " where name = 'replyd_tokens_late'"),
			    "1");
	session_close(api);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void an_alarm_lasts_as_long_as_its_cause(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "books_alarm");
	b.provider.client_secret_ends_at = clock_unix_s() + 86400;
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_broker_open(&b, &br, often);
	UNTIL(&b, strcmp(alarms(&b), "acme client_secret_ends") == 0);
	tokenbench_say(&b,
		       (struct tokenbench_saying){
			       TOKENBENCH_WORDS, 401,
			       "{\"error\":\"invalid_client\",\"error_codes\":[7000222]}", NULL });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, strcmp(alarms(&b), "acme client_secret_ends, acme client_secret_expired") == 0);
	assert_string_equal(pgtest_value(b.admin, "select state from replyd.inbox_grant"), "ok");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.event"), "0");
	/* One try after a while works: over, and the user never heard of it. */
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	UNTIL(&b, strcmp(alarms(&b), "acme client_secret_ends") == 0);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_go_on_over_brokers_and_restarts),
		cmocka_unit_test(links_are_counted_by_what_became_of_them),
		cmocka_unit_test(all_grants_are_counted_anew),
		cmocka_unit_test(an_alarm_lasts_as_long_as_its_cause),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
