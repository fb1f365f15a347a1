#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/mem.h"

static void waits_grow_to_the_ceiling(void **state)
{
	static const uint64_t steps[] = { 100, 200, 400, 800, 1000, 1000, 1000 };

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct rand_gen g;
		struct backoff b;

		rand_gen_seed(&g, seed);
		backoff_init(&b, 100, 1000, 5000);
		for (size_t i = 0; i < countof(steps); i++)
			assert_in_range(backoff_failed(&b, &g), steps[i] / 2, steps[i]);
	}
}

/* A thousand that failed at the same instant do not come back at one. */
static void jitter_spreads(void **state)
{
	unsigned tenths[10] = { 0 };
	struct rand_gen g;

	(void)state;
	rand_gen_seed(&g, 3);
	for (int i = 0; i < 1000; i++) {
		struct backoff b;
		uint64_t wait;

		backoff_init(&b, 20000, 60000, 1);
		wait = backoff_failed(&b, &g);
		assert_in_range(wait, 10000, 20000);
		tenths[wait == 20000 ? 9 : (wait - 10000) / 1000]++;
	}
	for (size_t i = 0; i < countof(tenths); i++)
		assert_in_range(tenths[i], 60, 140);
}

static void only_surviving_earns_it_back(void **state)
{
	struct rand_gen g;
	struct backoff b;

	(void)state;
	rand_gen_seed(&g, 1);
	backoff_init(&b, 100, 10000, 5000);
	for (int i = 0; i < 5; i++) {
		(void)backoff_failed(&b, &g);
		backoff_lived(&b, 4999); /* connected, and lost again too soon */
	}
	assert_true(backoff_failed(&b, &g) >= 1600);
	backoff_lived(&b, 5000);
	assert_in_range(backoff_failed(&b, &g), 50, 100);
}

static void the_largest_numbers_hold(void **state)
{
	struct rand_gen g;
	struct backoff b;

	(void)state;
	rand_gen_seed(&g, 1);
	backoff_init(&b, UINT64_MAX / 3, UINT64_MAX - 1, 1);
	for (int i = 0; i < 300; i++)
		assert_true(backoff_failed(&b, &g) >= UINT64_MAX / 6);
	b.failures = UINT32_MAX;
	assert_true(backoff_failed(&b, &g) >= UINT64_MAX / 2 - 1);
	assert_true(b.failures == UINT32_MAX);
	/* a first step over the ceiling is the ceiling, none is one millisecond */
	backoff_init(&b, 500, 100, 1);
	assert_in_range(backoff_failed(&b, &g), 250, 500);
	assert_in_range(backoff_failed(&b, &g), 250, 500);
	backoff_init(&b, 0, 0, 1);
	assert_in_range(backoff_failed(&b, &g), 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_grow_to_the_ceiling),
		cmocka_unit_test(jitter_spreads),
		cmocka_unit_test(only_surviving_earns_it_back),
		cmocka_unit_test(the_largest_numbers_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
