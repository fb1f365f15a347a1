#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "services/api/field.h"
#include "services/api/problem.h"

static const char *text_at(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static void every_code_says_what_and_what_to_do(void **state)
{
	(void)state;
	for (int c = 0; problem_name((enum problem_code)c); c++) {
		const struct problem p = {
			(enum problem_code)c, "/a/b", "is wrong", NULL, NULL, NULL
		};
		struct buf b;
		json_t *j;

		buf_init(&b, 4096);
		assert_int_equal(problem_write(&p, "id-1", &b), 0);
		j = json_loadb((const char *)b.data, b.len, 0, NULL);
		assert_non_null(j);
		assert_true(strlen(text_at(j, "code")) > 3);
		assert_int_equal(json_integer_value(json_object_get(j, "status")),
				 problem_status(p.code));
		assert_true(strlen(text_at(j, "title")) > 8);
		assert_true(strlen(text_at(j, "remedy")) > 8);
		assert_string_equal(text_at(j, "field"), "/a/b");
		assert_string_equal(text_at(j, "request_id"), "id-1");
		assert_non_null(strstr(text_at(j, "type"), text_at(j, "code")));
		json_decref(j);
		buf_clear(&b);
	}
}

/* A stranger's bytes that are no UTF-8 never cost the answer. */
static void foreign_bytes_do_not_break_it(void **state)
{
	const struct problem p = { PROBLEM_BAD_FIELD, "/\xff\xfe", "is \xc3", NULL, NULL, NULL };
	struct buf b;
	json_t *j;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(problem_write(&p, "id-1", &b), 0);
	j = json_loadb((const char *)b.data, b.len, 0, NULL);
	assert_non_null(j);
	assert_string_equal(text_at(j, "code"), "bad_field");
	json_decref(j);
	buf_clear(&b);
}

static void a_status_finds_its_code(void **state)
{
	(void)state;
	assert_int_equal(problem_of_status(413), PROBLEM_TOO_LARGE);
	assert_int_equal(problem_of_status(405), PROBLEM_METHOD_NOT_ALLOWED);
	assert_int_equal(problem_status(problem_of_status(400)), 400);
	assert_int_equal(problem_of_status(431), PROBLEM_BAD_REQUEST);
	assert_int_equal(problem_of_status(507), PROBLEM_INTERNAL);
}

static const struct {
	const char *given, *want; /* NULL: refused */
} addresses[] = {
	{ "Anna@Example.TEST", "anna@example.test" },
	{ "rep+q4@example.test", "rep+q4@example.test" },
	{ "j\xc3\xbcrgen@example.test", "j\xc3\xbcrgen@example.test" },
	{ "", NULL },
	{ "anna", NULL },
	{ "@example.test", NULL },
	{ "anna@", NULL },
	{ "a@b@c", NULL },
	{ "anna@example.test\r\nBcc: x@y", NULL },
	{ "<anna@example.test>", NULL },
	{ "anna @example.test", NULL },
	{ "anna@exa\"mple.test", NULL },
};

static void addresses_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(addresses); i++) {
		char got[FIELD_ADDRESS];
		bool ok = field_address(text_of(addresses[i].given), got);

		if (ok != (addresses[i].want != NULL) ||
		    (ok && strcmp(got, addresses[i].want) != 0))
			fail_msg("address \"%s\"", addresses[i].given);
	}
}

static void uuids_are_checked(void **state)
{
	(void)state;
	assert_true(field_uuid("0b1c2d3e-0000-4000-8000-0123456789aF"));
	assert_false(field_uuid(""));
	assert_false(field_uuid("0b1c2d3e-0000-4000-8000-0123456789a"));
	assert_false(field_uuid("0b1c2d3e-0000-4000-8000-0123456789aff"));
	assert_false(field_uuid("0b1c2d3e-0000-4000-8000-0123456789ag"));
	assert_false(field_uuid("0b1c2d3e0-000-4000-8000-0123456789af"));
	assert_false(field_uuid("' or true--"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_says_what_and_what_to_do),
		cmocka_unit_test(foreign_bytes_do_not_break_it),
		cmocka_unit_test(a_status_finds_its_code),
		cmocka_unit_test(addresses_are_checked),
		cmocka_unit_test(uuids_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
