#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oauth/policy.h"

static const struct outcome answered = { BLAME_NONE, "ok", "" };

/* What providers were seen to answer a refresh with, and what must follow. */
static const struct {
	const char *name;
	long status;
	const char *body;
	enum policy_verdict verdict;
	const char *reason;
	bool whole_client;
	enum connect_problem problem; /* the same answer to a code */
} rows[] = {
	{ "tokens", 200, "{\"access_token\":\"a\"}", POLICY_OK, "", false, CONNECT_OK },
	{ "Google: revoked, expired or unused", 400,
	  "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or "
	  "revoked.\"}",
	  POLICY_USER, "invalid_grant", false, CONNECT_CODE_REFUSED },
	{ "Google: session control", 400,
	  "{\"error\":\"invalid_grant\",\"error_subtype\":\"invalid_rapt\"}", POLICY_USER,
	  "sign_in_frequency", false, CONNECT_CODE_REFUSED },
	{ "Google: administrator", 400, "{\"error\":\"admin_policy_enforced\"}", POLICY_USER,
	  "admin_policy", false, CONNECT_ADMIN_CONSENT },
	{ "Google: restricted account", 403, "{\"error\":\"access_denied\"}", POLICY_USER,
	  "access_denied", false, CONNECT_CONSENT_DECLINED },
	{ "Google: our client is gone", 401, "{\"error\":\"deleted_client\"}", POLICY_US,
	  "client_deleted", true, CONNECT_OUR_CLIENT_REFUSED },
	{ "Google: our client is off", 401, "{\"error\":\"disabled_client\"}", POLICY_US,
	  "client_disabled", true, CONNECT_OUR_CLIENT_REFUSED },
	{ "Google: our secret", 401,
	  "{\"error\":\"invalid_client\",\"error_description\":\"Unauthorized\"}", POLICY_US,
	  "client_refused", true, CONNECT_OUR_CLIENT_REFUSED },
	{ "Google: hiccup", 400, "{\"error\":\"internal_failure\"}", POLICY_LATER, "provider_busy",
	  false, CONNECT_PROVIDER_DOWN },
	{ "Microsoft: 90 days unused", 400,
	  "{\"error\":\"invalid_grant\",\"error_codes\":[700082]}", POLICY_USER, "unused_too_long",
	  false, CONNECT_CODE_REFUSED },
	{ "Microsoft: revoked", 400, "{\"error\":\"invalid_grant\",\"error_codes\":[50173]}",
	  POLICY_USER, "revoked", false, CONNECT_CODE_REFUSED },
	{ "Microsoft: password changed", 400,
	  "{\"error\":\"invalid_grant\",\"error_codes\":[50133]}", POLICY_USER, "password_changed",
	  false, CONNECT_CODE_REFUSED },
	{ "Microsoft: second factor", 400,
	  "{\"error\":\"interaction_required\",\"error_codes\":[50076]}", POLICY_USER,
	  "mfa_required", false, CONNECT_CODE_REFUSED },
	{ "Microsoft: conditional access", 400,
	  "{\"error\":\"invalid_grant\",\"error_codes\":[53003]}", POLICY_USER, "admin_policy",
	  false, CONNECT_ADMIN_CONSENT },
	{ "Microsoft: an administrator must agree", 400,
	  "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS90094: admin\"}", POLICY_USER,
	  "admin_consent_required", false, CONNECT_ADMIN_CONSENT },
	{ "Microsoft: consent withdrawn", 400,
	  "{\"error\":\"invalid_grant\",\"error_codes\":[65001],\"suberror\":"
	  "\"consent_required\"}",
	  POLICY_USER, "consent_withdrawn", false, CONNECT_CONSENT_DECLINED },
	{ "Microsoft: suberror without number", 400,
	  "{\"error\":\"invalid_grant\",\"suberror\":\"bad_token\"}", POLICY_USER, "revoked", false,
	  CONNECT_CODE_REFUSED },
	{ "Microsoft: a number nobody knows", 400,
	  "{\"error\":\"invalid_grant\",\"error_codes\":[123456]}", POLICY_USER, "invalid_grant",
	  false, CONNECT_CODE_REFUSED },
	{ "Microsoft: our secret expired", 401,
	  "{\"error\":\"invalid_client\",\"error_codes\":[7000222]}", POLICY_US,
	  "client_secret_expired", true, CONNECT_OUR_CLIENT_REFUSED },
	{ "Microsoft: our secret is wrong", 401,
	  "{\"error\":\"invalid_client\",\"error_codes\":[7000215]}", POLICY_US,
	  "client_secret_wrong", true, CONNECT_OUR_CLIENT_REFUSED },
	{ "Microsoft: our app is not in the tenant", 400,
	  "{\"error\":\"unauthorized_client\",\"error_codes\":[700016]}", POLICY_US,
	  "client_unknown", false, CONNECT_OUR_CLIENT_REFUSED },
	{ "Microsoft: redirect of type spa", 400,
	  "{\"error\":\"invalid_grant\",\"error_codes\":[700084]}", POLICY_US, "redirect_type_spa",
	  false, CONNECT_OUR_CLIENT_REFUSED },
	{ "Microsoft: we ask in a loop", 400,
	  "{\"error\":\"invalid_grant\",\"error_codes\":[50196]}", POLICY_US, "request_loop", false,
	  CONNECT_OUR_CLIENT_REFUSED },
	{ "Microsoft: busy, whatever the error says", 400,
	  "{\"error\":\"invalid_grant\",\"error_codes\":[90033]}", POLICY_LATER, "provider_busy",
	  false, CONNECT_PROVIDER_DOWN },
	{ "Microsoft: locked by bad guesses", 400,
	  "{\"error\":\"invalid_grant\",\"error_codes\":[50053]}", POLICY_LATER, "account_locked",
	  false, CONNECT_PROVIDER_DOWN },
	{ "Yahoo", 400,
	  "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid refresh token\"}",
	  POLICY_USER, "invalid_grant", false, CONNECT_CODE_REFUSED },
	{ "Yahoo: our client", 401,
	  "{\"error\":\"invalid_client\",\"error_description\":\"client verification failed\"}",
	  POLICY_US, "client_refused", true, CONNECT_OUR_CLIENT_REFUSED },
	{ "Yahoo: refresh token, in capitals", 400,
	  "{\"error_description\":\"Failed to decode/encode refresh token\",\"error\":"
	  "\"INVALID_REFRESH_TOKEN\"}",
	  POLICY_USER, "invalid_grant", false, CONNECT_CODE_REFUSED },
	{ "Yahoo: expired", 401, "{\"error\":\"TOKEN_EXPIRED\",\"error_description\":\"expired\"}",
	  POLICY_USER, "unused_too_long", false, CONNECT_CODE_REFUSED },
	{ "Yahoo: consent taken back", 403,
	  "{\"error\":\"ACCOUNT_NOT_AUTHORIZED\",\"error_description\":\"no\"}", POLICY_USER,
	  "consent_withdrawn", false, CONNECT_CONSENT_DECLINED },
	{ "Yahoo: our secret", 401, "{\"error\":\"INVALID_CLIENT_SECRET\"}", POLICY_US,
	  "client_secret_wrong", true, CONNECT_OUR_CLIENT_REFUSED },
	{ "Yahoo: our client, from the gateway", 401,
	  "{\"error\":{\"localizedMessage\":\"client request is not accepted\",\"errorId\":"
	  "\"INVALID_CREDENTIALS\",\"message\":\"client verification failed\"}}",
	  POLICY_US, "client_refused", true, CONNECT_OUR_CLIENT_REFUSED },
	{ "Yahoo: our request", 400,
	  "{\"error\":\"INVALID_INPUT\",\"error_description\":\"client id cannot be empty\"}",
	  POLICY_US, "request_refused", false, CONNECT_OUR_CLIENT_REFUSED },
	{ "Yahoo: trouble", 400, "{\"error\":\"ERROR_HANDLING_REQUEST\"}", POLICY_LATER,
	  "provider_busy", false, CONNECT_PROVIDER_DOWN },
	{ "our request", 400, "{\"error\":\"invalid_request\"}", POLICY_US, "request_refused",
	  false, CONNECT_OUR_CLIENT_REFUSED },
	{ "our scopes", 400, "{\"error\":\"invalid_scope\"}", POLICY_US, "scope_refused", true,
	  CONNECT_OUR_CLIENT_REFUSED },
	{ "down, politely", 503, "{\"error\":\"temporarily_unavailable\"}", POLICY_LATER,
	  "provider_busy", false, CONNECT_PROVIDER_DOWN },
	{ "a broken front that blames the user", 502, "{\"error\":\"invalid_grant\"}", POLICY_LATER,
	  "provider_busy", false, CONNECT_PROVIDER_DOWN },
	{ "a rate limit that looks like a refusal", 429, "{\"error\":\"invalid_grant\"}",
	  POLICY_LATER, "throttled", false, CONNECT_PROVIDER_DOWN },
	{ "a rate limit", 429, "slow down", POLICY_LATER, "throttled", false,
	  CONNECT_PROVIDER_DOWN },
	{ "a login page", 200, "<html>", POLICY_LATER, "answer_unusable", false,
	  CONNECT_ANSWER_UNUSABLE },
	{ "a page that says no", 403, "<html>", POLICY_LATER, "answer_unusable", false,
	  CONNECT_ANSWER_UNUSABLE },
	{ "an error of nobody's", 400, "{\"error\":\"ghost\"}", POLICY_LATER, "error_unknown",
	  false, CONNECT_PROVIDER_DOWN },
};

