#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oauth/connect.h"

static const struct oauth_provider provider = {
	.name = "acme",
	.auth = "oauth",
	.authorize_url = "https://login.acme.test/authorize",
	.token_url = "https://login.acme.test/token",
	.issuer = "https://login.acme.test",
	.client_id = "replyd & co",
	.scopes = "openid email https://mail.acme.test/",
	.required_scope = "https://mail.acme.test/",
	.authorize_params = "access_type=offline&prompt=consent",
};

/* RFC 7636 appendix B: the published verifier and its challenge. */
static void the_challenge_is_the_published_one(void **state)
{
	static const uint8_t seed[CONNECT_SEED] = {
		116, 24,  223, 180, 151, 153, 224, 37,  79, 250, 96, 125, 216, 173, 187, 186,
		22,  212, 37,  77,  105, 214, 191, 240, 91, 88,  5,  88,  83,  132, 141, 121,
	};
	uint8_t other[CONNECT_SEED] = { 1 };
	struct connect_start s;

	(void)state;
	connect_begin(other, seed, &s);
	assert_string_equal(s.verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
	assert_string_equal(s.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
	assert_int_equal(strlen(s.state), 43);
	assert_string_not_equal(s.state, s.verifier);
}

static void the_authorize_url_names_everything(void **state)
{
	static const struct connect_start s = { "st-1", "secret-verifier", "ch_1" };
	struct oauth_provider odd = provider;
	cleanup_buf struct buf b, small;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(connect_authorize_url(&provider, &s, "https://r.test/oauth/callback",
					       "Anna+x@acme.test", &b),
			 0);
	assert_string_equal((char *)b.data,
			    "https://login.acme.test/authorize?response_type=code"
			    "&client_id=replyd%20%26%20co"
			    "&redirect_uri=https%3A%2F%2Fr.test%2Foauth%2Fcallback"
			    "&scope=openid%20email%20https%3A%2F%2Fmail.acme.test%2F&state=st-1"
			    "&code_challenge=ch_1&code_challenge_method=S256"
			    "&login_hint=Anna%2Bx%40acme.test&access_type=offline&prompt=consent");
	assert_null(strstr((char *)b.data, "secret-verifier"));

	buf_cut(&b, 0);
	odd.authorize_url = "https://x.test/a?tenant=7";
	odd.authorize_params = NULL;
	odd.scopes = "";
	assert_int_equal(connect_authorize_url(&odd, &s, "https://r.test/cb", NULL, &b), 0);
	assert_string_equal((char *)b.data,
			    "https://x.test/a?tenant=7&response_type=code"
			    "&client_id=replyd%20%26%20co&redirect_uri=https%3A%2F%2Fr.test%2Fcb"
			    "&state=st-1&code_challenge=ch_1&code_challenge_method=S256");

	buf_cut(&b, 0);
	odd.client_id = "";
	assert_int_equal(connect_authorize_url(&odd, &s, "https://r.test/cb", NULL, &b), -EINVAL);
	odd.client_id = "c";
	odd.authorize_url = NULL;
	assert_int_equal(connect_authorize_url(&odd, &s, "https://r.test/cb", NULL, &b), -EINVAL);
	assert_int_equal(b.len, 0);

	buf_init(&small, 60);
	assert_int_equal(connect_authorize_url(&provider, &s, "https://r.test/cb", NULL, &small),
			 -ENOBUFS);
	assert_int_equal(small.len, 0);
}

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void a_return_url_leads_where_its_giver_wanted(void **state)
{
	static const struct {
		const char *url;
		bool fine;
	} rows[] = {
		{ "https://app.acme.test/done", true },
		{ "https://app.acme.test/done?team=7&x=%20", true },
		{ "HTTPS://app.acme.test", true },
		{ "https://app.acme.test:8443/", true },
		{ "https://[2001:db8::1]:8443/", true },
		{ "http://localhost:3000/done", true },
		{ "http://127.0.0.1/done", true },
		{ "http://[::1]:3000/done", true },
		{ "", false },
		{ "/done", false },
		{ "//evil.test/done", false },
		{ "javascript:alert(1)", false },
		{ "data:text/html,x", false },
		{ "https:/evil.test", false },
		{ "https://", false },
		{ "https:///evil.test", false },
		{ "https://good.test@evil.test/", false },
		{ "https://user:pw@evil.test/", false },
		{ "https://good.test\\@evil.test/", false },
		{ "https://good.test/\\evil.test", false },
		{ "https://good.test/#fragment", false },
		{ "https://good.test/a b", false },
		{ "https://good.test/\r\nSet-Cookie: x", false },
		{ "https://good.test/\xc3\xa4", false },
		{ "https://good.test:0/", false },
		{ "https://good.test:65536/", false },
		{ "https://good.test:/", false },
		{ "https://good.test:80x/", false },
		{ "https://go_od.test/", true },
		{ "https://good..test/", false },
		{ "https://127.1/", false },
		{ "https://[127.0.0.1]/", false },
		{ "https://" L63 "." L63 "." L63 "." L63 "." L63 "/", false },
		{ "https://[::1/", false },
		{ "https://[]/", false },
		{ "https://[::1]x/", false },
		{ "https://[evil]/", false },
		{ "http://app.acme.test/done", false },
		{ "http://127.0.0.1.evil.test/", false },
		{ "http://localhost.evil.test/", false },
		{ " https://good.test/", false },
	};
	char longest[2100];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *why = connect_return_refused(rows[i].url);

		if ((why == NULL) != rows[i].fine)
			fail_msg("\"%s\": %s", rows[i].url, why ? why : "accepted");
	}
	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(longest, "https://good.test/", 18);
	longest[2048] = '\0';
	assert_null(connect_return_refused(longest));
	longest[2048] = 'a';
	longest[2049] = '\0';
	assert_non_null(connect_return_refused(longest));
}

static void the_browser_is_sent_back_with_the_result(void **state)
{
	cleanup_buf struct buf b, small;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(connect_return_url("https://a.test/x?y=1", "id-1", NULL, &b), 0);
	assert_string_equal((char *)b.data,
			    "https://a.test/x?y=1&state=connected&connect_link_id=id-1");
	buf_cut(&b, 0);
	assert_int_equal(connect_return_url("https://a.test", "id-1", "wrong_account", &b), 0);
	assert_string_equal((char *)b.data, "https://a.test?state=failed&connect_link_id=id-1"
					    "&problem=wrong_account");
	assert_int_equal(connect_return_url("//evil.test", "id-1", NULL, &b), -EINVAL);
	buf_init(&small, 20);
	assert_int_equal(connect_return_url("https://a.test", "id-1", NULL, &small), -ENOBUFS);
	assert_int_equal(small.len, 0);
}

static void the_redirect_uri_is_ours(void **state)
{
	static const struct {
		const char *url, *want;
	} rows[] = {
		{ "https://replyd.test", "https://replyd.test/oauth/callback" },
		{ "https://replyd.test/", "https://replyd.test/oauth/callback" },
		{ "https://replyd.test/in/", "https://replyd.test/in/oauth/callback" },
		{ "http://127.0.0.1:8025", "http://127.0.0.1:8025/oauth/callback" },
		{ "http://replyd.test", NULL }, /* a code over plain http would be anybody's */
		{ "https://replyd.test?x", NULL },
		{ "", NULL },
	};
	struct buf small;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_buf struct buf b;
		int r;

		buf_init(&b, 256);
		r = connect_redirect_uri(rows[i].url, &b);
		if (r != (rows[i].want ? 0 : -EINVAL) ||
		    (rows[i].want && strcmp((char *)b.data, rows[i].want) != 0))
			fail_msg("\"%s\": %d", rows[i].url, r);
	}
	buf_init(&small, 24);
	assert_int_equal(connect_redirect_uri("https://replyd.test", &small), -ENOBUFS);
	assert_int_equal(small.len, 0);
	buf_clear(&small);
}

