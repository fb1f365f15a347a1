#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/api/etag.h"

static const struct {
	const char *given, *want; /* NULL: it asks for nothing */
} wanted[] = {
	{ NULL, NULL },
	{ "*", NULL },
	{ " * ", NULL },
	{ "\"a1\"", "a1" },
	{ "\"a1\", \"b2\"", "a1 b2" },
	{ "\"a1\",,\"b2\"", "a1 b2" },
	{ "W/\"a1\", \"b2\"", "b2" },
	{ "W/\"a1\"", "" },
	{ "\"\"", "" },
	{ "a1", "" },
	{ "\"a1", "" },
	{ "\"a1\" b2", "a1" },
	{ "", "" },
};

static void a_change_names_what_it_knows(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(wanted); i++) {
		cleanup_buf struct buf b = { .max = ETAG_LIST };
		bool is = etag_wanted(wanted[i].given, &b);

		if (is != (wanted[i].want != NULL) ||
		    (is && strcmp(wanted[i].want, b.len ? (const char *)b.data : "") != 0))
			fail_msg("%s: \"%s\"", wanted[i].given, b.len ? (char *)b.data : "");
	}
}

static void a_list_has_an_end(void **state)
{
	char many[4096] = "";
	cleanup_buf struct buf b = { .max = 64 };

	(void)state;
	for (size_t at = 0; at + 12 < sizeof(many); at += 11)
		memcpy(many + at, "\"aaaaaaa\", ", 12);
	assert_true(etag_wanted(many, &b));
	assert_true(b.len <= 64);
}

static void a_reader_names_what_he_has(void **state)
{
	(void)state;
	assert_false(etag_is_known(NULL, "a1"));
	assert_false(etag_is_known("\"b2\"", "a1"));
	assert_true(etag_is_known("\"b2\", \"a1\"", "a1"));
	assert_true(etag_is_known("W/\"a1\"", "a1"));
	assert_true(etag_is_known("*", "a1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_names_what_it_knows),
		cmocka_unit_test(a_list_has_an_end),
		cmocka_unit_test(a_reader_names_what_he_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
