/* Whose rows are read again, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "ingest/recall.h"

#define MINUTE UINT64_C(60000)

static void one_folder_holds_up_no_other(void **state)
{
	struct recall r = { 0 };

	(void)state;
	assert_true(recall_may(&r, "a", 0));
	assert_false(recall_may(&r, "a", MINUTE));
	assert_true(recall_may(&r, "b", MINUTE));
	assert_true(recall_may(&r, "a", 5 * MINUTE));
	assert_false(recall_may(&r, "b", 5 * MINUTE));
	assert_true(recall_may(&r, "b", 6 * MINUTE));
	recall_clear(&r);
}

static void so_many_at_a_time(void **state)
{
	struct recall r = { 0 };
	char name[8];

	(void)state;
	for (unsigned i = 0; i < LIMIT_RECALL_FOLDERS; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_true(recall_may(&r, name, i));
	}
	assert_false(recall_may(&r, "one more", LIMIT_RECALL_FOLDERS));
	assert_true(recall_may(&r, "one more", 5 * MINUTE));
	recall_clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_folder_holds_up_no_other),
		cmocka_unit_test(so_many_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
