#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "services/api/allowance.h"

static void each_key_has_its_own(void **state)
{
	struct allowance a = { 0 };
	struct allowance_said said;

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		allowance_take(&a, TEXT("one"), 10, 20, 5000, &said);
		assert_true(said.may);
		assert_int_equal(said.left, 19 - i);
		assert_int_equal(said.window, 2);
	}
	assert_int_equal(said.in_s, 2);
	allowance_take(&a, TEXT("one"), 10, 20, 5000, &said);
	assert_false(said.may);
	assert_int_equal(said.left, 0);
	assert_int_equal(said.in_s, 1);
	allowance_take(&a, TEXT("two"), 10, 20, 5000, &said);
	assert_true(said.may);
	/* A refusal costs nothing: the next one is there when it was said. */
	allowance_take(&a, TEXT("one"), 10, 20, 5100, &said);
	assert_true(said.may);
	allowance_clear(&a);
}

static void no_limit_keeps_nothing(void **state)
{
	struct allowance a = { 0 };
	struct allowance_said said;

	(void)state;
	for (int i = 0; i < 100; i++) {
		allowance_take(&a, TEXT("one"), 0, 20, 0, &said);
		assert_true(said.may);
	}
	assert_int_equal(map_count(&a.buckets), 0);
}

static void so_many_keys_are_remembered(void **state)
{
	struct allowance a = { 0 };
	struct allowance_said said;
	char key[16];

	(void)state;
	for (int i = 0; i <= ALLOWANCE_KEYS; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		allowance_take(&a, text_of(key), 1, 1, 0, &said);
		assert_true(said.may);
	}
	assert_int_equal(map_count(&a.buckets), 1);
	allowance_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_its_own),
		cmocka_unit_test(no_limit_keeps_nothing),
		cmocka_unit_test(so_many_keys_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
