#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/event_id.h"

static void the_same_fact_has_the_same_id(void **state)
{
	const struct text parts[] = { TEXT("workspace"), TEXT("inbox"), TEXT("type"), TEXT("7") };
	char one[EVENT_ID], two[EVENT_ID];

	(void)state;
	event_id_of(parts, 4, one);
	event_id_of(parts, 4, two);
	assert_string_equal(one, two);
	/* Computed apart, with sha256sum; it must never change: consumers dedupe by it. */
	assert_string_equal(one, "113e0ce4-c716-86c9-ab7e-0be082e84b99");
	assert_int_equal(one[14], '8'); /* RFC 9562 section 5.8 */
	assert_non_null(strchr("89ab", one[19]));
}

/* However bytes are shared out among the parts, another fact has another id. */
static void parts_do_not_run_into_each_other(void **state)
{
	static const struct text rows[][3] = {
		{ TEXT("ab"), TEXT("c"), TEXT("") },   { TEXT("a"), TEXT("bc"), TEXT("") },
		{ TEXT("abc"), TEXT(""), TEXT("") },   { TEXT(""), TEXT("abc"), TEXT("") },
		{ TEXT("a|b"), TEXT("c"), TEXT("") },  { TEXT("a"), TEXT("b|c"), TEXT("") },
		{ TEXT("a\0"), TEXT("bc"), TEXT("") }, { TEXT("a"), TEXT("\0bc"), TEXT("") },
	};
	enum { N = sizeof(rows) / sizeof(rows[0]) };
	char ids[N + 1][EVENT_ID];

	(void)state;
	for (size_t i = 0; i < N; i++)
		event_id_of(rows[i], 3, ids[i]);
	event_id_of(rows[0], 2, ids[N]);
	for (size_t i = 0; i <= N; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(ids[i], ids[j]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_fact_has_the_same_id),
		cmocka_unit_test(parts_do_not_run_into_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
