#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oauth/rsakey.h"

void rsakey_make(struct rsakey *k, const char *type, int bits)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	*k = (struct rsakey){ 0 };
	k->key = strcmp(type, "EC") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
					 : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	assert_non_null(k->key);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, k->key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_read(bio, k->pem, sizeof(k->pem) - 1);
	assert_true(n > 0);
	k->pem[n] = '\0';
	BIO_free(bio);
}

void rsakey_drop(struct rsakey *k)
{
	EVP_PKEY_free(k->key);
}

const char *rsakey_account(const struct rsakey *k, const char *token_uri)
{
	static char text[8192];
	json_t *o =
		json_pack("{s:s s:s s:s s:s s:s s:s}", "type", "service_account", "client_email",
			  "robot@project.acme.test", "client_id", "1234567", "private_key_id",
			  "key-1", "private_key", k->pem, "token_uri", token_uri);
	char *s = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	snprintf(text, sizeof(text), "%s", s);
	free(s);
	return text;
}

int rsakey_signed(const struct rsakey *k, struct text jwt, char *ret_claims, size_t size)
{
	struct text head, rest, claims, signature;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf b, sig;
	int ok;

	assert_true(text_cut(jwt, '.', &head, &rest) && text_cut(rest, '.', &claims, &signature));
	buf_init(&b, 4096);
	buf_init(&sig, 4096);
	assert_int_equal(text_from_base64url(&b, claims), 0);
	assert_int_equal(text_from_base64url(&sig, signature), 0);
	snprintf(ret_claims, size, "%.*s", (int)b.len, (const char *)b.data);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, k->key), 1);
	ok = EVP_DigestVerify(ctx, sig.data, sig.len, (const uint8_t *)jwt.at,
			      head.len + 1 + claims.len);
	EVP_MD_CTX_free(ctx);
	buf_clear(&b);
	buf_clear(&sig);
	return ok == 1;
}
