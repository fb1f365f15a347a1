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
#include "oauth/grant.h"

static const struct oauth_provider provider = {
	.name = "acme",
	.issuer = "https://login.acme.test",
	.client_id = "replyd & co",
	.required_scope = "https://mail.acme.test/",
};

static void requests_are_forms(void **state)
{
	cleanup_secret struct secret code = { 0 }, verifier = { 0 }, body = { 0 }, huge = { 0 };
	char *many = mem_new(LIMIT_SECRET);

	(void)state;
	secret_set_text(&code, TEXT("4/0A+b=c"));
	secret_set_text(&verifier, TEXT("ver~ifier"));
	assert_int_equal(grant_exchange_body(&provider, true, &code, &verifier,
					     "https://r.test/oauth/callback", &body),
			 0);
	assert_string_equal(secret_text(&body),
			    "grant_type=authorization_code&code=4%2F0A%2Bb%3Dc"
			    "&redirect_uri=https%3A%2F%2Fr.test%2Foauth%2Fcallback"
			    "&code_verifier=ver~ifier");
	/* A public client has no other place for its name. */
	assert_int_equal(grant_exchange_body(&provider, false, &code, &verifier, "u", &body), 0);
	assert_string_equal(secret_text(&body),
			    "grant_type=authorization_code&code=4%2F0A%2Bb%3Dc&redirect_uri=u"
			    "&code_verifier=ver~ifier&client_id=replyd%20%26%20co");
	assert_int_equal(grant_refresh_body(&provider, true, &code, &body), 0);
	assert_string_equal(secret_text(&body),
			    "grant_type=refresh_token&refresh_token=4%2F0A%2Bb%3Dc");
	assert_int_equal(grant_refresh_body(&provider, false, &code, &body), 0);
	assert_string_equal(secret_text(&body),
			    "grant_type=refresh_token&refresh_token=4%2F0A%2Bb%3Dc"
			    "&client_id=replyd%20%26%20co");

	/* Yahoo wants to hear the redirect URI again. */
	assert_int_equal(grant_refresh_body(&(struct oauth_provider){ .refresh_redirect_uri =
									      "https://r.test/cb" },
					    true, &code, &body),
			 0);
	assert_string_equal(secret_text(&body),
			    "grant_type=refresh_token&refresh_token=4%2F0A%2Bb%3Dc"
			    "&redirect_uri=https%3A%2F%2Fr.test%2Fcb");

	/* RFC 6749 section 2.3.1: encoded before it is put into HTTP Basic. */
	assert_int_equal(grant_basic(TEXT("a:b %"), &body), 0);
	assert_string_equal(secret_text(&body), "a%3Ab%20%25");

	memset(many, '/', LIMIT_SECRET);
	secret_set(&huge, many, LIMIT_SECRET);
	assert_int_equal(grant_refresh_body(&provider, true, &huge, &body), -ENOBUFS);
	assert_int_equal(grant_basic((struct text){ many, LIMIT_SECRET }, &body), -ENOBUFS);
	free(many);
}

