#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/seal.h"

#define WORKSPACE "5f0c9c1e-2d36-4a55-9d7c-0a6d5b0f1a01"
#define INBOX     "0b1cf3c2-7a10-4f7e-8a46-3b1d0c5e9f02"

static const struct seal_bind grant = {
	{ "grant", 5 },
	{ WORKSPACE, 36 },
	{ INBOX, 36 },
};

/* The two kinds of box are held to the same promises. */
static struct secret key, other_key;
static uint8_t public_key[SEAL_KEY], other_public[SEAL_KEY];

static int close_s(const struct seal_bind *bind, const struct secret *plain, struct buf *box)
{
	return seal_close(&key, 7, bind, plain, box);
}

static int open_s(const struct secret *k, const struct seal_bind *bind, const void *box, size_t n,
		  struct secret *plain)
{
	return seal_open(k, bind, box, n, plain);
}

static int close_p(const struct seal_bind *bind, const struct secret *plain, struct buf *box)
{
	return seal_close_to(public_key, bind, plain, box);
}

static int open_p(const struct secret *k, const struct seal_bind *bind, const void *box, size_t n,
		  struct secret *plain)
{
	return seal_open_with(k, bind, box, n, plain);
}

static const struct {
	const char *name;
	int (*close)(const struct seal_bind *bind, const struct secret *plain, struct buf *box);
	int (*open)(const struct secret *k, const struct seal_bind *bind, const void *box, size_t n,
		    struct secret *plain);
	size_t adds; /* bytes of a box beside the plain ones */
} kinds[] = {
	{ "S", close_s, open_s, 2 + 12 + 16 },
	{ "P", close_p, open_p, 1 + 32 + 12 + 16 },
};

static int keys_setup(void **state)
{
	(void)state;
	seal_pair(&key, public_key);
	seal_pair(&other_key, other_public);
	return 0;
}

static int keys_teardown(void **state)
{
	(void)state;
	secret_clear(&key);
	secret_clear(&other_key);
	return 0;
}

static void what_is_closed_opens(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, LIMIT_SECRET };

	(void)state;
	for (size_t k = 0; k < countof(kinds); k++) {
		for (size_t i = 0; i < countof(sizes); i++) {
			cleanup_secret struct secret plain = { 0 }, back = { 0 };
			cleanup_free uint8_t *bytes = mem_new(sizes[i]);
			cleanup_buf struct buf box;

			buf_init(&box, LIMIT_SECRET + 100);
			rand_bytes(bytes, sizes[i]);
			secret_set(&plain, bytes, sizes[i]);
			assert_int_equal(kinds[k].close(&grant, &plain, &box), 0);
			assert_int_equal(box.len, sizes[i] + kinds[k].adds);
			if (sizes[i] >= 15)
				assert_null(memmem(box.data, box.len, bytes, 15));
			assert_int_equal(kinds[k].open(&key, &grant, box.data, box.len, &back), 0);
			assert_true(secret_eq(&plain, &back));
		}
	}
}

static void two_boxes_of_one_secret_differ(void **state)
{
	cleanup_secret struct secret plain = { 0 };

	(void)state;
	secret_set_text(&plain, TEXT("refresh token"));
	for (size_t k = 0; k < countof(kinds); k++) {
		cleanup_buf struct buf a, b;

		buf_init(&a, 200);
		buf_init(&b, 200);
		assert_int_equal(kinds[k].close(&grant, &plain, &a), 0);
		assert_int_equal(kinds[k].close(&grant, &plain, &b), 0);
		assert_int_equal(a.len, b.len);
		assert_memory_not_equal(a.data + a.len - 29, b.data + b.len - 29, 29);
	}
}

