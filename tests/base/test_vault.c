#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/vault.h"

#define WS_A  "11111111-1111-1111-1111-111111111111"
#define WS_B  "22222222-2222-2222-2222-222222222222"
#define INBOX "33333333-3333-3333-3333-333333333333"
#define OTHER "44444444-4444-4444-4444-444444444444"

static const struct seal_bind at_home = { { "grant", 5 }, { WS_A, 36 }, { INBOX, 36 } };

static struct secret plain, keys[4];
static struct vault vault;

static int setup(void **state)
{
	(void)state;
	secret_set_text(&plain, TEXT("1//refresh-token"));
	for (size_t i = 0; i < countof(keys); i++) {
		uint8_t raw[SEAL_KEY];

		memset(raw, (int)(0x40 + i), sizeof(raw));
		secret_set(&keys[i], raw, sizeof(raw));
	}
	vault_init(&vault, "grant");
	assert_int_equal(vault_add(&vault, 1, &keys[1]), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vault_clear(&vault);
	secret_clear(&plain);
	for (size_t i = 0; i < countof(keys); i++)
		secret_clear(&keys[i]);
	return 0;
}

static void close_at(const struct seal_bind *bind, struct buf *box)
{
	buf_init(box, 4096);
	assert_int_equal(vault_close(&vault, bind, &plain, box), 0);
}

static int open_at(const struct vault *v, const struct seal_bind *bind, const struct buf *box)
{
	cleanup_secret struct secret got = { 0 };
	int r = vault_open(v, bind, box->data, box->len, &got);

	assert_true(r < 0 ? secret_is_empty(&got) : secret_eq(&got, &plain));
	return r;
}

static void what_is_bound_must_be_given_again(void **state)
{
	static const struct {
		const char *name;
		struct seal_bind bind;
		int opens;
	} rows[] = {
		{ "as it was", { { "grant", 5 }, { WS_A, 36 }, { INBOX, 36 } }, 0 },
		{ "another purpose", { { "domain", 6 }, { WS_A, 36 }, { INBOX, 36 } }, -EBADMSG },
		{ "another workspace", { { "grant", 5 }, { WS_B, 36 }, { INBOX, 36 } }, -EBADMSG },
		{ "another inbox", { { "grant", 5 }, { WS_A, 36 }, { OTHER, 36 } }, -EBADMSG },
	};
	cleanup_buf struct buf box;

	(void)state;
	close_at(&at_home, &box);
	for (size_t i = 0; i < countof(rows); i++)
		if (open_at(&vault, &rows[i].bind, &box) != rows[i].opens)
			fail_msg("%s", rows[i].name);
}

static void no_changed_or_shortened_box_opens(void **state)
{
	cleanup_buf struct buf box;

	(void)state;
	close_at(&at_home, &box);
	for (size_t i = 0; i < box.len; i++) {
		box.data[i] ^= 1;
		if (open_at(&vault, &at_home, &box) >= 0)
			fail_msg("byte %zu", i);
		box.data[i] ^= 1;
	}
	for (size_t n = box.len; n-- > 0;) {
		struct buf cut = { .data = box.data, .len = n, .max = box.max };

		assert_true(open_at(&vault, &at_home, &cut) < 0);
	}
}

/* A workspace's boxes share their data key; another workspace's never do. */
static void a_data_key_belongs_to_one_workspace(void **state)
{
	const struct seal_bind abroad = { TEXT("grant"), TEXT(WS_B), TEXT(INBOX) };
	cleanup_buf struct buf a1, a2, b, mixed;
	const size_t head = 63;

	(void)state;
	close_at(&at_home, &a1);
	close_at(&at_home, &a2);
	close_at(&abroad, &b);
	assert_memory_equal(a1.data, a2.data, head);
	assert_memory_not_equal(a1.data, b.data, head);
	/* a data key carried over into another workspace does not unwrap */
	buf_init(&mixed, 4096);
	buf_add(&mixed, a1.data, head);
	buf_add(&mixed, b.data + head, b.len - head);
	assert_int_equal(open_at(&vault, &abroad, &mixed), -EBADMSG);
	assert_int_equal(open_at(&vault, &at_home, &mixed), -EBADMSG);
}

static void a_group_opens_nothing_of_another(void **state)
{
	struct vault tokens;
	cleanup_buf struct buf box;

	(void)state;
	vault_init(&tokens, "token");
	assert_int_equal(vault_add(&tokens, 1, &keys[1]), 0); /* the same bytes, by mistake */
	close_at(&at_home, &box);
	assert_int_equal(open_at(&tokens, &at_home, &box), -EBADMSG);
	vault_clear(&tokens);
}

static void keys_come_and_go(void **state)
{
	struct vault later;
	cleanup_buf struct buf old, new;

	(void)state;
	close_at(&at_home, &old);
	assert_int_equal(vault_use(&vault, 2), -ENOKEY);
	assert_int_equal(vault_add(&vault, 2, &keys[2]), 0);
	assert_int_equal(vault.seals, 1); /* held, and not used before it is said */
	assert_int_equal(vault_use(&vault, 2), 0);
	close_at(&at_home, &new);
	assert_int_equal(vault_key_of(old.data, old.len), 1);
	assert_int_equal(vault_key_of(new.data, new.len), 2);
	assert_int_equal(open_at(&vault, &at_home, &old), 0);
	assert_int_equal(open_at(&vault, &at_home, &new), 0);
	/* who was given only the new one says which is missing */
	vault_init(&later, "grant");
	assert_int_equal(vault_add(&later, 2, &keys[2]), 0);
	assert_int_equal(open_at(&later, &at_home, &new), 0);
	assert_int_equal(open_at(&later, &at_home, &old), -ENOKEY);
	vault_clear(&later);
}

static void a_number_means_one_key(void **state)
{
	uint8_t a[VAULT_CHECK], b[VAULT_CHECK];
	struct vault twin;

	(void)state;
	assert_int_equal(vault_add(&vault, 1, &keys[1]), 0);
	assert_int_equal(vault_add(&vault, 1, &keys[2]), -EEXIST);
	assert_int_equal(vault_add(&vault, 0, &keys[2]), -EINVAL);
	assert_int_equal(vault_add(&vault, 256, &keys[2]), -EINVAL);
	for (unsigned id = 2; id <= VAULT_KEYS; id++)
		assert_int_equal(vault_add(&vault, id, &keys[2]), 0);
	assert_int_equal(vault_add(&vault, 99, &keys[2]), -ENOSPC);
	vault_init(&twin, "grant");
	assert_int_equal(vault_add(&twin, 1, &keys[2]), 0);
	assert_int_equal(vault_check(&vault, 1, a), 0);
	assert_int_equal(vault_check(&twin, 1, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(vault_check(&twin, 2, b), -ENOKEY);
	vault_clear(&twin);
}

static void boxes_from_before_open(void **state)
{
	cleanup_buf struct buf box;

	(void)state;
	buf_init(&box, 4096);
	assert_int_equal(seal_close(&keys[1], 1, &at_home, &plain, &box), 0);
	assert_int_equal(vault_key_of(box.data, box.len), 1);
	assert_int_equal(open_at(&vault, &at_home, &box), 0);
}

static void without_a_key_nothing_is_sealed(void **state)
{
	cleanup_buf struct buf box;
	struct vault none;

	(void)state;
	vault_init(&none, "grant");
	buf_init(&box, 4096);
	assert_int_equal(vault_close(&none, &at_home, &plain, &box), -ENOKEY);
	assert_int_equal(box.len, 0);
	vault_clear(&none);
}

/* More workspaces than data keys are kept at hand for, in any order. */
static void many_workspaces(void **state)
{
	char ws[37];
	struct seal_bind bind = at_home;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		cleanup_buf struct buf box;

		snprintf(ws, sizeof(ws), "%08x-0000-0000-0000-000000000000", i * 7919 % 1000);
		bind.workspace = text_of(ws);
		close_at(&bind, &box);
		assert_int_equal(open_at(&vault, &bind, &box), 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_bound_must_be_given_again),
		TEST(no_changed_or_shortened_box_opens),
		TEST(a_data_key_belongs_to_one_workspace),
		TEST(a_group_opens_nothing_of_another),
		TEST(keys_come_and_go),
		TEST(a_number_means_one_key),
		TEST(boxes_from_before_open),
		TEST(without_a_key_nothing_is_sealed),
		TEST(many_workspaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
