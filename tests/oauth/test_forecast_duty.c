#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL TOKENBENCH_UNTIL

#define OF(b, what, from, inbox)                                                                   \
	pgtest_value((b)->admin, "select " what " from replyd." from " where inbox_id = '%s'",     \
		     inbox)

static const struct broker_params often = { .forecast_ms = 20,
					    .look_ms = 5000,
					    .public_url = "https://r.test" };

/* A grant of so many days ago, with a token that is not due. */
static const char *granted(struct tokenbench *b, const char *user, const char *ago)
{
	const char *inbox = tokenbench_inbox(b, user, "oauth");

	tokenbench_token(b, inbox, user, 10, 3000);
	pgtest_exec(b->admin,
		    "update replyd.inbox_grant set granted_at = now() - interval '%s',"
		    " refresh_due_at = now() + interval '1 h' where inbox_id = '%s'",
		    ago, inbox);
	return inbox;
}

static bool all_were_looked_at(struct tokenbench *b)
{
	return *pgtest_value(b->admin, "select 1 from replyd.inbox_grant where kind = 'oauth'"
				       " and state = 'ok' and forecast_due_at <= now()") == '\0';
}

static void look_again(struct tokenbench *b)
{
	pgtest_exec(b->admin, "update replyd.inbox_grant set forecast_due_at = now()");
	UNTIL(b, all_were_looked_at(b));
}

static const char *told(struct tokenbench *b, const char *inbox)
{
	return pgtest_value(b->admin,
			    "select coalesce(string_agg(data->>'reason', ' ' order by created_at),"
			    " '') from replyd.event where inbox_id = '%s'"
			    " and type = 'inbox.reauth_forecast'",
			    inbox);
}

static void what_dies_soon_is_told_once_per_stage(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker one, two;
	const char *fresh, *half, *late;

	(void)state;
	tokenbench_open(&b, "forecast_told");
	b.provider.testing = true;
	fresh = granted(&b, "anna", "1 day");
	half = granted(&b, "bert", "4 days");
	late = granted(&b, "cara", "6 days");
	tokenbench_broker_open(&b, &one, often);
	tokenbench_broker_open(&b, &two, often);
	UNTIL(&b, all_were_looked_at(&b));
	UNTIL(&b, broker_stats(one.broker).forecasts + broker_stats(two.broker).forecasts == 2);
	for (int i = 0; i < 3; i++)
		look_again(&b);
	assert_string_equal(told(&b, fresh), "");
	assert_string_equal(told(&b, half), "testing_ends");
	assert_string_equal(told(&b, late), "testing_ends");
	assert_string_equal(OF(&b, "replyd.grant_state(state, dies_of)", "inbox_grant", fresh),
			    "ok");
	assert_string_equal(OF(&b, "replyd.grant_state(state, dies_of)", "inbox_grant", half),
			    "expiring");
	assert_string_equal(
		OF(&b, "dies_at - now() between '23 h' and '25 h'", "inbox_grant", late), "t");
	/* It is still refreshed. */
	tokenbench_ask(&b, half, 1);
	UNTIL(&b, broker_stats(one.broker).refreshed + broker_stats(two.broker).refreshed == 1);

	/* Each with a link of its own. */
	assert_string_equal(
		pgtest_value(b.admin, "select count(*) from replyd.connect_link l, replyd.event e"
				      " where l.token_digest = sha256(split_part("
				      "  e.data->>'connect_url', '/', 5)::bytea)"
				      " and e.data->>'dies_at' like '20%%Z'"),
		"2");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.event_queue"), "2");
	tokenbench_broker_kill(&one);
	tokenbench_broker_kill(&two);
	tokenbench_close(&b);
}