/* One bit anywhere, one byte more or less: nothing opens, and the answer is always the same. */
static void changed_boxes_do_not_open(void **state)
{
	cleanup_secret struct secret plain = { 0 }, back = { 0 };

	(void)state;
	secret_set_text(&plain, TEXT("refresh token"));
	for (size_t k = 0; k < countof(kinds); k++) {
		cleanup_buf struct buf box;

		buf_init(&box, 200);
		assert_int_equal(kinds[k].close(&grant, &plain, &box), 0);
		for (size_t bit = 0; bit < box.len * 8; bit++) {
			/* RFC 7748 section 5 masks the last bit of a point, the box does not */
			box.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
			if (kinds[k].open(&key, &grant, box.data, box.len, &back) != -EBADMSG)
				fail_msg("%s: opened with bit %zu changed", kinds[k].name, bit);
			box.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		for (size_t n = 0; n < box.len; n++) {
			cleanup_free uint8_t *cut = mem_copy(box.data, n);

			if (kinds[k].open(&key, &grant, cut, n, &back) != -EBADMSG)
				fail_msg("%s: opened with %zu bytes", kinds[k].name, n);
		}
		assert_int_equal(buf_add(&box, "", 1), 0);
		assert_int_equal(kinds[k].open(&key, &grant, box.data, box.len, &back), -EBADMSG);
		buf_cut(&box, box.len - 1);
		assert_int_equal(kinds[k].open(&other_key, &grant, box.data, box.len, &back),
				 -EBADMSG);
		assert_int_equal(kinds[1 - k].open(&key, &grant, box.data, box.len, &back),
				 -EBADMSG);
		/* the secret that was to be filled is as it was: empty */
		assert_true(secret_is_empty(&back));
		assert_int_equal(kinds[k].open(&key, &grant, box.data, box.len, &back), 0);
		secret_clear(&back);
	}
}

static void moved_boxes_do_not_open(void **state)
{
	static const struct {
		const char *name;
		struct seal_bind bind;
	} rows[] = {
		{ "another purpose", { { "access", 6 }, { WORKSPACE, 36 }, { INBOX, 36 } } },
		{ "another workspace", { { "grant", 5 }, { INBOX, 36 }, { INBOX, 36 } } },
		{ "another inbox", { { "grant", 5 }, { WORKSPACE, 36 }, { WORKSPACE, 36 } } },
		{ "no inbox", { { "grant", 5 }, { WORKSPACE, 36 }, { NULL, 0 } } },
		{ "nothing", { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } } },
		{ "the same letters cut elsewhere",
		  { { "gran", 4 }, { "t" WORKSPACE, 37 }, { INBOX, 36 } } },
		{ "upper case", { { "GRANT", 5 }, { WORKSPACE, 36 }, { INBOX, 36 } } },
		{ "shorter", { { "grant", 5 }, { WORKSPACE, 36 }, { INBOX, 35 } } },
	};
	cleanup_secret struct secret plain = { 0 }, back = { 0 };

	(void)state;
	secret_set_text(&plain, TEXT("refresh token"));
	for (size_t k = 0; k < countof(kinds); k++) {
		for (size_t i = 0; i < countof(rows); i++) {
			cleanup_buf struct buf there, here;

			buf_init(&there, 200);
			buf_init(&here, 200);
			assert_int_equal(kinds[k].close(&grant, &plain, &there), 0);
			assert_int_equal(kinds[k].close(&rows[i].bind, &plain, &here), 0);
			if (kinds[k].open(&key, &rows[i].bind, there.data, there.len, &back) !=
				    -EBADMSG ||
			    kinds[k].open(&key, &grant, here.data, here.len, &back) != -EBADMSG)
				fail_msg("%s: %s", kinds[k].name, rows[i].name);
			assert_int_equal(
				kinds[k].open(&key, &rows[i].bind, here.data, here.len, &back), 0);
			secret_clear(&back);
		}
	}
}

