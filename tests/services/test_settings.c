#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/settings_preset.h"

static char *none[] = { NULL };

static int load(struct settings *s, const char *set, char why[512])
{
	return settings_load(s, NULL, none, &set, set ? 1 : 0, why);
}

static void defaults_hold(void **state)
{
	struct settings s;
	char why[512];

	(void)state;
	assert_int_equal(load(&s, NULL, why), 0);
	assert_int_equal(s.api_port, 8025);
	assert_string_equal(s.api_public_url, "http://127.0.0.1:8025");
	assert_int_equal(s.n_retries, 10);
	assert_int_equal(s.retry_ms[2], 300000);
	assert_int_equal(s.ingest_lookback_ms, 14ULL * 86400000);
	assert_int_equal(s.policy.n_allowed, 0);
	settings_clear(&s);
}

static const struct {
	const char *name, *set, *says, *and_says;
} refused[] = {
	{ "unknown key", "api.prot=1", "api.prot", "api.port" },
	{ "not a number", "api.port=many", "api.port", NULL },
	{ "out of range", "api.port=70000", "api.port", "65535" },
	{ "bad network", "net.allow=localhost", "net.allow", "127.0.0.0/8" },
	{ "bad retry", "dispatch.retry=0s soon", "dispatch.retry", "soon" },
	{ "no retry", "dispatch.retry=", "dispatch.retry", NULL },
	{ "a lease shorter than three heartbeats", "ingest.lease=4s", "ingest.lease", "heartbeat" },
	{ "freshness no proof can reach", "gate.freshness=30s", "gate.freshness", "ingest.proof" },
	{ "proofs without a pause", "ingest.proof=100ms", "ingest.proof", "500ms" },
	{ "IDLE without a pause", "ingest.idle_renew=100ms", "ingest.idle_renew", "1s" },
	{ "a provider without a host", "provider.x.client_id=a", "provider.x.imap_host", NULL },
	{ "oauth without its URLs", "provider.x.imap_host=h", "provider.x", "authorize_url" },
	{ "a known provider, oauth without its URLs", "provider.gmx.client_id=a", "provider.gmx",
	  "authorize_url" },
	{ "a host that is a URL", "provider.x.imap_host=imaps://mail.example.test",
	  "provider.x.imap_host", "without scheme" },
	{ "a host that is a number", "provider.x.imap_host=2130706433", "provider.x.imap_host",
	  "not the name" },
	{ "a domain that is none", "provider.gmx.domains=gmx.test, @gmx.test",
	  "provider.gmx.domains", "no domain" },
	{ "an IDLE longer than RFC 2177 has it", "provider.gmail.idle_renew=30m",
	  "provider.gmail.idle_renew", "out of range" },
	{ "half a second", "provider.gmail.proof=500ms", "provider.gmail.proof", "whole seconds" },
	{ "a public URL without TLS", "api.public_url=http://replyd.example", "api.public_url",
	  "https" },
	{ "a public URL with a path", "api.public_url=https://x.example/replyd", "api.public_url",
	  "has a path" },
	{ "a public URL that is none", "api.public_url=replyd.example", "api.public_url", "https" },
	{ "an open address without a public URL", "api.address=0.0.0.0", "api.public_url",
	  "https" },
	{ "not name=value", "api.port", "name=value", NULL },
};

static void mistakes_name_setting_and_remedy(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(refused); i++) {
		struct settings s;
		char why[512] = "";

		if (load(&s, refused[i].set, why) == 0)
			fail_msg("%s: accepted", refused[i].name);
		if (!strstr(why, refused[i].says) ||
		    (refused[i].and_says && !strstr(why, refused[i].and_says)))
			fail_msg("%s: says \"%s\"", refused[i].name, why);
	}
}

