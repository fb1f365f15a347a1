#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/sign.h"
#include "oauth/domain.h"
#include "tests/oauth/rsakey.h"

#define TOKEN_URL "https://token.acme.test/token"

static const struct domain_provider acme = { "acme", PRESET_DOMAIN_DELEGATED, TOKEN_URL,
					     "https://mail.acme.test/", "" };

static void an_assertion_is_signed_for_one_mailbox(void **state)
{
	cleanup_secret struct secret body = { 0 };
	struct domain_account a;
	struct rsakey k;
	const char *why, *at;
	char claims[1024];

	(void)state;
	rsakey_make(&k, "RSA", 2048);
	assert_int_equal(
		domain_account_read(text_of(rsakey_account(&k, TOKEN_URL)), TOKEN_URL, &a, &why),
		0);
	assert_string_equal(a.email, "robot@project.acme.test");
	assert_string_equal(a.client_id, "1234567");
	assert_int_equal(domain_delegated_body(&acme, &a, "rep@acme.test", 1800000000, &body), 0);
	at = strstr(secret_text(&body), "&assertion=");
	assert_non_null(at);
	assert_memory_equal(secret_text(&body),
			    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&",
			    65);
	assert_true(rsakey_signed(&k, text_of(at + 11), claims, sizeof(claims)));
	assert_string_equal(claims,
			    "{\"iss\":\"robot@project.acme.test\",\"sub\":\"rep@acme.test\","
			    "\"scope\":\"https://mail.acme.test/\",\"aud\":\"" TOKEN_URL
			    "\",\"iat\":1799999970,\"exp\":1800003570}");
	domain_account_clear(&a);
	rsakey_drop(&k);
}

static void an_application_asks_in_its_own_name(void **state)
{
	cleanup_secret struct secret body = { 0 };

	(void)state;
	assert_int_equal(domain_app_body(&acme, &body), 0);
	assert_string_equal(secret_text(&body),
			    "grant_type=client_credentials&scope=https%3A%2F%2Fmail.acme.test%2F");
}

/* What somebody uploads is not always a key file. */
static void a_bad_key_file_is_told(void **state)
{
	static const struct {
		const char *name, *json, *says;
	} rows[] = {
		{ "empty", "", "not the JSON" },
		{ "no JSON", "-----BEGIN PRIVATE KEY-----", "not the JSON" },
		{ "an array", "[1]", "not the JSON" },
		{ "a client's file", "{\"installed\":{\"client_id\":\"x\"}}", "service_account" },
		{ "no address", "{\"type\":\"service_account\"}", "client_email" },
		{ "an address with a line",
		  "{\"type\":\"service_account\",\"client_email\":\"a@b\\r\\nX: y\"}",
		  "client_email" },
		{ "an id with blanks",
		  "{\"type\":\"service_account\",\"client_email\":\"a@b\",\"client_id\":\"1 2\"}",
		  "client_id" },
		{ "no key", "{\"type\":\"service_account\",\"client_email\":\"a@b\"}",
		  "private_key" },
		{ "a key that is none",
		  "{\"type\":\"service_account\",\"client_email\":\"a@b\",\"private_key\":\"x\"}",
		  "no RSA key" },
		{ "a key with a NUL",
		  "{\"type\":\"service_account\",\"client_email\":\"a@b\","
		  "\"private_key\":\"x\\u0000y\"}",
		  "not the JSON" },
		{ "a key that is a number",
		  "{\"type\":\"service_account\",\"client_email\":\"a@b\",\"private_key\":7}",
		  "private_key" },
		{ "another endpoint",
		  "{\"type\":\"service_account\",\"client_email\":\"a@b\",\"private_key\":\"x\","
		  "\"token_uri\":\"https://evil.test/token\"}",
		  "another token endpoint" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct domain_account a;
		const char *why = "";

		if (domain_account_read(text_of(rows[i].json), TOKEN_URL, &a, &why) != -EBADMSG ||
		    !strstr(why, rows[i].says))
			fail_msg("%s: %s", rows[i].name, why);
		assert_true(secret_is_empty(&a.key));
	}
}

static void a_key_must_be_rsa_of_some_size(void **state)
{
	static const struct {
		const char *type;
		int bits;
		const char *says;
	} rows[] = { { "EC", 0, "no RSA key" }, { "RSA", 1024, "2048" } };
	struct domain_account a;
	const char *why;
	char *long_file = mem_new(DOMAIN_ACCOUNT_BYTES + 2);

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct rsakey k;

		rsakey_make(&k, rows[i].type, rows[i].bits);
		assert_int_equal(domain_account_read(text_of(rsakey_account(&k, TOKEN_URL)),
						     TOKEN_URL, &a, &why),
				 -EBADMSG);
		assert_non_null(strstr(why, rows[i].says));
		rsakey_drop(&k);
	}
	memset(long_file, ' ', DOMAIN_ACCOUNT_BYTES + 1);
	assert_int_equal(domain_account_read(text_of(long_file), TOKEN_URL, &a, &why), -EBADMSG);
	assert_non_null(strstr(why, "16 KB"));
	free(long_file);
}