static const struct {
	const char *name;
	long status;
	const char *body;
	enum grant_kind kind;
	const char *access, *refresh, *scope, *error, *suberror, *description;
	int64_t expires_in_s;
	int aadsts;
} answers[] = {
	{ "Google", 200,
	  "{\"access_token\":\"ya29.a\",\"expires_in\":3599,\"scope\":\"https://mail.google.com/\","
	  "\"token_type\":\"Bearer\"}",
	  GRANT_TOKENS, "ya29.a", "", "https://mail.google.com/", "", "", "", 3599, 0 },
	{ "Microsoft rotates", 200,
	  "{\"token_type\":\"Bearer\",\"scope\":\"https://outlook.office.com/"
	  "IMAP.AccessAsUser.All\","
	  "\"expires_in\":4700,\"ext_expires_in\":4700,\"access_token\":\"EwB\","
	  "\"refresh_token\":\"M.C5\"}",
	  GRANT_TOKENS, "EwB", "M.C5", "https://outlook.office.com/IMAP.AccessAsUser.All", "", "",
	  "", 4700, 0 },
	{ "life in quotes", 200, "{\"access_token\":\"a\",\"expires_in\":\"3600\"}", GRANT_TOKENS,
	  "a", "", "", "", "", "", 3600, 0 },
	{ "life with a fraction", 200, "{\"access_token\":\"a\",\"expires_in\":60.7}", GRANT_TOKENS,
	  "a", "", "", "", "", "", 60, 0 },
	{ "life not said", 200, "{\"access_token\":\"a\"}", GRANT_TOKENS, "a", "", "", "", "", "",
	  0, 0 },
	{ "life nonsense", 200, "{\"access_token\":\"a\",\"expires_in\":\"soon\"}", GRANT_TOKENS,
	  "a", "", "", "", "", "", 0, 0 },
	{ "life over", 200, "{\"access_token\":\"a\",\"expires_in\":-5}", GRANT_TOKENS, "a", "", "",
	  "", "", "", 1, 0 },
	{ "life for ever", 200, "{\"access_token\":\"a\",\"expires_in\":1e300}", GRANT_TOKENS, "a",
	  "", "", "", "", "", 315360000, 0 },
	{ "refresh token null", 200, "{\"access_token\":\"a\",\"refresh_token\":null}",
	  GRANT_TOKENS, "a", "", "", "", "", "", 0, 0 },
	{ "no access token", 200, "{\"refresh_token\":\"r\"}", GRANT_GARBAGE, "", "", "", "", "",
	  "", 0, 0 },
	{ "empty access token", 200, "{\"access_token\":\"\"}", GRANT_GARBAGE, "", "", "", "", "",
	  "", 0, 0 },
	{ "bound to a key", 200, "{\"access_token\":\"a\",\"token_type\":\"DPoP\"}", GRANT_GARBAGE,
	  "", "", "", "", "", "", 0, 0 },
	{ "a token that would end a SASL message", 200,
	  "{\"access_token\":\"a\\u0001auth=Bearer b\"}", GRANT_GARBAGE, "", "", "", "", "", "", 0,
	  0 },
	{ "a refresh token with a line end", 200,
	  "{\"access_token\":\"a\",\"refresh_token\":\"r\\r\\nX: y\"}", GRANT_GARBAGE, "", "", "",
	  "", "", "", 0, 0 },
	{ "tokens with a failing status", 500, "{\"access_token\":\"a\"}", GRANT_GARBAGE, "", "",
	  "", "", "", "", 0, 0 },
	{ "no JSON", 200, "<html>login</html>", GRANT_GARBAGE, "", "", "", "", "", "", 0, 0 },
	{ "half", 200, "{\"access_token\":\"a", GRANT_GARBAGE, "", "", "", "", "", "", 0, 0 },
	{ "nothing", 200, "", GRANT_GARBAGE, "", "", "", "", "", "", 0, 0 },
	{ "a list", 200, "[1]", GRANT_GARBAGE, "", "", "", "", "", "", 0, 0 },
	{ "no error either", 400, "{}", GRANT_GARBAGE, "", "", "", "", "", "", 0, 0 },
	{ "Google revoked", 400,
	  "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or "
	  "revoked.\"}",
	  GRANT_ERROR, "", "", "", "invalid_grant", "", "Token has been expired or revoked.", 0,
	  0 },
	{ "Google session control", 400,
	  "{\"error\":\"invalid_grant\",\"error_description\":\"reauth related error "
	  "(invalid_rapt)\",\"error_subtype\":\"invalid_rapt\"}",
	  GRANT_ERROR, "", "", "", "invalid_grant", "invalid_rapt",
	  "reauth related error (invalid_rapt)", 0, 0 },
	{ "Microsoft", 400,
	  "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS700082: The refresh token "
	  "has "
	  "expired due to inactivity.\\r\\nTrace ID: 1\",\"error_codes\":[700082],\"suberror\":"
	  "\"bad_token\"}",
	  GRANT_ERROR, "", "", "", "invalid_grant", "bad_token",
	  "AADSTS700082: The refresh token has expired due to inactivity.", 0, 700082 },
	{ "Microsoft, number in words only", 401,
	  "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: The provided "
	  "client "
	  "secret keys are expired.\"}",
	  GRANT_ERROR, "", "", "", "invalid_client", "",
	  "AADSTS7000222: The provided client secret keys are expired.", 0, 7000222 },
	{ "no number after all", 400,
	  "{\"error\":\"x\",\"error_description\":\"AADSTS\",\"error_codes\":[-3]}", GRANT_ERROR,
	  "", "", "", "x", "", "AADSTS", 0, 0 },
	{ "a gateway", 503,
	  "{\"error\":{\"code\":503,\"message\":\"The service is unavailable.\",\"status\":"
	  "\"UNAVAILABLE\"}}",
	  GRANT_ERROR, "", "", "", "UNAVAILABLE", "", "The service is unavailable.", 0, 0 },
	{ "an error with status 200", 200, "{\"error\":\"invalid_grant\"}", GRANT_ERROR, "", "", "",
	  "invalid_grant", "", "", 0, 0 },
	{ "an error of control characters", 400, "{\"error\":\"a\\u0007b\\u00e9\"}", GRANT_ERROR,
	  "", "", "", "a?b??", "", "", 0, 0 },
	{ "an error that is a number", 400, "{\"error\":7}", GRANT_GARBAGE, "", "", "", "", "", "",
	  0, 0 },
};