static void every_error_has_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct grant_answer a;
		struct policy_answer p;

		grant_read(rows[i].status, text_of(rows[i].body), &a);
		policy_judge(&answered, rows[i].status, -1, &a, &p);
		if (p.verdict != rows[i].verdict || strcmp(p.reason, rows[i].reason) != 0 ||
		    p.whole_client != rows[i].whole_client || policy_problem(&p) != rows[i].problem)
			fail_msg("%s: %s %s, for a code %s", rows[i].name,
				 policy_verdict_name(p.verdict), p.reason,
				 connect_problem_code(policy_problem(&p)));
		if (p.verdict != POLICY_OK && !p.evidence[0])
			fail_msg("%s: no evidence", rows[i].name);
		grant_answer_clear(&a);
	}
}

/*
 * Microsoft's numbers in the shape in which they really come: the number stands in the words and in
 * a list, trace ids and a time follow.  The number may refine what `error` says, or contradict it.
 */
static const struct {
	int aadsts;
	const char *error;
	enum policy_verdict verdict;
	const char *reason;
	bool whole_client;
	int64_t at_least_s;
} microsoft[] = {
	{ 50076, "interaction_required", POLICY_USER, "mfa_required", false, 0 },
	{ 50079, "interaction_required", POLICY_USER, "mfa_required", false, 0 },
	{ 50074, "invalid_grant", POLICY_USER, "mfa_required", false, 0 },
	{ 50078, "invalid_grant", POLICY_USER, "mfa_required", false, 0 },
	{ 50072, "invalid_grant", POLICY_USER, "mfa_required", false, 0 },
	{ 50173, "invalid_grant", POLICY_USER, "revoked", false, 0 },
	{ 50132, "invalid_grant", POLICY_USER, "revoked", false, 0 },
	{ 50133, "invalid_grant", POLICY_USER, "password_changed", false, 0 },
	{ 700082, "invalid_grant", POLICY_USER, "unused_too_long", false, 0 },
	{ 70008, "invalid_grant", POLICY_USER, "unused_too_long", false, 0 },
	{ 70043, "invalid_grant", POLICY_USER, "sign_in_frequency", false, 0 },
	{ 700084, "invalid_grant", POLICY_US, "redirect_type_spa", false, 3600 },
	{ 65001, "invalid_grant", POLICY_USER, "consent_withdrawn", false, 0 },
	{ 65004, "access_denied", POLICY_USER, "consent_declined", false, 0 },
	{ 90094, "invalid_grant", POLICY_USER, "admin_consent_required", false, 0 },
	{ 90095, "invalid_grant", POLICY_USER, "admin_consent_required", false, 0 },
	{ 53000, "interaction_required", POLICY_USER, "admin_policy", false, 0 },
	{ 53001, "interaction_required", POLICY_USER, "admin_policy", false, 0 },
	{ 53002, "interaction_required", POLICY_USER, "admin_policy", false, 0 },
	{ 53003, "interaction_required", POLICY_USER, "admin_policy", false, 0 },
	{ 530032, "interaction_required", POLICY_USER, "admin_policy", false, 0 },
	{ 50005, "interaction_required", POLICY_USER, "admin_policy", false, 0 },
	{ 50105, "interaction_required", POLICY_USER, "admin_policy", false, 0 },
	{ 50131, "interaction_required", POLICY_USER, "admin_policy", false, 0 },
	{ 50057, "invalid_grant", POLICY_USER, "account_disabled", false, 0 },
	{ 50034, "invalid_grant", POLICY_USER, "account_gone", false, 0 },
	{ 50053, "invalid_grant", POLICY_LATER, "account_locked", false, 7200 },
	{ 7000215, "invalid_client", POLICY_US, "client_secret_wrong", true, 0 },
	{ 7000222, "invalid_client", POLICY_US, "client_secret_expired", true, 0 },
	{ 700016, "unauthorized_client", POLICY_US, "client_unknown", false, 3600 },
	{ 7000112, "unauthorized_client", POLICY_US, "client_disabled", false, 3600 },
	{ 70002, "invalid_client", POLICY_US, "client_refused", true, 0 },
	{ 50196, "invalid_grant", POLICY_US, "request_loop", false, 3600 },
	{ 90033, "temporarily_unavailable", POLICY_LATER, "provider_busy", false, 0 },
	{ 90090, "server_error", POLICY_LATER, "provider_busy", false, 0 },
	{ 90024, "temporarily_unavailable", POLICY_LATER, "provider_busy", false, 0 },
	{ 50033, "invalid_grant", POLICY_LATER, "provider_busy", false, 0 },
	{ 50087, "invalid_grant", POLICY_LATER, "provider_busy", false, 0 },
	{ 90012, "invalid_grant", POLICY_LATER, "provider_busy", false, 0 },
	{ 90055, "invalid_grant", POLICY_LATER, "throttled", false, 60 },
};

