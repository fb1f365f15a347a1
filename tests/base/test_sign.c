#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/sign.h"

static void assert_hex(const char *name, const void *p, size_t n, const char *want)
{
	cleanup_buf struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(text_add_hex(&b, p, n), 0);
	if (strcmp((const char *)b.data, want) != 0)
		fail_msg("%s: %s", name, (const char *)b.data);
}

static void secret_of_hex(struct secret *s, const char *hex)
{
	cleanup_buf struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(text_from_hex(&b, text_of(hex)), 0);
	secret_set(s, b.data, b.len);
}

static void sha256_is_sha256(void **state)
{
	uint8_t d[SIGN_SHA256];

	(void)state;
	sign_sha256("abc", 3, d);
	assert_hex("abc", d, sizeof(d),
		   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sign_sha256("", 0, d);
	assert_hex("empty", d, sizeof(d),
		   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#define REPEAT10(s) s s s s s s s s s s

/* RFC 4231 section 4 */
static const struct {
	const char *name, *key, *data, *digest; /* hex; of the digest the first bytes */
} hmacs[] = {
	{ "case 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "case 2", "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "case 3", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  REPEAT10("dd") REPEAT10("dd") REPEAT10("dd") REPEAT10("dd") REPEAT10("dd"),
	  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ "case 4", "0102030405060708090a0b0c0d0e0f10111213141516171819",
	  REPEAT10("cd") REPEAT10("cd") REPEAT10("cd") REPEAT10("cd") REPEAT10("cd"),
	  "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	{ "case 5, cut", "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
	  "546573742057697468205472756e636174696f6e", "a3b6167473100ee06e0c796c2955552b" },
	{ "case 6, key longer than a block", REPEAT10("aaaaaaaaaaaaaaaaaaaaaaaaaa") "aa",
	  "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368"
	  "204b6579204669727374",
	  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ "case 7, both longer than a block", REPEAT10("aaaaaaaaaaaaaaaaaaaaaaaaaa") "aa",
	  "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a"
	  "65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865"
	  "206b6579206e6565647320746f20626520686173686564206265666f7265206265696e672075736564206279"
	  "2074686520484d414320616c676f726974686d2e",
	  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
};

static void hmac_is_hmac_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(hmacs); i++) {
		cleanup_secret struct secret key = { 0 }, data = { 0 };
		uint8_t d[SIGN_SHA256];

		secret_of_hex(&key, hmacs[i].key);
		secret_of_hex(&data, hmacs[i].data);
		for (size_t cut = 0; cut <= data.len; cut++) {
			struct text all = { secret_text(&data), data.len };
			struct text parts[] = {
				text_sub(all, 0, cut),
				{ NULL, 0 },
				text_sub(all, cut, SIZE_MAX),
			};

			sign_hmac(&key, parts, countof(parts), d);
			assert_hex(hmacs[i].name, d, strlen(hmacs[i].digest) / 2, hmacs[i].digest);
		}
	}
}

static void an_empty_key_and_no_parts_are_defined(void **state)
{
	const struct secret none = { 0 };
	uint8_t d[SIGN_SHA256];

	(void)state;
	sign_hmac(&none, NULL, 0, d);
	assert_hex("empty", d, sizeof(d),
		   "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 5869 appendix A.1 to A.3 */
static const struct {
	const char *name, *material, *salt, *info, *key;
} hkdfs[] = {
	{ "A.1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
	  "f0f1f2f3f4f5f6f7f8f9",
	  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
	{ "A.2",
	  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272829"
	  "2a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
	  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586878889"
	  "8a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9"
	  "dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb"
	  "41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ "A.3", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
};

static void hkdf_is_hkdf(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(hkdfs); i++) {
		cleanup_secret struct secret material = { 0 }, key = { 0 };
		cleanup_buf struct buf salt, info;

		buf_init(&salt, 100);
		buf_init(&info, 100);
		secret_of_hex(&material, hkdfs[i].material);
		assert_int_equal(text_from_hex(&salt, text_of(hkdfs[i].salt)), 0);
		assert_int_equal(text_from_hex(&info, text_of(hkdfs[i].info)), 0);
		sign_hkdf(&material, text_of_buf(&salt), text_of_buf(&info),
			  strlen(hkdfs[i].key) / 2, &key);
		assert_hex(hkdfs[i].name, key.data, key.len, hkdfs[i].key);
	}
}

static void derived_keys_are_apart(void **state)
{
	static const struct {
		struct text purpose, id;
	} rows[] = {
		{ { "digest", 6 }, { "w1", 2 } }, { { "digest", 6 }, { "w2", 2 } },
		{ { "dige", 4 }, { "stw1", 4 } }, { { "digestw1", 8 }, { "", 0 } },
		{ { "", 0 }, { "digestw1", 8 } }, { { "digest:w1", 9 }, { "", 0 } },
		{ { "", 0 }, { "", 0 } },
	};
	cleanup_secret struct secret master = { 0 }, other = { 0 }, again = { 0 };
	struct secret keys[countof(rows)] = { 0 };

	(void)state;
	secret_set(&master, "0123456789abcdef0123456789abcdef", 32);
	secret_set(&other, "0123456789abcdef0123456789abcdeF", 32);
	for (size_t i = 0; i < countof(rows); i++) {
		sign_derive(&master, rows[i].purpose, rows[i].id, &keys[i]);
		assert_int_equal(keys[i].len, 32);
		for (size_t k = 0; k < i; k++)
			assert_false(secret_eq(&keys[i], &keys[k]));
	}
	sign_derive(&master, rows[0].purpose, rows[0].id, &again);
	assert_true(secret_eq(&again, &keys[0]));
	sign_derive(&other, rows[0].purpose, rows[0].id, &again);
	assert_false(secret_eq(&again, &keys[0]));
	for (size_t i = 0; i < countof(rows); i++)
		secret_clear(&keys[i]);
}

/* The vector of the Standard Webhooks libraries. */
static void webhook_is_the_published_one(void **state)
{
	cleanup_secret struct secret secret = { 0 };
	cleanup_buf struct buf b;
	char s[SIGN_WEBHOOK];

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(text_from_base64(&b, TEXT("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), 0);
	secret_set(&secret, b.data, b.len);
	sign_webhook(&secret, TEXT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
		     TEXT("{\"test\": 2432232314}"), s);
	assert_string_equal(s, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	sign_webhook(&secret, TEXT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265331,
		     TEXT("{\"test\": 2432232314}"), s);
	assert_string_not_equal(s, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void eq_sees_every_bit(void **state)
{
	uint8_t a[SIGN_SHA256], b[SIGN_SHA256];

	(void)state;
	sign_sha256("x", 1, a);
	memcpy(b, a, sizeof(b));
	assert_true(sign_eq(a, b, sizeof(a)));
	for (size_t bit = 0; bit < sizeof(a) * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_false(sign_eq(a, b, sizeof(a)));
		b[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_true(sign_eq(a, b, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_is_sha256),
		cmocka_unit_test(hmac_is_hmac_however_it_is_cut),
		cmocka_unit_test(an_empty_key_and_no_parts_are_defined),
		cmocka_unit_test(hkdf_is_hkdf),
		cmocka_unit_test(derived_keys_are_apart),
		cmocka_unit_test(webhook_is_the_published_one),
		cmocka_unit_test(eq_sees_every_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
