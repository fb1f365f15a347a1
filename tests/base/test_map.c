#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"

static void hash_is_siphash(void **state)
{
	/* From the paper's appendix A and the reference vectors: key 00..0f, message 00, 01, ... */
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },  { 1, UINT64_C(0x74f839c593dc67fd) },
		{ 7, UINT64_C(0xab0200f58b01d137) },  { 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) }, { 63, UINT64_C(0x958a324ceb064572) },
	};
	uint8_t seed[16], message[64];

	(void)state;
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < countof(rows); i++)
		if (map_hash(seed, (struct text){ (const char *)message, rows[i].len }) !=
		    rows[i].hash)
			fail_msg("%zu bytes", rows[i].len);
}

static void puts_gets_and_removes(void **state)
{
	int a = 1, b = 2;
	struct map m;

	(void)state;
	map_init(&m);
	assert_null(map_get(&m, TEXT("x")));
	assert_null(map_remove(&m, TEXT("x")));
	assert_null(map_put(&m, TEXT("x"), &a));
	assert_ptr_equal(map_get(&m, TEXT("x")), &a);
	assert_ptr_equal(map_put(&m, TEXT("x"), &b), &a);
	assert_int_equal(map_count(&m), 1);
	/* a key is bytes: no case, no end at a NUL, and none at all is one too */
	assert_null(map_get(&m, TEXT("X")));
	assert_null(map_put(&m, TEXT("x\0y"), &a));
	assert_null(map_put(&m, (struct text){ NULL, 0 }, &a));
	assert_int_equal(map_count(&m), 3);
	assert_ptr_equal(map_remove(&m, TEXT("x")), &b);
	assert_null(map_get(&m, TEXT("x")));
	assert_ptr_equal(map_get(&m, TEXT("x\0y")), &a);
	assert_ptr_equal(map_get(&m, TEXT("")), &a);
	map_clear(&m);
	assert_int_equal(map_count(&m), 0);
	assert_null(map_get(&m, TEXT("")));
	assert_null(map_put(&m, TEXT("again"), &a));
	map_clear(&m);
}

static void keys_are_copied(void **state)
{
	char key[] = "key";
	struct map m = { 0 };
	int a;

	(void)state;
	assert_null(map_put(&m, text_of(key), &a));
	key[0] = 'X';
	assert_ptr_equal(map_get(&m, TEXT("key")), &a);
	map_clear(&m);
}

#define KEYS 500

/* A hundred thousand random steps, against an array that cannot be wrong. */
static void agrees_with_an_array(void **state)
{
	static int cells[KEYS];
	static void *want[KEYS];
	struct rand_gen g;
	struct map m;
	size_t n = 0;

	(void)state;
	rand_gen_seed(&g, 11);
	map_init(&m);
	for (int step = 0; step < 100000; step++) {
		size_t k = rand_gen_below(&g, KEYS), act = rand_gen_below(&g, 10);
		/* long times of growth and of shrinking take turns */
		bool growing = step / 20000 % 2 == 0;
		char key[32];
		struct text t;

		(void)snprintf(key, sizeof(key), "inbox-%zu", k);
		t = text_of(key);
		if (act < (growing ? 6U : 2U)) {
			void *value = &cells[rand_gen_below(&g, KEYS)];

			assert_ptr_equal(map_put(&m, t, value), want[k]);
			n += !want[k];
			want[k] = value;
		} else if (act < 8) {
			assert_ptr_equal(map_remove(&m, t), want[k]);
			n -= want[k] != NULL;
			want[k] = NULL;
		} else {
			assert_ptr_equal(map_get(&m, t), want[k]);
		}
		assert_int_equal(map_count(&m), n);
	}
	map_clear(&m);
}

static void goes_through_in_order_while_removing(void **state)
{
	static int values[1000];
	struct map m = { 0 };
	struct text key;
	size_t at = 0, seen = 0;
	void *value;

	(void)state;
	for (size_t i = 0; i < countof(values); i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%zu", i);
		assert_null(map_put(&m, text_of(name), &values[i]));
	}
	while (map_next(&m, &at, &key, &value)) {
		char next[32];

		assert_ptr_equal(value, &values[seen]);
		/* this one, and every fourth also the one after it */
		(void)snprintf(next, sizeof(next), "%zu", seen + 1);
		assert_ptr_equal(map_remove(&m, key), value);
		if (seen % 4 == 0) {
			assert_ptr_equal(map_remove(&m, text_of(next)), &values[seen + 1]);
			seen++;
		}
		seen++;
	}
	assert_int_equal(seen, countof(values));
	assert_int_equal(map_count(&m), 0);
	map_clear(&m);
}

static void gives_memory_back(void **state)
{
	struct map m = { 0 };
	size_t largest;
	int a;

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		assert_null(map_put(&m, (struct text){ (const char *)&i, sizeof(i) }, &a));
	largest = m.n_table;
	for (unsigned i = 0; i < 10000; i++)
		assert_ptr_equal(map_remove(&m, (struct text){ (const char *)&i, sizeof(i) }), &a);
	assert_int_equal(m.n_table, 0);
	/* keys that come and go do not make it grow */
	for (unsigned i = 0; i < 100000; i++) {
		assert_null(map_put(&m, (struct text){ (const char *)&i, sizeof(i) }, &a));
		if (i >= 10) {
			unsigned old = i - 10;

			assert_ptr_equal(
				map_remove(&m, (struct text){ (const char *)&old, sizeof(old) }),
				&a);
		}
	}
	assert_true(m.n_table <= 64 && largest > 10000);
	map_clear(&m);
}

static void each_map_has_its_own_seed(void **state)
{
	struct map a = { 0 }, b = { 0 };
	int x;

	(void)state;
	assert_null(map_put(&a, TEXT("k"), &x));
	assert_null(map_put(&b, TEXT("k"), &x));
	assert_memory_not_equal(a.seed, b.seed, sizeof(a.seed));
	map_clear(&a);
	map_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_siphash),
		cmocka_unit_test(puts_gets_and_removes),
		cmocka_unit_test(keys_are_copied),
		cmocka_unit_test(agrees_with_an_array),
		cmocka_unit_test(goes_through_in_order_while_removing),
		cmocka_unit_test(gives_memory_back),
		cmocka_unit_test(each_map_has_its_own_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
