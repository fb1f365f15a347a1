#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/provider/provider.h"
#include "oauth/connect.h"
#include "oauth/preset.h"

static void an_address_is_filled_in(void **state)
{
	static const struct {
		const char *pattern, *tenant, *client;
		int r;
		const char *url;
	} rows[] = {
		{ "https://l.test/{tenant}/token", "acme.test", "", 0,
		  "https://l.test/acme.test/token" },
		{ "https://l.test/{tenant}/x?client_id={client_id}", "t-1", "a b", 0,
		  "https://l.test/t-1/x?client_id=a%20b" },
		{ "https://l.test/{tenantid}/v2.0", "common", "", 0,
		  "https://l.test/{tenantid}/v2.0" },
		{ "https://l.test/token", "", "", 0, "https://l.test/token" },
		{ "https://l.test/{tenant}/token", "", "", -EINVAL, "" },
		{ "https://l.test/{tenant}/token", "a/b", "", -EINVAL, "" },
		{ "https://l.test/{tenant}/token", "..", "", -EINVAL, "" },
		{ "https://l.test/{tenant}/token", "a?b", "", -EINVAL, "" },
		{ "https://l.test/?c={client_id}", "", "", -EINVAL, "" },
		{ "", "", "", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf b;
		int r;

		buf_init(&b, 200);
		r = preset_fill(rows[i].pattern, rows[i].tenant, rows[i].client, &b);
		if (r != rows[i].r || !text_eq(text_of_buf(&b), text_of(rows[i].url)))
			fail_msg("%s: %d %.*s", rows[i].pattern, r, TEXT_ARG(text_of_buf(&b)));
		buf_clear(&b);
	}
	struct buf small;

	buf_init(&small, 10);
	assert_int_equal(preset_fill("https://l.test/token", "", "", &small), -ENOBUFS);
	assert_int_equal(small.len, 0);
	buf_clear(&small);
}

static bool holds(const char *scopes, const char *one)
{
	size_t at = text_ifind(text_of(scopes), text_of(one));

	return at != SIZE_MAX;
}

/* What every row has to keep, whoever adds one. */
static void rows_are_sound(void **state)
{
	size_t n;
	const struct preset *rows = preset_rows(&n);

	(void)state;
	assert_true(n > 5);
	for (size_t i = 0; i < n; i++) {
		const struct preset *p = &rows[i];
		const char *urls[] = { p->authorize_url, p->token_url,  p->device_authorization_url,
				       p->userinfo_url,  p->revoke_url, p->domain_token_url };

		/* the mail server is known by the same name, and takes OAuth */
		if (strcmp(provider_find(text_of(p->name))->name, p->name) != 0 ||
		    !(provider_find(text_of(p->name))->auth & PROVIDER_AUTH_OAUTH))
			fail_msg("%s: not in the provider table, or no OAuth there", p->name);
		for (size_t k = 0; k < countof(urls); k++) {
			if (*urls[k] && strncmp(urls[k], "https://", 8) != 0)
				fail_msg("%s: %s", p->name, urls[k]);
			if (strstr(urls[k], "{tenant}") && k < 5 && !*p->tenant)
				fail_msg("%s: no tenant for %s", p->name, urls[k]);
		}
		if (!*p->authorize_url || !*p->token_url || !holds(p->scopes, p->required_scope))
			fail_msg("%s: the required scope is not asked for", p->name);
		if ((p->domain != PRESET_DOMAIN_NONE) != (*p->domain_token_url && *p->domain_scope))
			fail_msg("%s: half a domain access", p->name);
	}
	assert_null(preset_find("icloud"));
	assert_string_equal(preset_domain_name(preset_find("gmail")->domain), "delegated");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_filled_in),
		cmocka_unit_test(rows_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