static void the_public_url_is_made_or_trimmed(void **state)
{
	static const struct {
		const char *set, *url;
	} rows[] = {
		{ "api.address=::1", "http://[::1]:8025" },
		{ "api.port=99", "http://127.0.0.1:99" },
		{ "api.port=0", "" },
		{ "api.public_url=https://x.example//", "https://x.example" },
		{ "api.public_url=http://localhost:9/", "http://localhost:9" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct settings s;
		char why[512] = "";

		if (load(&s, rows[i].set, why) != 0 || strcmp(s.api_public_url, rows[i].url) != 0)
			fail_msg("%s: %s %s", rows[i].set, s.api_public_url, why);
		settings_clear(&s);
	}
}

static void a_provider_is_read(void **state)
{
	static const char *const sets[] = { "provider.box.imap_host=mail.example.test",
					    "provider.box.auth=password",
					    "provider.box.imap_security=starttls",
					    "provider.box.imap_port=143",
					    "provider.box.client_secret_file=/x/y" };
	struct oauth_provider p[4];
	struct settings s;
	char why[512];

	(void)state;
	assert_int_equal(settings_load(&s, NULL, none, sets, countof(sets), why), 0);
	assert_int_equal(settings_providers(&s, p, countof(p)), 1);
	assert_string_equal(p[0].name, "box");
	assert_string_equal(p[0].imap_host, "mail.example.test");
	assert_int_equal(p[0].imap_port, 143);
	assert_string_equal(settings_client_secret_file(&s, "box"), "/x/y");
	assert_null(settings_client_secret_file(&s, "other"));
	settings_clear(&s);
}

/* Whether sessions die with their tokens, where somebody knows, says or has to assume it. */
static void a_session_may_end_with_its_token(void **state)
{
	static const struct {
		const char *name, *auth, *said;
		bool ends;
	} rows[] = {
		{ "box", "oauth", "auto", true },         { "box", "oauth", "off", false },
		{ "box", "password", "auto", false },     { "generic", "oauth", "auto", true },
		{ "generic", "password", "auto", false }, { "gmail", "oauth", "auto", true },
		{ "gmail", "oauth", "off", false },       { "fastmail", "oauth", "on", true },
		{ "fastmail", "oauth", "auto", false },
	};
	struct settings s;
	char why[512];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char sets[6][100];
		const char *const at[] = { sets[0], sets[1], sets[2], sets[3], sets[4], sets[5] };
		const char *name = rows[i].name;

		(void)snprintf(sets[0], 100, "provider.%s.imap_host=h", name);
		(void)snprintf(sets[1], 100, "provider.%s.client_id=c", name);
		(void)snprintf(sets[2], 100, "provider.%s.authorize_url=https://a.test/", name);
		(void)snprintf(sets[3], 100, "provider.%s.token_url=https://t.test/", name);
		(void)snprintf(sets[4], 100, "provider.%s.auth=%s", name, rows[i].auth);
		(void)snprintf(sets[5], 100, "provider.%s.session_ends_with_token=%s", name,
			       rows[i].said);
		if (settings_load(&s, NULL, none, at, countof(at), why) != 0)
			fail_msg("%s", why);
		if (provider_table_find(&s.providers, text_of(name))->session_ends_with_token !=
		    rows[i].ends)
			fail_msg("%s, %s, %s", name, rows[i].auth, rows[i].said);
		settings_clear(&s);
	}
}

/* What is said of a provider lies over what is known of it, and nothing else changes. */
static void a_known_provider_is_changed(void **state)
{
	static const char *const sets[] = { "provider.yahoo.proof=30s",
					    "provider.yahoo.connections=1",
					    "provider.gmx.domains=gmx.test .gmx.example",
					    "provider.gmx.imap_security=starttls",
					    "provider.microsoft.sweep=20m",
					    "provider.generic.idle_renew=5m" };
	const struct provider_row *row;
	struct oauth_provider p[8];
	struct settings s;
	char why[512];

	(void)state;
	if (settings_load(&s, NULL, none, sets, countof(sets), why) != 0)
		fail_msg("%s", why);
	row = provider_table_find(&s.providers, TEXT("yahoo"));
	assert_string_equal(row->imap.host, "imap.mail.yahoo.com");
	assert_int_equal(row->imap.port, 993);
	assert_int_equal(row->proof_s, 30);
	assert_int_equal(row->idle_renew_s, 180);
	assert_int_equal(row->connections, 1);
	assert_int_equal(row->auth, PROVIDER_AUTH_PASSWORD); /* we are no client there */

	row = provider_table_of_domain(&s.providers, TEXT("GMX.test"));
	assert_non_null(row);
	assert_string_equal(row->name, "gmx");
	assert_int_equal(row->imap.port, 143);
	assert_int_equal(row->imap.security, PROVIDER_STARTTLS);
	assert_ptr_equal(provider_table_of_domain(&s.providers, TEXT("a.gmx.example")), row);
	/* the static row's names still lead to it */
	assert_ptr_equal(provider_table_of_domain(&s.providers, TEXT("gmx.de")), row);
	assert_ptr_equal(provider_table_of_mx(&s.providers, TEXT("mx00.gmx.net")), row);
	assert_null(provider_table_of_domain(&s.providers, TEXT("gmx.example")));

	/* a name that nobody knows is generic as it is wanted here */
	assert_int_equal(provider_table_find(&s.providers, TEXT("box"))->idle_renew_s, 300);
	assert_false(provider_table_has(&s.providers, TEXT("box")));
	assert_int_equal(provider_table_find(NULL, TEXT("generic"))->idle_renew_s, 540);

	/* where neither OAuth nor passwords work, no inbox can be connected */
	assert_int_equal(settings_providers(&s, p, countof(p)), 3);
	assert_string_equal(p[0].name, "yahoo");
	assert_string_equal(p[0].auth, "password");
	assert_string_equal(p[0].imap_host, "imap.mail.yahoo.com");
	assert_string_equal(p[1].name, "gmx");
	assert_string_equal(p[2].name, "generic");
	settings_clear(&s);
}