static void answers_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(answers); i++) {
		struct grant_answer a;

		grant_read(answers[i].status, text_of(answers[i].body), &a);
		if (a.kind != answers[i].kind ||
		    strcmp(secret_text(&a.access), answers[i].access) != 0 ||
		    strcmp(secret_text(&a.refresh), answers[i].refresh) != 0 ||
		    strcmp(a.scope, answers[i].scope) != 0 ||
		    strcmp(a.error, answers[i].error) != 0 ||
		    strcmp(a.suberror, answers[i].suberror) != 0 ||
		    strcmp(a.description, answers[i].description) != 0 ||
		    a.expires_in_s != answers[i].expires_in_s || a.aadsts != answers[i].aadsts)
			fail_msg("%s: kind %d error \"%s\" \"%s\" life %ld aadsts %d",
				 answers[i].name, (int)a.kind, a.error, a.description,
				 (long)a.expires_in_s, a.aadsts);
		grant_answer_clear(&a);
		assert_true(secret_is_empty(&a.access));
	}
}

/* Every beginning of a good answer is garbage, never half a token. */
static void a_cut_answer_is_garbage(void **state)
{
	const char *whole = answers[1].body;

	(void)state;
	for (size_t n = 0; n < strlen(whole); n++) {
		char *part =
			mem_text_n(whole, n); /* its own block, so that a read beyond it is seen */
		struct grant_answer a;

		grant_read(200, (struct text){ part, n }, &a);
		assert_int_equal(a.kind, GRANT_GARBAGE);
		assert_true(secret_is_empty(&a.access));
		grant_answer_clear(&a);
		free(part);
	}
}

static void an_enormous_token_is_garbage(void **state)
{
	char *body = mem_new(LIMIT_SECRET + 64);
	struct grant_answer a;
	int n = snprintf(body, 32, "{\"access_token\":\"");

	(void)state;
	memset(body + n, 'a', LIMIT_SECRET + 1);
	memcpy(body + n + LIMIT_SECRET + 1, "\"}", 3);
	grant_read(200, text_of(body), &a);
	assert_int_equal(a.kind, GRANT_GARBAGE);
	grant_answer_clear(&a);
	memmove(body + n + LIMIT_SECRET, "\"}", 3);
	grant_read(200, text_of(body), &a);
	assert_int_equal(a.kind, GRANT_TOKENS);
	assert_int_equal(a.access.len, LIMIT_SECRET);
	grant_answer_clear(&a);
	free(body);
}

