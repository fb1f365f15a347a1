#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/oauth/tokenbench.h"

#define UNTIL TOKENBENCH_UNTIL

/* One value of one inbox's row. */
#define OF(b, what, from, inbox)                                                                   \
	pgtest_value((b)->admin, "select " what " from replyd." from " where inbox_id = '%s'",     \
		     inbox)

static bool has_row(struct tokenbench *b, const char *table, const char *inbox)
{
	return *pgtest_value(b->admin, "select 1 from replyd.%s where inbox_id = '%s'", table,
			     inbox) != '\0';
}

/* Providers that are left alone, as operators read it. */
#define FROZEN(b) pgtest_value((b)->admin, "select count(*) from replyd.broker_alarm")

static const struct broker_params plain = { 0 };

static void a_request_brings_a_token_and_saves_the_rotation(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_plain");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.1");
	assert_string_equal(tokenbench_access_of(&b, inbox), "at.anna.1");
	assert_string_equal(OF(&b, "version || kind", "access_token", inbox), "2oauth");
	assert_string_equal(OF(&b, "version || state || reason", "inbox_grant", inbox), "2ok");
	assert_string_equal(OF(&b, "claim_id is null and claim_tries = 0", "inbox_grant", inbox),
			    "t");
	assert_string_equal(
		OF(&b, "expires_at - now() between '59 min' and '60 min'", "access_token", inbox),
		"t");
	assert_string_equal(OF(&b, "refresh_due_at - now() between '49 min' and '55 min'",
			       "inbox_grant", inbox),
			    "t");
	assert_false(has_row(&b, "token_request", inbox));
	assert_int_equal(broker_stats(br.broker).forced, 0);

	/* Asked again although it is fresh: answered without asking the provider. */
	tokenbench_ask(&b, inbox, 1);
	UNTIL(&b, !has_row(&b, "token_request", inbox));
	assert_int_equal(b.asked, 1);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void it_is_refreshed_ahead_of_need_unasked(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *due, *paused, *later;

	(void)state;
	tokenbench_open(&b, "broker_due");
	due = tokenbench_inbox(&b, "anna", "oauth");
	paused = tokenbench_inbox(&b, "bert", "oauth");
	later = tokenbench_inbox(&b, "cara", "oauth");
	tokenbench_token(&b, due, "anna", 3400, 200);
	pgtest_exec(b.admin,
		    "update replyd.inbox_grant set refresh_due_at = now() - interval '1 s';"
		    "update replyd.inbox_grant set refresh_due_at = now() + interval '1 h'"
		    "  where inbox_id = '%s';"
		    "update replyd.inbox set admin_state = 'paused' where inbox_id = '%s'",
		    later, paused);
	tokenbench_broker_open(&b, &br, plain);
	UNTIL(&b, broker_stats(br.broker).refreshed == 2);
	assert_string_equal(tokenbench_access_of(&b, due), "at.anna.1");
	/* Of a paused one the grant is kept alive, and no more. */
	assert_string_equal(
		OF(&b, "refresh_due_at > now() + interval '29 days'", "inbox_grant", paused), "t");
	assert_false(has_row(&b, "access_token", later));
	assert_int_equal(b.asked, 2);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_refused_token_is_replaced_once(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_forced");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_token(&b, inbox, "anna", 10, 3000);
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_ask(&b, inbox, 1);
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	assert_int_equal(broker_stats(br.broker).forced, 1);
	assert_string_equal(tokenbench_access_of(&b, inbox), "at.anna.1");

	/* The new one is refused too: that is the worker's to judge. */
	tokenbench_ask(&b, inbox, 2);
	UNTIL(&b, !has_row(&b, "token_request", inbox));
	assert_int_equal(b.asked, 1);
	assert_string_equal(OF(&b, "state", "inbox_grant", inbox), "ok");

	/* Minutes later it is a new story. */
	pgtest_exec(b.admin,
		    "update replyd.access_token set obtained_at = now() - interval '3 min'");
	tokenbench_ask(&b, inbox, 2);
	UNTIL(&b, broker_stats(br.broker).refreshed == 2);
	assert_string_equal(tokenbench_access_of(&b, inbox), "at.anna.2");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_revoked_grant_asks_the_user_once(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox, *other;

	(void)state;
	tokenbench_open(&b, "broker_revoked");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	other = tokenbench_inbox(&b, "bert", "oauth");
	tokenbench_token(&b, inbox, "anna", 3500, 60);
	tokenbench_broker_open(&b, &br, (struct broker_params){ .public_url = "https://r.test" });
	tokenbench_say(&b, (struct tokenbench_saying){
				   .manner = TOKENBENCH_WORDS,
				   .status = 400,
				   .body = "{\"error\":\"invalid_grant\",\"error_description\":"
					   "\"AADSTS50133: changed\",\"error_codes\":[50133]}" });
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, tokenbench_grants(&b, "state = 'reauth_required'") == 1);
	assert_string_equal(
		OF(&b, "state || ' ' || reason || ' ' || evidence", "inbox_grant", inbox),
		"reauth_required password_changed "
		"HTTP 400 invalid_grant: AADSTS50133: changed");
	assert_string_equal(OF(&b, "state || ' ' || reason", "inbox_state", inbox),
			    "reauth_required password_changed");
	/* What it has may be used to its end. */
	assert_true(has_row(&b, "access_token", inbox));
	assert_string_equal(pgtest_value(b.admin,
					 "select data->'connect_hint'->>'provider' || ' ' ||"
					 " (data->'connect_hint'->>'address') from replyd.event"
					 " where inbox_id = '%s' and workspace_id = '%s'",
					 inbox, b.workspace),
			    "acme anna@acme.test");
	assert_string_equal(
		pgtest_value(
			b.admin,
			"select count(*) from replyd.event where type = 'inbox.reauth_required'"),
		"1");
	/* The link in it is a real one: of this inbox, for a week, its token stored nowhere. */
	assert_string_equal(
		pgtest_value(
			b.admin,
			"select l.state || ' ' || l.provider || ' ' || l.expected_address || ' '"
			" || (l.expires_at - now() between '6 days' and '7 days')"
			" from replyd.connect_link l, replyd.event e"
			" where l.workspace_id = e.workspace_id and l.token_digest ="
			"  sha256(substr(e.data->>'connect_url', length('https://r.test/connect/')"
			"  + 1)::bytea) and e.data->>'connect_url' like "
			"'https://r.test/connect/%%'"),
		"open acme anna@acme.test true");
	tokenbench_ask(&b, other, 0);
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void what_passes_is_tried_later(void **state)
{
	static const struct {
		const char *name;
		struct tokenbench_saying say;
		int least_s, most_s;
		const char *tries;
	} rows[] = {
		{ "500", { TOKENBENCH_WORDS, 500, "oops", NULL }, 2, 5, "1" },
		{ "429", { TOKENBENCH_WORDS, 429, "{}", "77" }, 77, 85, "0" },
		{ "garbage", { TOKENBENCH_WORDS, 200, "<html>", NULL }, 2, 5, "1" },
		{ "nobody's error",
		  { TOKENBENCH_WORDS, 400, "{\"error\":\"x\"}", NULL },
		  2,
		  5,
		  "0" },
		{ "silence", { TOKENBENCH_SILENT, 0, NULL, NULL }, 2, 5, "1" },
	};
	struct tokenbench b;
	struct tokenbench_broker br;

	(void)state;
	tokenbench_open(&b, "broker_later");
	tokenbench_broker_open(&b, &br, (struct broker_params){ .timeout_ms = 500 });
	for (size_t i = 0; i < countof(rows); i++) {
		char user[16];
		const char *inbox;
		int due;

		snprintf(user, sizeof(user), "u%zu", i);
		inbox = tokenbench_inbox(&b, user, "oauth");
		tokenbench_say(&b, rows[i].say);
		tokenbench_ask(&b, inbox, 0);
		UNTIL(&b, strcmp(OF(&b, "failures", "inbox_grant", inbox), "1") == 0);
		due = (int)strtol(OF(&b, "extract(epoch from refresh_due_at - now())::int",
				     "inbox_grant", inbox),
				  NULL, 10);
		if (due < rows[i].least_s - 1 || due > rows[i].most_s)
			fail_msg("%s: due in %d s", rows[i].name, due);
		if (strcmp(OF(&b, "state || failures", "inbox_grant", inbox), "ok1") != 0 ||
		    strcmp(OF(&b, "claim_tries", "inbox_grant", inbox), rows[i].tries) != 0 ||
		    strcmp(OF(&b, "state", "inbox_state", inbox), "new") != 0)
			fail_msg("%s: the grant was touched", rows[i].name);
		assert_true(has_row(&b, "token_request", inbox)); /* it is still owed */
		if (b.held)
			tokenbench_release(&b);
	}
	/* When its time has come it works, and the count of failures ends. */
	pgtest_exec(b.admin, "update replyd.inbox_grant set refresh_due_at = now()");
	UNTIL(&b,
	      tokenbench_grants(&b, "state = 'reauth_required' or version > 1") == countof(rows));
	assert_string_equal(pgtest_value(b.admin, "select sum(failures) from replyd.inbox_grant"
						  " where state = 'ok'"),
			    "0");
	/* The silent one had been rotated: its loss is called by its name. */
	assert_string_equal(pgtest_value(b.admin, "select string_agg(reason, ' ') from"
						  " replyd.inbox_grant where state <> 'ok'"),
			    "rotation_lost");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void our_own_fault_touches_no_grant(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inboxes[12];

	(void)state;
	tokenbench_open(&b, "broker_our_fault");
	for (size_t i = 0; i < countof(inboxes); i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%zu", i);
		inboxes[i] = tokenbench_inbox(&b, user, "oauth");
		tokenbench_ask(&b, inboxes[i], 0);
	}
	secret_set_text(&b.client_secret, TEXT("expired"));
	tokenbench_broker_open(&b, &br, (struct broker_params){ .concurrency = 2, .books_ms = 20 });
	UNTIL(&b, strcmp(FROZEN(&b), "1") == 0 && broker_stats(br.broker).under_way == 0);
	/* Frozen: those under way, and nobody else. */
	for (uint64_t end = clock_mono_ms() + 300; clock_mono_ms() < end;)
		tokenbench_turn(&b);
	assert_in_range(b.asked, 1, 2);
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.inbox_grant where"
						  " state = 'ok' and failures = 0 and version = 1"
						  " and claim_id is null and claim_tries = 0"),
			    "12");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.token_request"),
			    "12");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.event"), "0");
	tokenbench_broker_kill(&br);

	/* The operator has mended it. */
	secret_set_text(&b.client_secret, TEXT("s>cret%"));
	tokenbench_broker_open(&b, &br, plain);
	UNTIL(&b, broker_stats(br.broker).refreshed == countof(inboxes));
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_frozen_provider_is_probed_by_one(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	int asked;

	(void)state;
	tokenbench_open(&b, "broker_probe");
	for (int i = 0; i < 8; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%d", i);
		tokenbench_ask(&b, tokenbench_inbox(&b, user, "oauth"), 0);
	}
	for (int i = 0; i < 8; i++)
		tokenbench_say(
			&b, (struct tokenbench_saying){ .manner = TOKENBENCH_WORDS,
							.status = 401,
							.body = "{\"error\":\"invalid_client\"}" });
	tokenbench_broker_open(&b, &br, (struct broker_params){ .books_ms = 20 });
	UNTIL(&b, strcmp(FROZEN(&b), "1") == 0 && broker_stats(br.broker).under_way == 0);
	asked = b.asked;
	b.said = b.to_say; /* mended at the provider: the probe finds out, five to ten seconds later
			    */
	tokenbench_say(&b, (struct tokenbench_saying){ .manner = TOKENBENCH_HOLD });
	UNTIL(&b, b.held);
	assert_int_equal(b.asked, asked + 1);
	assert_int_equal(broker_stats(br.broker).under_way, 1);
	tokenbench_release(&b);
	UNTIL(&b, broker_stats(br.broker).refreshed == 8);
	UNTIL(&b, strcmp(FROZEN(&b), "0") == 0);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void passwords_are_handed_out_and_judged(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_password");
	inbox = tokenbench_inbox(&b, "anna", "password");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	assert_string_equal(tokenbench_access_of(&b, inbox), "pw of anna");
	assert_string_equal(
		OF(&b, "kind || version || coalesce(expires_at::text, '')", "access_token", inbox),
		"password2");
	assert_string_equal(OF(&b, "refresh_due_at is null", "inbox_grant", inbox), "t");

	/* The server refuses it: there is nothing to refresh. */
	tokenbench_ask(&b, inbox, 2);
	UNTIL(&b, tokenbench_grants(&b, "state = 'reauth_required'") == 1);
	assert_string_equal(OF(&b, "state || ' ' || reason", "inbox_grant", inbox),
			    "reauth_required password_refused");
	assert_int_equal(b.asked, 0);
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void what_cannot_be_opened_or_asked_is_our_fault(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *broken, *strange, *moved, *from, *bodiless;
	struct oauth_provider nowhere;
	const struct secret *none[] = { NULL, NULL };
	struct oauth_provider both[2];

	(void)state;
	tokenbench_open(&b, "broker_broken");
	broken = tokenbench_inbox(&b, "anna", "oauth");
	strange = tokenbench_inbox(&b, "bert", "oauth");
	moved = tokenbench_inbox(&b, "cara", "oauth");
	from = tokenbench_inbox(&b, "dora", "oauth");
	bodiless = tokenbench_inbox(&b, "emil", "oauth");
	pgtest_exec(b.admin,
		    "update replyd.inbox_grant set sealed = '\\x00' where inbox_id = '%s';"
		    "update replyd.inbox set provider = 'gone' where inbox_id = '%s';"
		    "update replyd.inbox set provider = 'nowhere' where inbox_id = '%s';"
		    "update replyd.inbox_grant set sealed = (select sealed from replyd.inbox_grant"
		    "  where inbox_id = '%s') where inbox_id = '%s'",
		    broken, strange, bodiless, from, moved);
	tokenbench_ask(&b, broken, 0);
	tokenbench_ask(&b, strange, 0);
	tokenbench_ask(&b, moved, 0); /* a box moved to another row does not open there */
	tokenbench_ask(&b, bodiless, 0);
	nowhere = b.provider;
	nowhere.name = "nowhere";
	nowhere.token_url = "not an address";
	both[0] = b.provider;
	both[1] = nowhere;
	tokenbench_broker_open(&b, &br,
			       (struct broker_params){ .providers = both,
						       .client_secrets = none,
						       .n_providers = 2 });
	UNTIL(&b, tokenbench_grants(&b, "failures = 1") == 4);
	assert_int_equal(b.asked, 0);
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.inbox_grant where"
						  " state = 'ok' and failures = 1"
						  " and refresh_due_at > now() + interval '9 min'"),
			    "4");
	assert_string_equal(pgtest_value(b.admin, "select count(*) from replyd.event"), "0");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void a_request_for_nothing_is_answered(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_no_grant");
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	pgtest_exec(b.admin, "delete from replyd.inbox_grant");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, !has_row(&b, "token_request", inbox));
	assert_string_equal(OF(&b, "state || ' ' || reason", "inbox_state", inbox),
			    "reauth_required no_grant");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

static void without_rotation_the_old_one_stays(void **state)
{
	struct tokenbench b;
	struct tokenbench_broker br;
	const char *inbox;

	(void)state;
	tokenbench_open(&b, "broker_stays");
	b.without_refresh = b.without_rotation = true;
	b.expires_in = 0;
	inbox = tokenbench_inbox(&b, "anna", "oauth");
	tokenbench_broker_open(&b, &br, plain);
	tokenbench_ask(&b, inbox, 0);
	UNTIL(&b, broker_stats(br.broker).refreshed == 1);
	assert_string_equal(tokenbench_grant_of(&b, inbox), "rt.anna.0");
	assert_string_equal(
		OF(&b, "expires_at - now() between '59 min' and '60 min'", "access_token", inbox),
		"t");
	tokenbench_broker_kill(&br);
	tokenbench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_brings_a_token_and_saves_the_rotation),
		cmocka_unit_test(it_is_refreshed_ahead_of_need_unasked),
		cmocka_unit_test(a_refused_token_is_replaced_once),
		cmocka_unit_test(a_revoked_grant_asks_the_user_once),
		cmocka_unit_test(what_passes_is_tried_later),
		cmocka_unit_test(our_own_fault_touches_no_grant),
		cmocka_unit_test(a_frozen_provider_is_probed_by_one),
		cmocka_unit_test(passwords_are_handed_out_and_judged),
		cmocka_unit_test(what_cannot_be_opened_or_asked_is_our_fault),
		cmocka_unit_test(a_request_for_nothing_is_answered),
		cmocka_unit_test(without_rotation_the_old_one_stays),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