static void the_callback_is_read_with_suspicion(void **state)
{
	static const struct {
		const char *name;
		struct connect_callback c;
		enum connect_problem want;
		const char *detail;
	} rows[] = {
		{ "a code", { .code = "abc" }, CONNECT_OK, "" },
		{ "a code and the right issuer",
		  { .code = "abc", .iss = "https://login.acme.test" },
		  CONNECT_OK,
		  "" },
		{ "another issuer",
		  { .code = "abc", .iss = "https://evil.test" },
		  CONNECT_ISSUER_MISMATCH,
		  "iss https://evil.test" },
		{ "another issuer, with an error",
		  { .error = "access_denied", .iss = "https://evil.test" },
		  CONNECT_ISSUER_MISMATCH,
		  "iss https://evil.test" },
		{ "an issuer that only begins alike",
		  { .code = "abc", .iss = "https://login.acme.test.evil.test" },
		  CONNECT_ISSUER_MISMATCH,
		  "iss https://login.acme.test.evil.test" },
		{ "nothing", { 0 }, CONNECT_ANSWER_UNUSABLE, "neither code nor error" },
		{ "an empty code",
		  { .code = "" },
		  CONNECT_ANSWER_UNUSABLE,
		  "neither code nor error" },
		{ "declined",
		  { .error = "access_denied", .error_description = "The user said\r\nno" },
		  CONNECT_CONSENT_DECLINED,
		  "access_denied: The user said??no" },
		{ "declined without words",
		  { .error = "access_denied" },
		  CONNECT_CONSENT_DECLINED,
		  "access_denied" },
		{ "an error beside a code",
		  { .code = "abc", .error = "access_denied" },
		  CONNECT_CONSENT_DECLINED,
		  "access_denied" },
		{ "Microsoft wants an administrator",
		  { .error = "access_denied",
		    .error_description = "AADSTS90094: The grant requires admin permission." },
		  CONNECT_ADMIN_CONSENT,
		  "access_denied: AADSTS90094: The grant requires admin permission." },
		{ "Google's administrator forbids it",
		  { .error = "admin_policy_enforced" },
		  CONNECT_ADMIN_CONSENT,
		  "admin_policy_enforced" },
		{ "down",
		  { .error = "temporarily_unavailable" },
		  CONNECT_PROVIDER_DOWN,
		  "temporarily_unavailable" },
		{ "our scope is wrong",
		  { .error = "invalid_scope" },
		  CONNECT_OUR_CLIENT_REFUSED,
		  "invalid_scope" },
		{ "our redirect is wrong",
		  { .error = "redirect_uri_mismatch" },
		  CONNECT_OUR_CLIENT_REFUSED,
		  "redirect_uri_mismatch" },
		{ "an error of nobody's", { .error = "ghost" }, CONNECT_ANSWER_UNUSABLE, "ghost" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char detail[200];
		enum connect_problem p = connect_check_callback(&provider, &rows[i].c, detail);

		if (p != rows[i].want || strcmp(detail, rows[i].detail) != 0)
			fail_msg("%s: %s, \"%s\"", rows[i].name, connect_problem_code(p), detail);
	}
}

static void an_issuer_may_have_a_hole_for_the_tenant(void **state)
{
	static const struct {
		const char *mine, *iss, *tenant;
		bool same;
	} rows[] = {
		{ "https://a.test", "https://a.test", "", true },
		{ "https://a.test", "https://a.test/", "", false },
		{ "https://a.test", "", "", false },
		{ "https://ms.test/{tenantid}/v2.0", "https://ms.test/7e57/v2.0", "7e57", true },
		{ "https://ms.test/{tenantid}/v2.0", "https://ms.test/7e57/v2.0", "", true },
		{ "https://ms.test/{tenantid}/v2.0", "https://ms.test/7e57/v2.0", "other", false },
		{ "https://ms.test/{tenantid}/v2.0", "https://ms.test//v2.0", "", false },
		{ "https://ms.test/{tenantid}/v2.0", "https://ms.test/a/b/v2.0", "", false },
		{ "https://ms.test/{tenantid}/v2.0", "https://ms.evil/7e57/v2.0", "7e57", false },
		{ "https://ms.test/{tenantid}/v2.0", "https://ms.test/7e57/v1.0", "7e57", false },
		{ "https://ms.test/{tenantid}/v2.0", "https", "", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct oauth_provider p = { .issuer = rows[i].mine };

		if (connect_issuer_is(&p, text_of(rows[i].iss), text_of(rows[i].tenant)) !=
		    rows[i].same)
			fail_msg("%s against %s, tenant \"%s\"", rows[i].iss, rows[i].mine,
				 rows[i].tenant);
	}
}

static void an_issuer_is_one_providers(void **state)
{
	const struct oauth_provider all[] = { { .name = "silent" },
					      { .name = "unsaid", .issuer = "" },
					      { .name = "a", .issuer = "https://a.test" },
					      { .name = "ms",
						.issuer = "https://ms.test/{tenantid}/v2.0" } };

	(void)state;
	assert_ptr_equal(connect_issuer_of(all, 4, TEXT("https://a.test")), &all[2]);
	assert_ptr_equal(connect_issuer_of(all, 4, TEXT("https://ms.test/7e57/v2.0")), &all[3]);
	assert_null(connect_issuer_of(all, 4, TEXT("https://b.test")));
	assert_null(connect_issuer_of(all, 4, TEXT("")));
	assert_null(connect_issuer_of(all, 0, TEXT("https://a.test")));
}

static void every_problem_has_a_code(void **state)
{
	(void)state;
	assert_string_equal(connect_problem_code(CONNECT_OK), "");
	for (int p = CONNECT_OK + 1; p <= CONNECT_INTERNAL; p++) {
		const char *code = connect_problem_code((enum connect_problem)p);

		assert_true(strlen(code) > 3);
		for (int other = CONNECT_OK; other < p; other++)
			assert_string_not_equal(connect_problem_code((enum connect_problem)other),
						code);
	}
	/* Published in docs/interfaces.md and kept by customers. */
	assert_string_equal(connect_problem_code(CONNECT_CONSENT_DECLINED), "consent_declined");
	assert_string_equal(connect_problem_code(CONNECT_WRONG_ACCOUNT), "wrong_account");
	assert_string_equal(connect_problem_code(CONNECT_MISSING_SCOPE), "missing_scope");
	assert_string_equal(connect_problem_code(CONNECT_STATE_UNKNOWN), "state_unknown");
	assert_string_equal(connect_problem_code(CONNECT_CODE_REFUSED), "code_refused");
	assert_string_equal(connect_problem_code(CONNECT_PROVIDER_DOWN), "provider_down");
	assert_string_equal(connect_problem_code(CONNECT_OUR_CLIENT_REFUSED), "our_client_refused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_challenge_is_the_published_one),
		cmocka_unit_test(the_authorize_url_names_everything),
		cmocka_unit_test(a_return_url_leads_where_its_giver_wanted),
		cmocka_unit_test(the_browser_is_sent_back_with_the_result),
		cmocka_unit_test(the_redirect_uri_is_ours),
		cmocka_unit_test(the_callback_is_read_with_suspicion),
		cmocka_unit_test(an_issuer_may_have_a_hole_for_the_tenant),
		cmocka_unit_test(an_issuer_is_one_providers),
		cmocka_unit_test(every_problem_has_a_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
