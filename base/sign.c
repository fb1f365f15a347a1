#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "base/sign.h"

/*
 * The library refuses these only when it has no memory or lacks SHA-256.
 * Neither is a state in which to go on: a missing digest would match another.
 */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

void sign_sha256(const void *p, size_t n, uint8_t ret_digest[SIGN_SHA256])
{
	must(EVP_Digest(p, n, ret_digest, NULL, EVP_sha256(), NULL));
}

void sign_hmac(const struct secret *key, const struct text *parts, size_t n_parts,
	       uint8_t ret_digest[SIGN_SHA256])
{
	static const uint8_t no_key[1];
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	size_t n = 0;

	must(ctx != NULL);
	/* A NULL key would mean "the one from before" to the library. */
	must(EVP_MAC_init(ctx, key->data ? key->data : no_key, key->len, params));
	for (size_t i = 0; i < n_parts; i++)
		if (parts[i].len)
			must(EVP_MAC_update(ctx, (const uint8_t *)parts[i].at, parts[i].len));
	must(EVP_MAC_final(ctx, ret_digest, &n, SIGN_SHA256));
	must(n == SIGN_SHA256);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

bool sign_eq(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

/* The library takes no const here, and changes nothing. */
static OSSL_PARAM bytes_param(const char *name, const void *p, size_t n)
{
	static uint8_t none[1];
	union {
		const void *borrowed;
		void *given;
	} bytes = { .borrowed = n ? p : none };

	return OSSL_PARAM_construct_octet_string(name, bytes.given, n);
}

void sign_hkdf(const struct secret *material, struct text salt, struct text info, size_t n,
	       struct secret *ret_key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		bytes_param(OSSL_KDF_PARAM_KEY, material->data, material->len),
		bytes_param(OSSL_KDF_PARAM_SALT, salt.at, salt.len),
		bytes_param(OSSL_KDF_PARAM_INFO, info.at, info.len),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	uint8_t key[SIGN_HKDF_MAX];

	assert(n && n <= sizeof(key));
	must(ctx != NULL);
	must(EVP_KDF_derive(ctx, key, n, params));
	secret_set(ret_key, key, n);
	secret_wipe(key, sizeof(key));
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

void sign_derive(const struct secret *master, struct text purpose, struct text id,
		 struct secret *ret_key)
{
	char info[512];
	int n;

	assert(!secret_is_empty(master));
	/* The length in front keeps ("ab", "c") and ("a", "bc") apart. */
	n = snprintf(info, sizeof(info), "%zu:%.*s:%.*s", purpose.len, TEXT_ARG(purpose),
		     TEXT_ARG(id));
	assert(n > 0 && (size_t)n < sizeof(info));
	sign_hkdf(master, TEXT(""), (struct text){ info, (size_t)n }, SIGN_SHA256, ret_key);
}

/* Without it the library would ask the terminal for a pass phrase. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's type for it */
static int no_pass_phrase(char *buf, int size, int writing, void *own)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)own;
	return -1;
}

static int read_rsa(const struct secret *pem, EVP_PKEY **ret)
{
	BIO *bio;
	int bits;

	if (pem->len == 0)
		return -EBADMSG;
	bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	must(bio != NULL);
	*ret = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	if (!*ret || !EVP_PKEY_is_a(*ret, "RSA"))
		return -EBADMSG;
	bits = EVP_PKEY_get_bits(*ret);
	return bits < 2048 || bits > 8 * SIGN_RS256 ? -EINVAL : 0;
}

int sign_rs256(const struct secret *pem, struct text input, uint8_t ret_signature[SIGN_RS256],
	       size_t *ret_n)
{
	EVP_PKEY *key = NULL;
	EVP_MD_CTX *ctx = NULL;
	size_t n = SIGN_RS256;
	int r = read_rsa(pem, &key);

	if (r == 0 && ret_signature) {
		ctx = EVP_MD_CTX_new();
		must(ctx != NULL);
		/* A key whose numbers do not belong together fails here. */
		if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
		    EVP_DigestSign(ctx, ret_signature, &n, (const uint8_t *)input.at, input.len) !=
			    1)
			r = -EBADMSG;
		else
			*ret_n = n;
		ERR_clear_error();
	}
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return r;
}

void sign_webhook(const struct secret *secret, struct text id, int64_t unix_s, struct text body,
		  char dst[SIGN_WEBHOOK])
{
	uint8_t digest[SIGN_SHA256];
	char when[24];
	int n = snprintf(when, sizeof(when), ".%" PRId64 ".", unix_s);
	struct text parts[] = { id, { when, (size_t)n }, body };

	sign_hmac(secret, parts, 3, digest);
	dst[0] = 'v';
	dst[1] = '1';
	dst[2] = ',';
	(void)EVP_EncodeBlock((uint8_t *)dst + 3, digest, sizeof(digest));
}