static void microsofts_numbers_are_read_where_they_stand(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * countof(microsoft); i++) {
		int n = microsoft[i / 2].aadsts;
		bool is_listed = i % 2 == 0;
		struct grant_answer a;
		struct policy_answer p;
		char list[64] = "", body[640];

		if (is_listed)
			snprintf(list, sizeof(list), "\"error_codes\":[%d],", n);
		snprintf(body, sizeof(body),
			 "{\"error\":\"%s\",\"error_description\":\"AADSTS%d: Words about it, and "
			 "a number like 12345.\\r\\nTrace ID: 5f1c\\r\\nTimestamp: 2026-01-02\","
			 "%s\"timestamp\":\"2026-01-02 03:04:05Z\",\"trace_id\":\"5f1c\","
			 "\"correlation_id\":\"77aa\"}",
			 microsoft[i / 2].error, n, list);
		grant_read(400, text_of(body), &a);
		policy_judge(&answered, 400, -1, &a, &p);
		if (a.aadsts != n || p.verdict != microsoft[i / 2].verdict ||
		    strcmp(p.reason, microsoft[i / 2].reason) != 0 ||
		    p.whole_client != microsoft[i / 2].whole_client ||
		    p.retry_after_s < microsoft[i / 2].at_least_s)
			fail_msg("AADSTS%d read as %d: %s %s", n, a.aadsts,
				 policy_verdict_name(p.verdict), p.reason);
		/* The words are kept, what changes with every answer is not. */
		if (!strstr(p.evidence, "Words about it") || strstr(p.evidence, "5f1c"))
			fail_msg("AADSTS%d: evidence \"%s\"", n, p.evidence);
		grant_answer_clear(&a);
	}
}

