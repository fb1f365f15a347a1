#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"

static void bytes_differ(void **state)
{
	uint8_t a[512] = { 0 }, b[512] = { 0 };
	unsigned bits = 0;

	(void)state;
	rand_bytes(a, sizeof(a));
	rand_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++)
		bits += (unsigned)__builtin_popcount(a[i]);
	/* 4096 fair coins: further from 2048 than this once in 10^20 */
	assert_in_range(bits, 1744, 2352);
	rand_bytes(NULL, 0);
}

static void uuids_are_version_4(void **state)
{
	char a[RAND_UUID], b[RAND_UUID];

	(void)state;
	for (int n = 0; n < 100; n++) {
		rand_uuid(a);
		rand_uuid(b);
		assert_string_not_equal(a, b);
		assert_int_equal(strlen(a), 36);
		for (size_t i = 0; i < 36; i++) {
			if (i == 8 || i == 13 || i == 18 || i == 23)
				assert_int_equal(a[i], '-');
			else
				assert_non_null(strchr("0123456789abcdef", a[i]));
		}
		assert_int_equal(a[14], '4');
		assert_non_null(strchr("89ab", a[19]));
	}
}

/*
 * The numbers of the reference implementation of xoshiro256** for the state 1, 2, 3, 4
 * (prng.di.unimi.it).
 */
static void draws_the_published_numbers(void **state)
{
	static const uint64_t want[] = {
		UINT64_C(11520), /* then comes 0, the one draw that this bound refuses */
		UINT64_C(1509978240),
		UINT64_C(1215971899390074240),
		UINT64_C(1216172134540287360),
		UINT64_C(607988272756665600),
		UINT64_C(16172922978634559625),
	};
	struct rand_gen g = { { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_true(rand_gen_below(&g, UINT64_MAX) == want[i]);
}

static void a_seed_repeats(void **state)
{
	struct rand_gen a, b, c, d;
	unsigned same = 0, same_kernel = 0;

	(void)state;
	rand_gen_seed(&a, 7);
	rand_gen_seed(&b, 7);
	rand_gen_seed(&c, 8);
	for (int i = 0; i < 100; i++) {
		uint64_t x = rand_gen_below(&a, 1000000);

		assert_int_equal(x, rand_gen_below(&b, 1000000));
		same += x == rand_gen_below(&c, 1000000);
	}
	assert_true(same < 5);
	rand_gen_seed(&c, 0);
	rand_gen_seed(&d, 0);
	for (int i = 0; i < 100; i++)
		same_kernel += rand_gen_below(&c, 1000000) == rand_gen_below(&d, 1000000);
	assert_true(same_kernel < 5);
}

static void below_stays_below_and_is_fair(void **state)
{
	unsigned seen[7] = { 0 }, upper = 0;
	struct rand_gen g;

	(void)state;
	rand_gen_seed(&g, 42);
	for (int i = 0; i < 70000; i++)
		seen[rand_gen_below(&g, 7)]++;
	for (size_t i = 0; i < 7; i++)
		assert_in_range(seen[i], 9500, 10500);
	for (int i = 0; i < 100; i++)
		assert_int_equal(rand_gen_below(&g, 1), 0);
	/* with a plain modulo two thirds of these would fall below 2^62 */
	for (int i = 0; i < 30000; i++)
		upper += rand_gen_below(&g, UINT64_C(3) << 62) >= UINT64_C(1) << 62;
	assert_in_range(upper, 19500, 20500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_differ),
		cmocka_unit_test(uuids_are_version_4),
		cmocka_unit_test(draws_the_published_numbers),
		cmocka_unit_test(a_seed_repeats),
		cmocka_unit_test(below_stays_below_and_is_fair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
