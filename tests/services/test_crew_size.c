/* How many workers a machine starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/worker.h"
#include "services/up/crew_size.h"

#define GB (1024 * 1024)

static void as_many_as_are_asked_for(void **state)
{
	static const struct {
		const char *name;
		int64_t inboxes, capacity, cores, memory_kb;
		int want;
	} rows[] = {
		{ "nobody yet", 0, 19500, 2, 24 * GB, 1 },
		{ "a handful", 12, 19500, 2, 24 * GB, 1 },
		{ "nearly full is full", 17551, 19500, 2, 24 * GB, 2 },
		{ "a hundred thousand", 100000, 19500, 2, 24 * GB, 6 },
		{ "cores are the limit", 1000000, 19500, 2, 240 * GB, 8 },
		{ "memory is the limit", 1000000, 19500, 64, 8 * GB, 6 },
		{ "one there is always", 1000000, 19500, 1, GB / 4, 1 },
		{ "small ones", 100, 10, 16, 24 * GB, 12 },
		{ "of one inbox each", 5, 1, 16, 24 * GB, 5 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		int n = crew_size_for(rows[i].inboxes, rows[i].capacity, rows[i].cores,
				      rows[i].memory_kb);

		if (n != rows[i].want)
			fail_msg("%s: %d", rows[i].name, n);
	}
}

static void a_capacity_is_within_the_limit_of_files(void **state)
{
	(void)state;
	assert_int_equal(worker_capacity(7), 7);
	assert_in_range(worker_capacity(0), 1, WORKER_CAPACITY_MAX);
	assert_in_range(worker_capacity(INT32_MAX), 1, INT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_are_asked_for),
		cmocka_unit_test(a_capacity_is_within_the_limit_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
