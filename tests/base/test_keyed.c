#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/keyed.h"
#include "base/mem.h"

static struct secret key_a, key_b;

static int keys_setup(void **state)
{
	cleanup_secret struct secret master = { 0 };

	(void)state;
	secret_set(&master, "0123456789abcdef0123456789abcdef", 32);
	keyed_workspace_key(&master, TEXT("5f0c9c1e-2d36-4a55-9d7c-0a6d5b0f1a01"), &key_a);
	keyed_workspace_key(&master, TEXT("5f0c9c1e-2d36-4a55-9d7c-0a6d5b0f1a02"), &key_b);
	return 0;
}

static int keys_teardown(void **state)
{
	(void)state;
	secret_clear(&key_a);
	secret_clear(&key_b);
	return 0;
}

typedef void (*digest_fn)(const struct secret *, struct text, uint8_t[KEYED_DIGEST]);

static const digest_fn kinds[] = { keyed_id_digest, keyed_address_digest, keyed_mail_digest };

static void workspaces_and_kinds_are_apart(void **state)
{
	uint8_t seen[6][KEYED_DIGEST];
	size_t n = 0;

	(void)state;
	assert_int_equal(key_a.len, 32);
	for (size_t i = 0; i < countof(kinds); i++) {
		kinds[i](&key_a, TEXT("x@example.test"), seen[n++]);
		kinds[i](&key_b, TEXT("x@example.test"), seen[n++]);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(seen[i], seen[k], KEYED_DIGEST);
}

static void both_sides_compute_the_same(void **state)
{
	uint8_t one[KEYED_DIGEST], other[KEYED_DIGEST];

	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		kinds[i](&key_a, TEXT("x@example.test"), one);
		kinds[i](&key_a, TEXT("x@example.test"), other);
		assert_memory_equal(one, other, KEYED_DIGEST);
		kinds[i](&key_a, TEXT("y@example.test"), other);
		assert_memory_not_equal(one, other, KEYED_DIGEST);
	}
}

/* RFC 5321 section 2.4 lets the left part have case; no mailbox in use does. */
static void only_addresses_are_folded(void **state)
{
	uint8_t one[KEYED_DIGEST], other[KEYED_DIGEST];

	(void)state;
	keyed_address_digest(&key_a, TEXT("Anna.Z@Example.TEST"), one);
	keyed_address_digest(&key_a, TEXT("anna.z@example.test"), other);
	assert_memory_equal(one, other, KEYED_DIGEST);
	/* '@' and '[' lie beside the letters */
	keyed_address_digest(&key_a, TEXT("a@[1.2.3.4]"), one);
	keyed_address_digest(&key_a, TEXT("a`{1.2.3.4}"), other);
	assert_memory_not_equal(one, other, KEYED_DIGEST);
	keyed_id_digest(&key_a, TEXT("ABC@example.test"), one);
	keyed_id_digest(&key_a, TEXT("abc@example.test"), other);
	assert_memory_not_equal(one, other, KEYED_DIGEST);
}

static void odd_lengths_are_defined(void **state)
{
	uint8_t one[KEYED_DIGEST], other[KEYED_DIGEST];
	char much[2000];

	(void)state;
	memset(much, 'A', sizeof(much));
	for (size_t i = 0; i < countof(kinds); i++) {
		kinds[i](&key_a, (struct text){ NULL, 0 }, one);
		kinds[i](&key_a, TEXT(""), other);
		assert_memory_equal(one, other, KEYED_DIGEST);
		kinds[i](&key_a, (struct text){ much, sizeof(much) }, other);
		assert_memory_not_equal(one, other, KEYED_DIGEST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workspaces_and_kinds_are_apart),
		cmocka_unit_test(both_sides_compute_the_same),
		cmocka_unit_test(only_addresses_are_folded),
		cmocka_unit_test(odd_lengths_are_defined),
	};

	return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
