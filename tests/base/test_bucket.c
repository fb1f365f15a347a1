#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bucket.h"

static void a_burst_and_then_the_rate(void **state)
{
	struct bucket b;
	int n = 0;

	(void)state;
	bucket_init(&b, 10, 50, 1000);
	for (; bucket_next(&b, 1000) == 1000; n++)
		bucket_take(&b, 1000);
	assert_int_equal(n, 50);
	assert_int_equal(bucket_next(&b, 1000), 1100);
	assert_int_equal(bucket_full_in(&b, 1000), 5000);
	/* Ten a second from then on, whenever one asks. */
	for (uint64_t now = 1000; now <= 11000; now += 7)
		if (bucket_next(&b, now) == now) {
			bucket_take(&b, now);
			n++;
		}
	assert_in_range(n, 149, 151);
}

static void it_never_holds_more(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 1000, 3, 0);
	bucket_take(&b, 0);
	assert_int_equal(bucket_milli(&b, 1), 3000);
	assert_int_equal(bucket_milli(&b, UINT64_MAX), 3000);
	/* A clock that is asked about the past gives nothing and takes nothing. */
	bucket_take(&b, 100);
	assert_int_equal(bucket_milli(&b, 50), 2000);
	assert_int_equal(bucket_full_in(&b, 100), 1);
}

static void what_is_in_it_stays_when_the_rate_changes(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 10, 10, 0);
	bucket_change(&b, 2, 4, 0);
	assert_int_equal(bucket_milli(&b, 0), 4000);
	bucket_take(&b, 0);
	bucket_change(&b, 5, 10, 0);
	assert_int_equal(bucket_milli(&b, 0), 3000);
	assert_int_equal(bucket_milli(&b, 200), 4000);
}

static void without_a_rate_there_is_no_limit(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 0, 1, 5);
	for (int i = 0; i < 10; i++) {
		bucket_take(&b, 5);
		assert_int_equal(bucket_next(&b, 5), 5);
	}
	assert_int_equal(bucket_full_in(&b, 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_and_then_the_rate),
		cmocka_unit_test(it_never_holds_more),
		cmocka_unit_test(what_is_in_it_stays_when_the_rate_changes),
		cmocka_unit_test(without_a_rate_there_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
