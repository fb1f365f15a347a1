#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/imap/imap_session.h"
#include "ingest/provider/provider.h"

static bool is_host(const char *host)
{
	size_t n = strlen(host);

	return n > 3 && n <= LIMIT_CONN_HOST && strchr(host, '.') && host[0] != '.' &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

static void check_names(const struct provider_row *row, const char *const *names)
{
	assert_non_null(names);
	for (; *names; names++)
		if (!is_host(*names + (**names == '.')))
			fail_msg("%s: `%s` is no lower-case name", row->name, *names);
}

static void check_row(const struct provider_row *row)
{
	bool is_generic = strcmp(row->name, "generic") == 0;

	/* a name is one of the configuration's too: provider.<name>.imap_host */
	assert_true(strlen(row->name) <= 32);
	assert_true(strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
		    strlen(row->name));
	assert_true(row->title && *row->title);
	if (is_generic ? *row->imap.host || *row->smtp.host
		       : !is_host(row->imap.host) || !is_host(row->smtp.host))
		fail_msg("%s: hosts", row->name);
	if (row->imap.port != (row->imap.security == PROVIDER_TLS ? 993 : 143) ||
	    row->smtp.port != (row->smtp.security == PROVIDER_TLS ? 465 : 587))
		fail_msg("%s: ports", row->name);
	if (!row->auth || row->auth & ~(PROVIDER_AUTH_OAUTH | PROVIDER_AUTH_PASSWORD))
		fail_msg("%s: auth", row->name);
	/* RFC 2177: under 29 minutes; a proof within it, and a gap is told after two */
	if (row->idle_renew_s < 30 || row->idle_renew_s > 29 * 60 || row->proof_s < 30 ||
	    row->proof_s > 60 || row->sweep_s < row->proof_s || row->sweep_s > 3600)
		fail_msg("%s: rhythm", row->name);
	if (row->connections < 2 || row->connections > 4 || !row->connects_per_s ||
	    !row->logins_per_s || row->logins_per_s > row->connects_per_s)
		fail_msg("%s: budget", row->name);
	if (row->session_s && row->session_s < 3600)
		fail_msg("%s: session", row->name);
	check_names(row, row->domains);
	check_names(row, row->mx_suffixes);
}

static void test_every_row_is_sane(void **state)
{
	const struct provider_row *rows;
	size_t n;

	(void)state;
	rows = provider_rows(&n);
	assert_true(n > 20);
	assert_string_equal(rows[n - 1].name, "generic");
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);
}

/* Every name leads to its own row: no two rows have the same name, domain or MX host. */
static void test_every_name_leads_home(void **state)
{
	const struct provider_row *rows;
	char host[300];
	size_t n;

	(void)state;
	rows = provider_rows(&n);
	for (size_t i = 0; i < n; i++) {
		const char *const *at;

		assert_ptr_equal(provider_find(text_of(rows[i].name)), &rows[i]);
		for (at = rows[i].domains; *at; at++) {
			(void)snprintf(host, sizeof(host), "%s%s", **at == '.' ? "tenant" : "",
				       *at);
			assert_ptr_equal(provider_of_domain(text_of(host)), &rows[i]);
		}
		for (at = rows[i].mx_suffixes; *at; at++) {
			(void)snprintf(host, sizeof(host), "%s%s", **at == '.' ? "mx1" : "", *at);
			assert_ptr_equal(provider_of_mx(text_of(host)), &rows[i]);
		}
	}
}

static void test_an_unknown_name_is_generic(void **state)
{
	(void)state;
	assert_string_equal(provider_find(TEXT("acme"))->name, "generic");
	assert_string_equal(provider_find(TEXT(""))->name, "generic");
	assert_string_equal(provider_find(TEXT("gmai"))->name, "generic");
	assert_string_equal(provider_find(TEXT("gmailx"))->name, "generic");
}

