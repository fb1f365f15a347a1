#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/api/html.h"
#include "oauth/link_token.h"
#include "services/api/client.h"

/* The pieces of the API that need no process; tests/scenarios has the rest, over HTTP. */

static void words_stay_words(void **state)
{
	static const struct {
		const char *given, *is;
	} rows[] = {
		{ "", "" },
		{ "anna@example.test", "anna@example.test" },
		{ "<script>alert('x')</script>",
		  "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" },
		{ "\" onmouseover=\"x", "&quot; onmouseover=&quot;x" },
		{ "&lt;", "&amp;lt;" },
		{ "j\xc3\xbcrgen", "j\xc3\xbcrgen" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_buf struct buf b = { .max = 1024 };

		html_add(&b, text_of(rows[i].given));
		if (strcmp(b.data ? (const char *)b.data : "", rows[i].is) != 0)
			fail_msg("%s: %s", rows[i].given, (const char *)b.data);
	}
}

static void a_page_that_is_full_is_cut_between_characters(void **state)
{
	cleanup_buf struct buf b = { .max = 6 };

	(void)state;
	html_add(&b, TEXT("ab<<"));
	assert_string_equal((const char *)b.data, "ab&lt;");
}

static void link_tokens_are_unlike(void **state)
{
	char all[64][LINK_TOKEN];
	uint8_t a[SIGN_SHA256], b[SIGN_SHA256];

	(void)state;
	for (size_t i = 0; i < countof(all); i++) {
		link_token_make(all[i]);
		assert_int_equal(strlen(all[i]), LINK_TOKEN - 1);
		assert_int_equal(
			strspn(all[i],
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
			LINK_TOKEN - 1);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(all[i], all[k]);
	}
	link_token_digest(all[0], a);
	sign_sha256(all[0], LINK_TOKEN - 1, b);
	assert_memory_equal(a, b, sizeof(a));
	link_token_digest(all[1], b);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void providers_are_found_by_their_whole_name(void **state)
{
	struct api *api = mem_new(sizeof(*api));

	(void)state;
	api->providers[0].name = "google";
	api->providers[1].name = "microsoft";
	api->n_providers = 2;
	assert_ptr_equal(client_find(api, "microsoft"), &api->providers[1]);
	assert_null(client_find(api, "goog"));
	assert_null(client_find(api, "Google"));
	assert_null(client_find(api, ""));
	mem_cleanup(&api);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_stay_words),
		cmocka_unit_test(a_page_that_is_full_is_cut_between_characters),
		cmocka_unit_test(link_tokens_are_unlike),
		cmocka_unit_test(providers_are_found_by_their_whole_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