static void our_client_makes_it_oauth(void **state)
{
	static const char *const sets[] = { "provider.gmail.client_id=c",
					    "provider.gmail.authorize_url=https://a.test/",
					    "provider.gmail.token_url=https://t.test/" };
	static const char *const only[] = { "provider.gmail.client_id=c",
					    "provider.gmail.authorize_url=https://a.test/",
					    "provider.gmail.token_url=https://t.test/",
					    "provider.gmail.auth=oauth" };
	struct oauth_provider p[2];
	struct settings s;
	char why[512];

	(void)state;
	assert_int_equal(settings_load(&s, NULL, none, sets, countof(sets), why), 0);
	assert_int_equal(settings_providers(&s, p, countof(p)), 1);
	assert_string_equal(p[0].auth, "oauth");
	assert_string_equal(p[0].imap_host, "imap.gmail.com");
	/* An app password stays another way, unless it is said that there is none. */
	assert_int_equal(provider_table_find(&s.providers, TEXT("gmail"))->auth,
			 PROVIDER_AUTH_OAUTH | PROVIDER_AUTH_PASSWORD);
	settings_clear(&s);
	assert_int_equal(settings_load(&s, NULL, none, only, countof(only), why), 0);
	assert_int_equal(provider_table_find(&s.providers, TEXT("gmail"))->auth,
			 PROVIDER_AUTH_OAUTH);
	settings_clear(&s);
}

static const struct {
	const char *name, *sets[4];
	const char *authorize_url, *token_url, *issuer, *scopes, *required, *params, *device;
	const char *redirect; /* that a refresh names; NULL: none */
} known_clients[] = {
	{ .name = "gmail",
	  .authorize_url = "https://accounts.google.com/o/oauth2/v2/auth",
	  .token_url = "https://oauth2.googleapis.com/token",
	  .issuer = "https://accounts.google.com",
	  .scopes = "openid email https://mail.google.com/",
	  .required = "https://mail.google.com/",
	  .params = "access_type=offline&prompt=consent",
	  .device = "" },
	{ .name = "microsoft",
	  .authorize_url = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
	  .token_url = "https://login.microsoftonline.com/common/oauth2/v2.0/token",
	  .issuer = "https://login.microsoftonline.com/{tenantid}/v2.0",
	  .scopes = "openid profile email offline_access "
		    "https://outlook.office.com/IMAP.AccessAsUser.All "
		    "https://outlook.office.com/SMTP.Send",
	  .required = "https://outlook.office.com/IMAP.AccessAsUser.All",
	  .params = "prompt=select_account",
	  .device = "https://login.microsoftonline.com/common/oauth2/v2.0/devicecode" },
	{ .name = "microsoft",
	  .sets = { "provider.microsoft.tenant=consumers",
		    "provider.microsoft.authorize_params=prompt=login" },
	  .authorize_url = "https://login.microsoftonline.com/consumers/oauth2/v2.0/authorize",
	  .token_url = "https://login.microsoftonline.com/consumers/oauth2/v2.0/token",
	  .issuer = "https://login.microsoftonline.com/{tenantid}/v2.0",
	  .scopes = "openid profile email offline_access "
		    "https://outlook.office.com/IMAP.AccessAsUser.All "
		    "https://outlook.office.com/SMTP.Send",
	  .required = "https://outlook.office.com/IMAP.AccessAsUser.All",
	  .params = "prompt=login",
	  .device = "https://login.microsoftonline.com/consumers/oauth2/v2.0/devicecode" },
	{ .name = "microsoft-gcc-high",
	  .authorize_url = "https://login.microsoftonline.us/common/oauth2/v2.0/authorize",
	  .token_url = "https://login.microsoftonline.us/common/oauth2/v2.0/token",
	  .issuer = "https://login.microsoftonline.us/{tenantid}/v2.0",
	  .scopes = "openid profile email offline_access "
		    "https://outlook.office365.us/IMAP.AccessAsUser.All "
		    "https://outlook.office365.us/SMTP.Send",
	  .required = "https://outlook.office365.us/IMAP.AccessAsUser.All",
	  .params = "prompt=select_account",
	  .device = "https://login.microsoftonline.us/common/oauth2/v2.0/devicecode" },
	{ .name = "yahoo",
	  .authorize_url = "https://api.login.yahoo.com/oauth2/request_auth",
	  .token_url = "https://api.login.yahoo.com/oauth2/get_token",
	  .issuer = "",
	  .scopes = "mail-w",
	  .required = "mail-w",
	  .params = "",
	  .device = "",
	  .redirect = "http://127.0.0.1:8025/oauth/callback" },
	{ .name = "fastmail", /* an empty value is one by hand, too */
	  .sets = { "provider.fastmail.required_scope=" },
	  .authorize_url = "https://api.fastmail.com/oauth/authorize",
	  .token_url = "https://api.fastmail.com/oauth/refresh",
	  .issuer = "https://api.fastmail.com",
	  .scopes = "https://www.fastmail.com/dev/protocol-imap "
		    "https://www.fastmail.com/dev/protocol-smtp",
	  .required = "",
	  .params = "",
	  .device = "" },
	{ .name = "gmail", /* a token endpoint of one's own: no address of Google's beside it */
	  .sets = { "provider.gmail.token_url=https://t.test/",
		    "provider.gmail.authorize_url=https://a.test/" },
	  .authorize_url = "https://a.test/",
	  .token_url = "https://t.test/",
	  .issuer = "",
	  .scopes = "openid email https://mail.google.com/",
	  .required = "https://mail.google.com/",
	  .params = "access_type=offline&prompt=consent",
	  .device = "" },
};

