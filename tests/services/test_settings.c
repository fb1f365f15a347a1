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
#include "services/settings.h"

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
	{ "a known provider, oauth without its URLs", "provider.gmail.client_id=a",
	  "provider.gmail", "authorize_url" },
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
	struct oauth_provider p[2];
	struct settings s;
	char why[512];

	(void)state;
	assert_int_equal(settings_load(&s, NULL, none, sets, countof(sets), why), 0);
	assert_int_equal(settings_providers(&s, p, countof(p)), 1);
	assert_string_equal(p[0].auth, "oauth");
	assert_string_equal(p[0].imap_host, "imap.gmail.com");
	assert_int_equal(provider_table_find(&s.providers, TEXT("gmail"))->auth,
			 PROVIDER_AUTH_OAUTH);
	settings_clear(&s);
}

/* What `replyd up` writes for its children reads back as the same settings. */
static void written_settings_read_back(void **state)
{
	static const char *const sets[] = { "gate.freshness=190s", "net.allow=127.0.0.0/8",
					    "provider.box.imap_host=h",
					    "provider.box.auth=password" };
	struct settings a, b;
	char path[] = "/tmp/replyd-settings-XXXXXX", why[512];
	FILE *f;

	(void)state;
	assert_int_equal(settings_load(&a, NULL, none, sets, countof(sets), why), 0);
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
		cmocka_unit_test(written_settings_read_back),
		cmocka_unit_test(database_url_comes_from_the_usual_variable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
