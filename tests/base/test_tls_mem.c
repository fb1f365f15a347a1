#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "base/tls_mem.h"

#define LARGE  (17 * 1024) /* a record */
#define LARGER (40 * 1024) /* more than a block */
#define MANY   400         /* more than there are */

static bool is_all(const uint8_t *p, uint8_t byte, size_t n)
{
	while (n && *p == byte)
		p++, n--;
	return !n;
}

static void many_hold_what_was_put_in(void **state)
{
	static uint8_t *all[MANY];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			all[i] = OPENSSL_malloc(LARGE);
			assert_non_null(all[i]);
			memset(all[i], (uint8_t)i, LARGE);
		}
		for (int i = 0; i < MANY; i++)
			assert_true(is_all(all[i], (uint8_t)i, LARGE));
		/* Every other one first, so that they come back in another order. */
		for (int i = 0; i < MANY; i += 2)
			OPENSSL_free(all[i]);
		for (int i = 1; i < MANY; i += 2)
			OPENSSL_free(all[i]);
	}
}

/* A token that passed through a record is not found afterwards. */
static void what_is_given_back_is_wiped(void **state)
{
	uint8_t *p = OPENSSL_malloc(LARGE), *again;

	(void)state;
	memset(p, 5, LARGE);
	OPENSSL_free(p);
	again = OPENSSL_malloc(LARGE);
	assert_ptr_equal(again, p);
	assert_true(is_all(again + sizeof(void *), 0, LARGE - sizeof(void *)));
	OPENSSL_free(again);
}

static void sizes_change(void **state)
{
	static const size_t sizes[] = { 100, LARGE, 9000, LARGER, LARGE, 16, LARGER };
	uint8_t *p = OPENSSL_malloc(10);

	(void)state;
	memset(p, 7, 10);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		p = OPENSSL_realloc(p, sizes[i]);
		assert_non_null(p);
		assert_true(is_all(p, 7, 10));
		memset(p, 7, sizes[i]);
	}
	assert_null(OPENSSL_realloc(p, 0)); /* which frees it */
}

static void a_block_that_is_outgrown_is_kept(void **state)
{
	uint8_t *p = OPENSSL_malloc(LARGE);

	(void)state;
	memset(p, 9, LARGE);
	p = OPENSSL_realloc(p, LARGER);
	assert_true(is_all(p, 9, LARGE));
	p = OPENSSL_clear_realloc(p, LARGER, LARGE);
	assert_true(is_all(p, 9, LARGE));
	OPENSSL_clear_free(p, LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_hold_what_was_put_in),
		cmocka_unit_test(what_is_given_back_is_wiped),
		cmocka_unit_test(sizes_change),
		cmocka_unit_test(a_block_that_is_outgrown_is_kept),
	};

	tls_mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