/* Microsoft as of the AADSTS list, Google as its endpoint words it. */
static void an_error_has_its_mender(void **state)
{
	static const struct {
		const char *name;
		enum preset_domain kind;
		long status;
		const char *body;
		enum domain_fault fault;
		const char *reason;
	} rows[] = {
		{ "a token", PRESET_DOMAIN_APP_ONLY, 200, "{\"access_token\":\"t\"}", DOMAIN_FINE,
		  "" },
		{ "expired secret", PRESET_DOMAIN_APP_ONLY, 401,
		  "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: The "
		  "provided client secret keys are expired.\",\"error_codes\":[7000222]}",
		  DOMAIN_ADMIN, "client_secret_expired" },
		{ "wrong secret", PRESET_DOMAIN_APP_ONLY, 401,
		  "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid "
		  "client secret provided.\",\"error_codes\":[7000215]}",
		  DOMAIN_ADMIN, "client_secret_wrong" },
		{ "not in the tenant", PRESET_DOMAIN_APP_ONLY, 400,
		  "{\"error\":\"unauthorized_client\",\"error_description\":\"AADSTS700016: "
		  "Application with identifier was not found\",\"error_codes\":[700016]}",
		  DOMAIN_ADMIN, "application_unknown" },
		{ "no such tenant", PRESET_DOMAIN_APP_ONLY, 400,
		  "{\"error\":\"invalid_request\",\"error_description\":\"AADSTS90002: Tenant "
		  "'x' not found.\",\"error_codes\":[90002]}",
		  DOMAIN_ADMIN, "tenant_unknown" },
		{ "busy", PRESET_DOMAIN_APP_ONLY, 503, "{}", DOMAIN_LATER, "provider_busy" },
		{ "throttled tenant", PRESET_DOMAIN_APP_ONLY, 400,
		  "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS90055: x\","
		  "\"error_codes\":[90055]}",
		  DOMAIN_LATER, "throttled" },
		{ "a proxy's page", PRESET_DOMAIN_APP_ONLY, 200, "<html>", DOMAIN_LATER,
		  "answer_unusable" },
		{ "what nobody knows", PRESET_DOMAIN_APP_ONLY, 400, "{\"error\":\"new_error\"}",
		  DOMAIN_LATER, "error_unknown" },
		{ "delegation not entered", PRESET_DOMAIN_DELEGATED, 401,
		  "{\"error\":\"unauthorized_client\",\"error_description\":\"Client is "
		  "unauthorized to retrieve access tokens using this method\"}",
		  DOMAIN_ADMIN, "delegation_missing" },
		{ "no such user", PRESET_DOMAIN_DELEGATED, 400,
		  "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid email or User "
		  "ID\"}",
		  DOMAIN_MAILBOX, "account_gone" },
		{ "key deleted", PRESET_DOMAIN_DELEGATED, 400,
		  "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT "
		  "Signature.\"}",
		  DOMAIN_ADMIN, "key_refused" },
		{ "account deleted", PRESET_DOMAIN_DELEGATED, 400,
		  "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid grant: account "
		  "not found\"}",
		  DOMAIN_ADMIN, "service_account_gone" },
		{ "a clock that is wrong", PRESET_DOMAIN_DELEGATED, 400,
		  "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT: Token must "
		  "be a short-lived token (60 minutes) and in a reasonable timeframe.\"}",
		  DOMAIN_LATER, "clock_wrong" },
		{ "an internal failure", PRESET_DOMAIN_DELEGATED, 500,
		  "{\"error\":\"internal_failure\"}", DOMAIN_LATER, "provider_busy" },
	};
	static const struct outcome answered = { BLAME_NONE, "ok", "" };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct policy_answer verdict;
		struct grant_answer a;
		const char *reason;
		enum domain_fault fault;

		grant_read(rows[i].status, text_of(rows[i].body), &a);
		policy_judge(&answered, rows[i].status, 0, &a, &verdict);
		fault = domain_judge(rows[i].kind, &verdict, &a, &reason);
		if (fault != rows[i].fault || strcmp(reason, rows[i].reason) != 0)
			fail_msg("%s: %d %s", rows[i].name, (int)fault, reason);
		grant_answer_clear(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_assertion_is_signed_for_one_mailbox),
		cmocka_unit_test(an_application_asks_in_its_own_name),
		cmocka_unit_test(a_bad_key_file_is_told),
		cmocka_unit_test(a_key_must_be_rsa_of_some_size),
		cmocka_unit_test(an_error_has_its_mender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