static void consent_ends_a_forecast(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "forecast_consent");
	b.provider.testing = true;
	inbox = granted(&b, "anna", "6 days");
	tokenbench_broker_open(&b, &br, often);
	UNTIL(&b, broker_stats(br.broker).forecasts == 1);
	assert_string_equal(OF(&b, "consents || dies_of", "inbox_grant", inbox), "1testing_ends");
	b.scope = "openid email mail";
	(void)tokenbench_link(&b, "anna", NULL);
	broker_wake(br.broker);
	UNTIL(&b, broker_stats(br.broker).connected == 1);
	UNTIL(&b, all_were_looked_at(&b));
	assert_string_equal(OF(&b, "consents || dies_of || told_of", "inbox_grant", inbox), "2");
	/* And of the new consent the end is told anew. */
	pgtest_exec(b.admin,
		    "update replyd.inbox_grant set granted_at = now() - interval '6.5 days'");
	look_again(&b);
	UNTIL(&b, broker_stats(br.broker).forecasts == 2);
	assert_string_equal(told(&b, inbox), "testing_ends testing_ends");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

/* The provider says with the token how long the refresh token lives. */
static void what_the_provider_says_is_believed(void **state)
{
	static const char body[] = "{\"access_token\":\"a\",\"refresh_token\":\"rt.anna.1\","
				   "\"expires_in\":3600,\"refresh_token_expires_in\":%s}";
	static const char *const lives[] = { "864000", "7776000", "600" };
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;
	char says[3][160];

	(void)state;
	tokenbench_open(&b, "forecast_said");
	inbox = granted(&b, "anna", "80 days");
	tokenbench_broker_open(&b, &br, often);
	UNTIL(&b, all_were_looked_at(&b));
	for (size_t i = 0; i < countof(lives); i++) {
		snprintf(says[i], sizeof(says[i]), body, lives[i]);
		tokenbench_say(&b,
			       (struct tokenbench_saying){ TOKENBENCH_WORDS, 200, says[i], NULL });
		tokenbench_ask(&b, inbox, (int)i + 1);
		pgtest_exec(b.admin, "update replyd.inbox_grant set reason = ''");
		UNTIL(&b, broker_stats(br.broker).refreshed == i + 1);
		assert_string_equal(OF(&b,
				       "round(extract(epoch from refresh_ends_at - now()))::int",
				       "inbox_grant", inbox),
				    lives[i]);
		UNTIL(&b, all_were_looked_at(&b));
	}
	/* The access token would outlive it: refreshed before. */
	assert_string_equal(
		OF(&b, "refresh_due_at - now() between '4 min' and '6 min'", "inbox_grant", inbox),
		"t");
	/* Ten days of ten are half a life away, and nobody was alarmed. */
	assert_string_equal(told(&b, inbox), "");

	pgtest_exec(b.admin,
		    "update replyd.access_token set obtained_at = now() - interval '9 days';"
		    "update replyd.inbox_grant set refresh_ends_at = now() + interval '1 day'");
	look_again(&b);
	UNTIL(&b, broker_stats(br.broker).forecasts == 1);
	assert_string_equal(told(&b, inbox), "refresh_token_ends");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void many_are_looked_at_in_portions(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	tokenbench_open(&b, "forecast_many");
	(void)granted(&b, "anna", "1 day");
	pgtest_exec(b.admin,
		    "insert into replyd.inbox select workspace_id, gen_random_uuid(), 'u' || n ||"
		    "  '@acme.test', provider, imap_host, imap_port, imap_security, login_name"
		    "  from replyd.inbox, generate_series(1, 1000) n;"
		    "insert into replyd.inbox_grant (workspace_id, inbox_id, kind, sealed,"
		    "  refresh_due_at) select workspace_id, inbox_id, 'oauth', '\\x00',"
		    "  now() + interval '1 h' from replyd.inbox on conflict do nothing");
	tokenbench_broker_open(&b, &br, (struct broker_params){ .forecast_ms = 200 });
	UNTIL(&b, all_were_looked_at(&b));
	/* Not all at the same moment tomorrow. */
	assert_string_equal(
		pgtest_value(b.admin, "select max(forecast_due_at) - min(forecast_due_at) > '1 h'"
				      " and max(forecast_due_at) < now() + interval '25 h'"
				      " from replyd.inbox_grant"),
		"t");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_dies_soon_is_told_once_per_stage),
		cmocka_unit_test(consent_ends_a_forecast),
		cmocka_unit_test(what_the_provider_says_is_believed),
		cmocka_unit_test(many_are_looked_at_in_portions),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