/* Our client's name is all that a known provider needs; what is said by hand wins. */
static void a_known_provider_needs_our_client_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(known_clients); i++) {
		const char *sets[5], *name = known_clients[i].name;
		char client[80], why[512] = "";
		struct oauth_provider p;
		struct settings s;
		size_t n = 0;

		(void)snprintf(client, sizeof(client), "provider.%s.client_id=c", name);
		sets[n++] = client;
		for (size_t k = 0; known_clients[i].sets[k]; k++)
			sets[n++] = known_clients[i].sets[k];
		if (settings_load(&s, NULL, none, sets, n, why) != 0)
			fail_msg("row %zu, %s: %s", i, name, why);
		assert_int_equal(settings_providers(&s, &p, 1), 1);
		assert_string_equal(p.auth, "oauth");
		assert_string_equal(p.authorize_url, known_clients[i].authorize_url);
		assert_string_equal(p.token_url, known_clients[i].token_url);
		assert_string_equal(p.issuer, known_clients[i].issuer);
		assert_string_equal(p.scopes, known_clients[i].scopes);
		assert_string_equal(p.required_scope, known_clients[i].required);
		assert_string_equal(p.authorize_params, known_clients[i].params);
		assert_string_equal(p.device_authorization_url, known_clients[i].device);
		assert_int_equal(p.refresh_redirect_uri != NULL, known_clients[i].redirect != NULL);
		if (p.refresh_redirect_uri)
			assert_string_equal(p.refresh_redirect_uri, known_clients[i].redirect);
		settings_clear(&s);
	}
}

static const char *source_of(const struct settings *s, const char *name)
{
	struct conf_at at = { 0 };

	while (conf_next(s->conf, &at))
		if (strcmp(at.name, name) == 0)
			return at.source;
	return "";
}

static void what_is_known_says_so(void **state)
{
	static const char *const sets[] = { "provider.microsoft.client_id=c",
					    "provider.microsoft.scopes=openid offline_access" };
	struct settings s;
	char why[512];

	(void)state;
	assert_int_equal(settings_load(&s, NULL, none, sets, countof(sets), why), 0);
	assert_string_equal(source_of(&s, "provider.microsoft.token_url"), "preset");
	assert_string_equal(source_of(&s, "provider.microsoft.scopes"), "--set");
	assert_string_equal(source_of(&s, "provider.microsoft.userinfo_url"), "default");
	settings_clear(&s);
}

