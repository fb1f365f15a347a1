#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cred.h"
#include "base/mem.h"
#include "services/keyholder.h"

/* What a role makes of the keys in its credentials; what PostgreSQL says of them: tests/db. */

static char lines[64 * 1024];

static void add_line(const char *name, unsigned byte, size_t len)
{
	struct secret s = { 0 };
	uint8_t raw[SEAL_KEY];
	struct buf b;

	memset(raw, (int)byte, sizeof(raw));
	secret_set(&s, raw, len);
	buf_init(&b, 256);
	assert_int_equal(text_addf(&b, "%s=base64:", name), 0);
	assert_int_equal(text_add_base64(&b, s.data, s.len), 0);
	assert_int_equal(text_add(&b, TEXT("\n")), 0);
	assert_true(strlen(lines) + b.len < sizeof(lines));
	memcpy(lines + strlen(lines), b.data, b.len + 1);
	buf_clear(&b);
	secret_clear(&s);
}

static void add_key(unsigned id)
{
	char name[32];

	(void)snprintf(name, sizeof(name), id == 1 ? "key.grant" : "key.grant.%u", id);
	add_line(name, id, SEAL_KEY);
}

/* A role with these credentials; NULL where it does not start. */
static struct vault *take(struct role *r, struct keyholder *k)
{
	char why[CRED_WHY];

	*r = (struct role){ .name = "broker", .credentials = "fd:3", .keys_fd = -1 };
	assert_int_equal(cred_parse(text_of(lines), &r->cred, why), 0);
	lines[0] = '\0';
	keyholder_init(k, r);
	return keyholder_take(k, "grant", KEYHOLDER_RESEALS);
}

static void let_go(struct role *r, struct keyholder *k)
{
	keyholder_drop(k);
	keyholder_clear(k);
	cred_free(r->cred);
}

static void which_one_seals_is_not_its_to_say(void **state)
{
	struct keyholder k;
	struct role r;
	struct vault *v;

	(void)state;
	add_key(1);
	add_key(7);
	add_line("key.token", 9, SEAL_KEY); /* another group's */
	v = take(&r, &k);
	assert_non_null(v);
	assert_int_equal(v->n, 2);
	assert_true(vault_holds(v, 1) && vault_holds(v, 7));
	assert_int_equal(v->seals, 0);
	assert_int_equal(keyholder_code(&k, 0), 0);
	let_go(&r, &k);
}

/* Keys pile up for years, and the one too many must not be the end of the service. */
static void of_too_many_the_newest_are_held(void **state)
{
	struct keyholder k;
	struct role r;
	struct vault *v;

	(void)state;
	for (unsigned id = 1; id <= VAULT_KEYS + 2; id++)
		add_key(id);
	v = take(&r, &k);
	assert_non_null(v);
	assert_int_equal(v->n, VAULT_KEYS);
	for (unsigned id = 1; id <= VAULT_KEYS + 2; id++)
		assert_int_equal(vault_holds(v, id), id > 2);
	let_go(&r, &k);
}

static void without_a_key_or_with_a_wrong_one_nothing_starts(void **state)
{
	static const struct {
		unsigned id;
		size_t len;
		unsigned more;
	} rows[] = {
		{ 0, 0, 0 },
		{ 1, 16, 0 },
		{ 2, 16, 0 },
		{ 2, 31, VAULT_KEYS + 2 }, /* the wrong one is told, not the many */
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct keyholder k;
		struct role r;
		char name[32];

		(void)snprintf(name, sizeof(name), rows[i].id == 1 ? "key.grant" : "key.grant.%u",
			       rows[i].id);
		if (rows[i].id)
			add_line(name, 3, rows[i].len);
		else
			add_line("key.token", 3, SEAL_KEY);
		for (unsigned id = 3; id <= rows[i].more; id++)
			add_key(id);
		if (take(&r, &k))
			fail_msg("row %zu starts", i);
		let_go(&r, &k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_one_seals_is_not_its_to_say),
		cmocka_unit_test(of_too_many_the_newest_are_held),
		cmocka_unit_test(without_a_key_or_with_a_wrong_one_nothing_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