static void the_key_id_is_read_and_proven(void **state)
{
	cleanup_secret struct secret plain = { 0 }, back = { 0 };
	cleanup_buf struct buf box;

	(void)state;
	buf_init(&box, 200);
	secret_set_text(&plain, TEXT("x"));
	for (int id = 0; id < 256; id += 51) {
		buf_clear(&box);
		assert_int_equal(seal_close(&key, (uint8_t)id, &grant, &plain, &box), 0);
		assert_int_equal(seal_key_id(box.data, box.len), id);
		box.data[1] ^= 1;
		assert_int_equal(seal_key_id(box.data, box.len), id ^ 1);
		assert_int_equal(seal_open(&key, &grant, box.data, box.len, &back), -EBADMSG);
	}
	assert_int_equal(seal_key_id("S", 1), -EBADMSG);
	assert_int_equal(seal_key_id(NULL, 0), -EBADMSG);
	buf_clear(&box);
	assert_int_equal(seal_close_to(public_key, &grant, &plain, &box), 0);
	assert_int_equal(seal_key_id(box.data, box.len), -EBADMSG);
}

static void ceilings_hold(void **state)
{
	cleanup_secret struct secret plain = { 0 }, back = { 0 };
	cleanup_free uint8_t *large = mem_new(LIMIT_SECRET + 200);

	(void)state;
	secret_set_text(&plain, TEXT("refresh token"));
	for (size_t k = 0; k < countof(kinds); k++) {
		for (size_t max = 0; max < plain.len + kinds[k].adds; max++) {
			cleanup_buf struct buf box;

			buf_init(&box, max);
			assert_int_equal(kinds[k].close(&grant, &plain, &box), -ENOBUFS);
			assert_int_equal(box.len, 0);
		}
		large[0] = (uint8_t)kinds[k].name[0];
		assert_int_equal(kinds[k].open(&key, &grant, large, LIMIT_SECRET + 200, &back),
				 -EBADMSG);
	}
}

static void only_the_private_half_opens(void **state)
{
	cleanup_secret struct secret plain = { 0 }, back = { 0 }, as_key = { 0 };
	cleanup_buf struct buf box;
	uint8_t again[SEAL_KEY];

	(void)state;
	buf_init(&box, 200);
	secret_set_text(&plain, TEXT("authorization code"));
	assert_int_equal(seal_public(&key, again), 0);
	assert_memory_equal(again, public_key, SEAL_KEY);
	assert_memory_not_equal(again, other_public, SEAL_KEY);
	assert_int_equal(seal_close_to(public_key, &grant, &plain, &box), 0);
	/* what the closer holds: the public half and the ephemeral one in the box */
	secret_set(&as_key, public_key, SEAL_KEY);
	assert_int_equal(seal_open_with(&as_key, &grant, box.data, box.len, &back), -EBADMSG);
	secret_set(&as_key, box.data + 1, SEAL_KEY);
	assert_int_equal(seal_open_with(&as_key, &grant, box.data, box.len, &back), -EBADMSG);
	secret_set_text(&as_key, TEXT("short"));
	assert_int_equal(seal_public(&as_key, again), -EINVAL);
}

/* RFC 7748 section 6.1: points of small order make the shared key zero, known to all. */
static void weak_points_are_refused(void **state)
{
	static const uint8_t weak[][SEAL_KEY] = {
		{ 0 },
		{ 1 },
		{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
		  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
		  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	};
	cleanup_secret struct secret plain = { 0 }, back = { 0 };

	(void)state;
	secret_set_text(&plain, TEXT("x"));
	for (size_t i = 0; i < countof(weak); i++) {
		uint8_t forged[100] = { 'P' };
		cleanup_buf struct buf box;

		buf_init(&box, 200);
		assert_int_equal(seal_close_to(weak[i], &grant, &plain, &box), -EINVAL);
		assert_int_equal(box.len, 0);
		memcpy(forged + 1, weak[i], SEAL_KEY);
		assert_int_equal(seal_open_with(&key, &grant, forged, sizeof(forged), &back),
				 -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_closed_opens),
		cmocka_unit_test(two_boxes_of_one_secret_differ),
		cmocka_unit_test(changed_boxes_do_not_open),
		cmocka_unit_test(moved_boxes_do_not_open),
		cmocka_unit_test(the_key_id_is_read_and_proven),
		cmocka_unit_test(ceilings_hold),
		cmocka_unit_test(only_the_private_half_opens),
		cmocka_unit_test(weak_points_are_refused),
	};

	return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