static void what_was_sent_is_blanked(void **state)
{
	static const struct {
		const char *sent, *said, *want;
	} rows[] = {
		{ "1//0refresh-token", "no: 1//0refresh-token!", "no: *****************!" },
		{ "1//0refresh-token", "in refresh_token=1%2F%2F0refresh-token&x",
		  "in refresh_token=*********************&x" },
		{ "se\"cret+7%x&y", "not with se\"cret+7%x&y", "not with *************" },
		{ "", "said", "said" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_secret struct secret sent = { 0 };
		struct grant_answer a = { .kind = GRANT_ERROR };

		secret_set(&sent, rows[i].sent, strlen(rows[i].sent));
		snprintf(a.error, sizeof(a.error), "%s", rows[i].said);
		snprintf(a.description, sizeof(a.description), "%s", rows[i].said);
		grant_blank(&a, &sent);
		assert_string_equal(a.error, rows[i].want);
		assert_string_equal(a.description, rows[i].want);
	}
}

static void a_scope_is_looked_for(void **state)
{
	static const struct {
		const char *body, *required;
		bool has;
	} rows[] = {
		{ "{\"access_token\":\"a\",\"scope\":\"openid https://mail.acme.test/\"}",
		  "https://mail.acme.test/", true },
		{ "{\"access_token\":\"a\",\"scope\":\"openid,mail-r\"}", "mail-r", true },
		{ "{\"access_token\":\"a\",\"scope\":\"openid email\"}", "https://mail.acme.test/",
		  false },
		{ "{\"access_token\":\"a\",\"scope\":\"https://mail.acme.test/readonly\"}",
		  "https://mail.acme.test/", false },
		{ "{\"access_token\":\"a\",\"scope\":\"\"}", "mail-r", false },
		{ "{\"access_token\":\"a\"}", "mail-r", true }, /* section 5.1: as asked for */
		{ "{\"access_token\":\"a\",\"scope\":\"openid\"}", "", true },
		{ "{\"access_token\":\"a\",\"scope\":\"openid\"}", NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct oauth_provider p = { .required_scope = rows[i].required };
		struct grant_answer a;

		grant_read(200, text_of(rows[i].body), &a);
		if (grant_has_scope(&p, &a) != rows[i].has)
			fail_msg("%s against %s", rows[i].body, rows[i].required);
		grant_answer_clear(&a);
	}
}

#define NOW_S 1800000000

static int id_token_of(const char *claims, struct grant_identity *ret)
{
	cleanup_buf struct buf b;
	cleanup_secret struct secret token = { 0 };

	buf_init(&b, 4096);
	text_add(&b, TEXT("eyJhbGciOiJSUzI1NiJ9."));
	text_add_base64url(&b, claims, strlen(claims));
	text_add(&b, TEXT(".c2ln"));
	secret_set(&token, b.data, b.len);
	return grant_identity_of_id_token(&provider, &token, NOW_S, ret);
}

/* Microsoft: what the tenant's administrator may write there names nobody. */
static void an_account_of_a_tenant_is_named_by_its_ids(void **state)
{
	static const char claims[] =
		"{\"iss\":\"https://login.ms.test/t-1/v2.0\",\"aud\":\"c\",\"exp\":1800000100,"
		"\"tid\":\"t-1\",\"oid\":\"o-2\",\"sub\":\"x\",\"email\":\"ceo@victim.test\","
		"\"preferred_username\":\"Rep@acme.test\"}";
	const struct oauth_provider p = { .issuer = "https://login.ms.test/{tenantid}/v2.0",
					  .client_id = "c" };
	cleanup_buf struct buf b;
	cleanup_secret struct secret token = { 0 };
	struct grant_identity who;

	(void)state;
	buf_init(&b, 4096);
	text_add(&b, TEXT("e30."));
	text_add_base64url(&b, claims, strlen(claims));
	text_add(&b, TEXT(".c2ln"));
	secret_set(&token, b.data, b.len);
	assert_int_equal(grant_identity_of_id_token(&p, &token, NOW_S, &who), 0);
	assert_string_equal(who.address, "rep@acme.test");
	assert_string_equal(who.subject, "t-1/o-2");
}

#define HEAD "\"iss\":\"https://login.acme.test\",\"aud\":\"replyd & co\",\"exp\":1800000100,"

static void an_id_token_says_whose_it_is(void **state)
{
	static const struct {
		const char *name, *claims;
		int r;
		const char *address;
	} rows[] = {
		{ "plain", "{" HEAD "\"sub\":\"1\",\"email\":\"Anna@Acme.test\"}", 0,
		  "anna@acme.test" },
		{ "verified", "{" HEAD "\"email\":\"anna@acme.test\",\"email_verified\":true}", 0,
		  "anna@acme.test" },
		{ "not verified", "{" HEAD "\"email\":\"anna@acme.test\",\"email_verified\":false}",
		  0, "" },
		{ "not verified, in words",
		  "{" HEAD "\"email\":\"anna@acme.test\",\"email_verified\":\"False\"}", 0, "" },
		{ "Microsoft", "{" HEAD "\"preferred_username\":\"Anna@acme.test\"}", 0,
		  "anna@acme.test" },
		{ "Microsoft, older", "{" HEAD "\"preferred_username\":\"anna\",\"upn\":\"a@b\"}",
		  0, "a@b" },
		{ "no address", "{" HEAD "\"sub\":\"1\"}", 0, "" },
		{ "two at signs", "{" HEAD "\"email\":\"a@b@c\"}", 0, "" },
		{ "no local part", "{" HEAD "\"email\":\"@b.test\"}", 0, "" },
		{ "a line in it", "{" HEAD "\"email\":\"a\\n@b\"}", 0, "" },
		{ "in letters of its own", "{" HEAD "\"email\":\"\\u00e4@b\\u00fc.test\"}", 0,
		  "\xc3\xa4@xn--b-eha.test" },
		{ "one audience of several",
		  "{\"iss\":\"https://login.acme.test\",\"aud\":[\"x\",\"replyd & co\"],"
		  "\"exp\":1800000100,\"email\":\"a@b\"}",
		  0, "a@b" },
		{ "another client's",
		  "{\"iss\":\"https://login.acme.test\",\"aud\":\"x\",\"exp\":1800000100}", -EACCES,
		  "" },
		{ "other clients'",
		  "{\"iss\":\"https://login.acme.test\",\"aud\":[\"x\",7],\"exp\":1800000100}",
		  -EACCES, "" },
		{ "no audience", "{\"iss\":\"https://login.acme.test\",\"exp\":1800000100}",
		  -EACCES, "" },
		{ "another issuer",
		  "{\"iss\":\"https://evil.test\",\"aud\":\"replyd & co\",\"exp\":1800000100}",
		  -EACCES, "" },
		{ "expired",
		  "{\"iss\":\"https://login.acme.test\",\"aud\":\"replyd & co\","
		  "\"exp\":1799999000}",
		  -ETIME, "" },
		{ "expired within the skew of clocks",
		  "{\"iss\":\"https://login.acme.test\",\"aud\":\"replyd & co\","
		  "\"exp\":1799999900,\"email\":\"a@b\"}",
		  0, "a@b" },
		{ "never expires", "{\"iss\":\"https://login.acme.test\",\"aud\":\"replyd & co\"}",
		  -EBADMSG, "" },
		{ "not an object", "[1]", -EBADMSG, "" },
		{ "not JSON", "hello", -EBADMSG, "" },
	};
	cleanup_secret struct secret odd = { 0 };
	struct oauth_provider anyone = provider;
	struct grant_identity who;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		int r = id_token_of(rows[i].claims, &who);

		if (r != rows[i].r || (r == 0 && strcmp(who.address, rows[i].address) != 0))
			fail_msg("%s: %d \"%s\"", rows[i].name, r, r == 0 ? who.address : "");
	}
	secret_set_text(&odd, TEXT("only.two"));
	assert_int_equal(grant_identity_of_id_token(&provider, &odd, NOW_S, &who), -EBADMSG);
	secret_set_text(&odd, TEXT("a.!!!.c"));
	assert_int_equal(grant_identity_of_id_token(&provider, &odd, NOW_S, &who), -EBADMSG);

	/* No issuer configured: nothing to compare with. */
	anyone.issuer = NULL;
	secret_set_text(&odd,
			TEXT("e30.eyJhdWQiOiJyZXBseWQgJiBjbyIsImV4cCI6MTgwMDAwMDEwMCwic3ViIjoi"
			     "NyJ9.x"));
	assert_int_equal(grant_identity_of_id_token(&anyone, &odd, NOW_S, &who), 0);
	assert_string_equal(who.subject, "7");
}

static void userinfo_says_whose_it_is(void **state)
{
	struct grant_identity who;

	(void)state;
	assert_int_equal(grant_identity_of_userinfo(
				 TEXT("{\"sub\":\"s\\u0001\",\"email\":\"Rep@x.test\"}"), &who),
			 0);
	assert_string_equal(who.address, "rep@x.test");
	assert_string_equal(who.subject, "s?");
	assert_int_equal(grant_identity_of_userinfo(TEXT("<html>"), &who), -EBADMSG);
	assert_int_equal(grant_identity_of_userinfo((struct text){ 0 }, &who), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_forms),
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(a_cut_answer_is_garbage),
		cmocka_unit_test(an_enormous_token_is_garbage),
		cmocka_unit_test(what_was_sent_is_blanked),
		cmocka_unit_test(a_scope_is_looked_for),
		cmocka_unit_test(an_id_token_says_whose_it_is),
		cmocka_unit_test(an_account_of_a_tenant_is_named_by_its_ids),
		cmocka_unit_test(userinfo_says_whose_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