static const struct {
	const char *domain, *want; /* NULL: no row */
} domains[] = {
	{ "gmail.com", "gmail" },
	{ "GMail.Com", "gmail" },
	{ "gmail.com.", "gmail" },
	{ "googlemail.com", "gmail" },
	{ "mail.gmail.com", NULL },
	{ "evilgmail.com", NULL },
	{ "gmail.com.evil.test", NULL },
	{ "gmail.co", NULL },
	{ "google.com", NULL },
	{ "contoso.onmicrosoft.com", "microsoft" },
	{ "Contoso.OnMicrosoft.Com", "microsoft" },
	{ "evilonmicrosoft.com", NULL },
	{ "onmicrosoft.com", NULL },
	{ "outlook.com", "microsoft" },
	{ "hotmail.co.uk", "microsoft" },
	{ "yahoo.co.jp", "yahoo-japan" },
	{ "yahoo.co.uk", "yahoo" },
	{ "me.com", "icloud" },
	{ "mail.com", "mail-com" },
	{ "gmx.com", "gmx-com" },
	{ "gmx.de", "gmx" },
	{ "zoho.com.au", "zoho-au" },
	{ "", NULL },
	{ ".", NULL },
	{ ".com", NULL },
};

static void test_domains(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(domains); i++) {
		const struct provider_row *row = provider_of_domain(text_of(domains[i].domain));

		if (domains[i].want ? !row || strcmp(row->name, domains[i].want) : row != NULL)
			fail_msg("%s: %s", domains[i].domain, row ? row->name : "no row");
	}
}

static const struct {
	const char *host, *want;
} mxs[] = {
	{ "aspmx.l.google.com", "gmail" },
	{ "ASPMX.L.GOOGLE.COM.", "gmail" },
	{ "alt4.aspmx.l.google.com", "gmail" },
	{ "aspmx2.googlemail.com", "gmail" },
	{ "smtp.google.com", "gmail" },
	{ "evilgoogle.com", NULL },
	{ "mx.evilgoogle.com", NULL },
	{ "google.com.evil.test", NULL },
	{ "google.com", NULL },
	{ "contoso-com.mail.protection.outlook.com", "microsoft" },
	{ "contoso-com.o-v1.mx.microsoft", "microsoft" },
	{ "contoso-us.mail.protection.office365.us", "microsoft-gcc-high" },
	{ "contoso-cn.mail.protection.partner.outlook.cn", "microsoft-china" },
	{ "protection.outlook.com", NULL },
	{ "mta7.am0.yahoodns.net", "yahoo" },
	{ "mx-aol.mail.gm0.yahoodns.net", "aol" },
	{ "in1-smtp.messagingengine.com", "fastmail" },
	{ "mx01.mail.icloud.com", "icloud" },
	{ "mx.zoho.com", "zoho-pro" },
	{ "mx2.zoho.eu", "zoho-eu" },
	{ "mx00.kundenserver.de", "ionos" },
	{ "mx01.emig.gmx.net", "gmx" },
	{ "mx0.gmx.com", NULL },
	{ "", NULL },
	{ ".", NULL },
};

static void test_mx_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(mxs); i++) {
		const struct provider_row *row = provider_of_mx(text_of(mxs[i].host));

		if (mxs[i].want ? !row || strcmp(row->name, mxs[i].want) : row != NULL)
			fail_msg("%s: %s", mxs[i].host, row ? row->name : "no row");
	}
}

/* What others rely on, by name. */
static void test_facts_others_rely_on(void **state)
{
	const struct provider_row *gmail = provider_find(TEXT("gmail"));

	(void)state;
	assert_true(gmail->watches_all && gmail->session_ends_with_token);
	assert_true(gmail->session_s < 24 * 3600);
	assert_true(provider_find(TEXT("microsoft"))->session_ends_with_token);
	assert_true(provider_find(TEXT("microsoft"))->quirks & IMAP_QUIRK_NO_PARTIAL);
	assert_false(provider_find(TEXT("163"))->quirks & IMAP_QUIRK_NO_ID);
	assert_true(provider_find(TEXT("icloud"))->quirks & IMAP_QUIRK_NO_QRESYNC);
	assert_true(provider_find(TEXT("icloud"))->quirks & IMAP_QUIRK_NO_PIPELINE);
	assert_int_equal(provider_find(TEXT("yahoo"))->idle_renew_s, 180);
	assert_true(provider_find(TEXT("rambler"))->idle_renew_s < 60);
	assert_int_equal(provider_find(TEXT("gmx"))->idle_renew_s, 720);
	assert_int_equal(provider_find(TEXT("generic"))->idle_renew_s, 540);
	assert_int_equal(provider_find(TEXT("icloud"))->login, PROVIDER_LOGIN_LOCAL_PART);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_sane),
		cmocka_unit_test(test_every_name_leads_home),
		cmocka_unit_test(test_an_unknown_name_is_generic),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_mx_hosts),
		cmocka_unit_test(test_facts_others_rely_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