static void a_domain_is_opened_as_known_or_as_said(void **state)
{
	static const struct {
		const char *set, *name;
		bool is;
		const char *access, *token_url;
	} rows[] = {
		{ NULL, "microsoft", true, "app_only",
		  "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token" },
		{ NULL, "microsoft-china", true, "app_only",
		  "https://login.partner.microsoftonline.cn/{tenant}/oauth2/v2.0/token" },
		{ NULL, "gmail", true, "delegated", "https://oauth2.googleapis.com/token" },
		{ NULL, "yahoo", false, "", "" },
		{ NULL, "nobody", false, "", "" },
		{ "provider.gmail.domain_access=none", "gmail", false, "", "" },
		{ "provider.gmail.domain_token_url=https://t.test/", "gmail", true, "delegated",
		  "https://t.test/" },
		{ "provider.yahoo.domain_access=app_only", "yahoo", false, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct domain_provider d;
		struct settings s;
		char why[512] = "";

		if (load(&s, rows[i].set, why) != 0)
			fail_msg("row %zu: %s", i, why);
		if (settings_preset_domain(&s, rows[i].name, &d) != rows[i].is)
			fail_msg("row %zu", i);
		if (rows[i].is) {
			assert_string_equal(preset_domain_name(d.kind), rows[i].access);
			assert_string_equal(d.token_url, rows[i].token_url);
		}
		settings_clear(&s);
	}
}

static void one_request_names_one_resource(void **state)
{
	static const char *const sets[] = {
		"provider.microsoft.client_id=c",
		"provider.microsoft.scopes=openid https://outlook.office.com/IMAP.AccessAsUser.All "
		"https://graph.microsoft.com/Mail.Read"
	};
	static const char *const no_tenant[] = { "provider.microsoft.client_id=c",
						 "provider.microsoft.tenant=../evil" };
	struct settings s;
	char why[512] = "";

	(void)state;
	assert_int_not_equal(settings_load(&s, NULL, none, sets, countof(sets), why), 0);
	assert_non_null(strstr(why, "AADSTS700022"));
	assert_int_not_equal(settings_load(&s, NULL, none, no_tenant, countof(no_tenant), why), 0);
	assert_non_null(strstr(why, "provider.microsoft.tenant"));
}

/* What `replyd up` writes for its children reads back as the same settings. */
static void written_settings_read_back(void **state)
{
	static const char *const sets[] = { "gate.freshness=190s", "net.allow=127.0.0.0/8",
					    "provider.box.imap_host=h",
					    "provider.box.auth=password" };
	static char key[] = "REPLYD_API_KEY=rk_live_x"; /* nobody's business but the command's */
	char *env[] = { key, NULL };
	struct settings a, b;
	char path[] = "/tmp/replyd-settings-XXXXXX", why[512];
	FILE *f;

	(void)state;
	assert_int_equal(settings_load(&a, NULL, env, sets, countof(sets), why), 0);
	assert_string_equal(a.api_key, "rk_live_x");
	f = fdopen(mkstemp(path), "w");
	assert_non_null(f);
	settings_write(&a, "host='/tmp/x y' port=5432", f);
	fclose(f);
	if (settings_load(&b, path, none, NULL, 0, why) != 0)
		fail_msg("%s", why);
	unlink(path);
	assert_string_equal(b.database_url, "host='/tmp/x y' port=5432");
	assert_int_equal(b.gate_freshness_ms, 190000);
	assert_int_equal(b.policy.n_allowed, 1);
	assert_string_equal(b.api_key, "");
	assert_int_equal(conf_n_groups(b.conf, "provider"), 1);
	settings_clear(&a);
	settings_clear(&b);
}

static void database_url_comes_from_the_usual_variable(void **state)
{
	char url[] = "DATABASE_URL=postgresql://db.example/x";
	char *env[] = { url, NULL };
	struct settings s;
	char why[512];

	(void)state;
	assert_int_equal(settings_load(&s, NULL, env, NULL, 0, why), 0);
	assert_string_equal(s.database_url, "postgresql://db.example/x");
	settings_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_hold),
		cmocka_unit_test(mistakes_name_setting_and_remedy),
		cmocka_unit_test(the_public_url_is_made_or_trimmed),
		cmocka_unit_test(a_provider_is_read),
		cmocka_unit_test(a_known_provider_is_changed),
		cmocka_unit_test(a_session_may_end_with_its_token),
		cmocka_unit_test(our_client_makes_it_oauth),
		cmocka_unit_test(a_known_provider_needs_our_client_only),
		cmocka_unit_test(what_is_known_says_so),
		cmocka_unit_test(a_domain_is_opened_as_known_or_as_said),
		cmocka_unit_test(one_request_names_one_resource),
		cmocka_unit_test(written_settings_read_back),
		cmocka_unit_test(database_url_comes_from_the_usual_variable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