static void silence_is_for_later(void **state)
{
	struct outcome cut = outcome_of(BLAME_NET, "timeout", TEXT("20 s"));
	struct grant_answer a = { .kind = GRANT_GARBAGE };
	struct policy_answer p;

	(void)state;
	policy_judge(&cut, 0, -1, &a, &p);
	assert_int_equal(p.verdict, POLICY_LATER);
	assert_string_equal(p.reason, "no_answer");
	assert_true(p.may_have_rotated); /* it may have been heard */
	assert_string_equal(p.evidence, "timeout: 20 s");
}

static void only_silence_and_breakage_may_hide_a_rotation(void **state)
{
	static const struct {
		long status;
		const char *body;
		bool may;
	} cases[] = {
		{ 500, "", true },
		{ 200, "<html>", true },
		{ 429, "", false },
		{ 400, "{\"error\":\"invalid_grant\"}", false },
		{ 401, "{\"error\":\"invalid_client\"}", false },
		{ 404, "", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct grant_answer a;
		struct policy_answer p;

		grant_read(cases[i].status, text_of(cases[i].body), &a);
		policy_judge(&answered, cases[i].status, -1, &a, &p);
		if (p.may_have_rotated != cases[i].may)
			fail_msg("HTTP %ld", cases[i].status);
	}
}

static void a_wish_is_kept_with_its_floor(void **state)
{
	struct grant_answer a;
	struct policy_answer p;

	(void)state;
	grant_read(429, TEXT(""), &a);
	policy_judge(&answered, 429, 17, &a, &p);
	assert_int_equal(p.retry_after_s, 17);
	grant_read(400, TEXT("{\"error\":\"x\",\"error_codes\":[90055]}"), &a);
	policy_judge(&answered, 400, -1, &a, &p);
	assert_int_equal(p.retry_after_s, 60);
	policy_judge(&answered, 400, 90, &a, &p);
	assert_int_equal(p.retry_after_s, 90);
}

/* Ahead of need, never before half its life, never after its end, and not all at once. */
static void refreshes_are_ahead_and_spread(void **state)
{
	static const struct {
		int64_t life_s, ahead_s, least, most;
	} cases[] = {
		{ 3600, 300, 1800, 3300 }, { 3599, 300, 1799, 3299 }, { 60, 300, 30, 30 },
		{ 10, 300, 5, 5 },         { 1, 300, 1, 1 },          { 86400, 300, 43200, 86100 },
		{ 3600, 0, 1800, 3600 },
	};
	struct rand_gen g;

	(void)state;
	rand_gen_seed(&g, 7);
	for (size_t i = 0; i < countof(cases); i++) {
		int64_t lowest = INT64_MAX, highest = 0;

		for (int n = 0; n < 500; n++) {
			int64_t in = policy_refresh_in(cases[i].life_s, cases[i].ahead_s, &g);

			if (in < cases[i].least || in > cases[i].most)
				fail_msg("life %ld: in %ld", (long)cases[i].life_s, (long)in);
			lowest = in < lowest ? in : lowest;
			highest = in > highest ? in : highest;
		}
		if (cases[i].most - cases[i].least >= 100 &&
		    highest - lowest < (cases[i].most - cases[i].least) / 2)
			fail_msg("life %ld: all between %ld and %ld", (long)cases[i].life_s,
				 (long)lowest, (long)highest);
	}
}

/* All at once after an outage: within a day they are an even stream again. */
static void who_was_refreshed_together_parts_again(void **state)
{
	enum { GRANTS = 4000, HOUR = 3600, DAY = 24 * HOUR, MINUTES = 120 };
	unsigned in_minute[MINUTES] = { 0 }, most = 0, all = 0;
	struct rand_gen g;

	(void)state;
	rand_gen_seed(&g, 7);
	for (int i = 0; i < GRANTS; i++)
		for (int64_t at = 0; at < DAY; at += policy_refresh_in(HOUR, 300, &g))
			if (at >= DAY - MINUTES * 60)
				in_minute[(at - (DAY - MINUTES * 60)) / 60]++;
	for (int m = 0; m < MINUTES; m++) {
		most = in_minute[m] > most ? in_minute[m] : most;
		all += in_minute[m];
	}
	/* The busiest of 120 minutes has by chance 1.3 times the mean (85, deviation 9). */
	assert_in_range(most * MINUTES, all, all * 3 / 2);
}

static void the_provider_is_asked_only_when_it_must_be(void **state)
{
	static const struct {
		const char *name;
		int64_t version, refused;
		bool fresh, due, needs;
	} cases[] = {
		{ "fresh, nobody complained", 3, 0, true, false, false },
		{ "an older one was refused", 3, 2, true, false, false },
		{ "this one was refused", 3, 3, true, false, true },
		{ "too old", 3, 0, false, false, true },
		{ "time to be ahead", 3, 0, true, true, true },
		{ "there is none", 0, 0, false, false, true },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++)
		if (policy_needs_refresh(cases[i].version, cases[i].fresh, cases[i].refused,
					 cases[i].due) != cases[i].needs)
			fail_msg("%s", cases[i].name);
}

static void waits_grow_and_wishes_count(void **state)
{
	struct rand_gen g;

	(void)state;
	rand_gen_seed(&g, 7);
	for (int n = 0; n < 200; n++) {
		assert_in_range(policy_wait_ms(1, 0, &g), 2500, 5000);
		assert_in_range(policy_wait_ms(4, -1, &g), 20000, 40000);
		assert_in_range(policy_wait_ms(1000, 0, &g), 300000, 600000);
		assert_in_range(policy_wait_ms(1, 30, &g), 30000, 33000);
		assert_in_range(policy_wait_ms(1000, 30, &g), 300000, 600000);
		assert_in_range(policy_wait_ms(1, 1000000, &g), 7200000, 7920000);
	}
}

static void verdicts_have_names(void **state)
{
	(void)state;
	assert_string_equal(policy_verdict_name(POLICY_OK), "ok");
	assert_string_equal(policy_verdict_name(POLICY_USER), "user");
	assert_string_equal(policy_verdict_name(POLICY_US), "us");
	assert_string_equal(policy_verdict_name(POLICY_LATER), "later");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_its_verdict),
		cmocka_unit_test(microsofts_numbers_are_read_where_they_stand),
		cmocka_unit_test(silence_is_for_later),
		cmocka_unit_test(only_silence_and_breakage_may_hide_a_rotation),
		cmocka_unit_test(a_wish_is_kept_with_its_floor),
		cmocka_unit_test(refreshes_are_ahead_and_spread),
		cmocka_unit_test(who_was_refreshed_together_parts_again),
		cmocka_unit_test(the_provider_is_asked_only_when_it_must_be),
		cmocka_unit_test(waits_grow_and_wishes_count),
		cmocka_unit_test(verdicts_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
