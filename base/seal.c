#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/seal.h"
#include "base/sign.h"

#define NONCE 12 /* NIST SP 800-38D section 5.2.1.1: 96 bits are the ones GCM is made for */
#define TAG   16
#define BOUND 512

#define HEAD_S (1 + 1)
#define HEAD_P (1 + SEAL_KEY)

/* The library refuses these only when it lacks memory or AES-GCM. */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

/* One unambiguous run of bytes: the head of the box, then each part behind its length. */
static size_t put_part(uint8_t *bound, size_t at, const void *p, size_t n)
{
	assert(at + 2 + n <= BOUND);
	bound[at] = (uint8_t)(n >> 8);
	bound[at + 1] = (uint8_t)n;
	if (n)
		memcpy(bound + at + 2, p, n);
	return at + 2 + n;
}

static size_t put_bind(uint8_t bound[BOUND], const uint8_t *head, size_t head_len,
		       const struct seal_bind *bind)
{
	size_t n = put_part(bound, 0, head, head_len);

	n = put_part(bound, n, bind->purpose.at, bind->purpose.len);
	n = put_part(bound, n, bind->workspace.at, bind->workspace.len);
	return put_part(bound, n, bind->subject.at, bind->subject.len);
}

/* head nonce ciphertext tag, with head and bind authenticated */
static int close_box(const struct secret *key, const uint8_t *head, size_t head_len,
		     const struct seal_bind *bind, const struct secret *plain, struct buf *ret_box)
{
	uint8_t nonce[NONCE], tag[TAG], bound[BOUND];
	int r = buf_reserve(ret_box, head_len + NONCE + plain->len + TAG), n = 0;
	EVP_CIPHER_CTX *ctx;

	assert(key->len == SEAL_KEY);
	if (r < 0)
		return r;
	ctx = EVP_CIPHER_CTX_new();
	must(ctx != NULL);
	rand_bytes(nonce, sizeof(nonce));
	must(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->data, nonce));
	must(EVP_EncryptUpdate(ctx, NULL, &n, bound, (int)put_bind(bound, head, head_len, bind)));
	(void)buf_add(ret_box, head, head_len);
	(void)buf_add(ret_box, nonce, sizeof(nonce));
	if (plain->len)
		must(EVP_EncryptUpdate(ctx, ret_box->data + ret_box->len, &n, plain->data,
				       (int)plain->len));
	ret_box->len += plain->len;
	must(EVP_EncryptFinal_ex(ctx, tag, &n));
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag));
	EVP_CIPHER_CTX_free(ctx);
	(void)buf_add(ret_box, tag, sizeof(tag));
	return 0;
}

static int open_box(const struct secret *key, const uint8_t *box, size_t n, size_t head_len,
		    const struct seal_bind *bind, struct secret *ret_plain)
{
	size_t sealed;
	uint8_t bound[BOUND], tag[TAG], *plain;
	EVP_CIPHER_CTX *ctx;
	int m = 0, ok;

	assert(key->len == SEAL_KEY);
	if (n < head_len + NONCE + TAG || n - head_len - NONCE - TAG > LIMIT_SECRET)
		return -EBADMSG;
	sealed = n - head_len - NONCE - TAG;
	memcpy(tag, box + n - TAG, TAG);
	ctx = EVP_CIPHER_CTX_new();
	must(ctx != NULL);
	must(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->data, box + head_len));
	must(EVP_DecryptUpdate(ctx, NULL, &m, bound, (int)put_bind(bound, box, head_len, bind)));
	plain = mem_new(sealed + 1);
	if (sealed)
		must(EVP_DecryptUpdate(ctx, plain, &m, box + head_len + NONCE, (int)sealed));
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag));
	ok = EVP_DecryptFinal_ex(ctx, tag, &m) == 1;
	EVP_CIPHER_CTX_free(ctx);
	/* Nothing that was not authenticated leaves this function. */
	if (ok)
		secret_set(ret_plain, plain, sealed);
	secret_wipe(plain, sealed);
	free(plain);
	return ok ? 0 : -EBADMSG;
}

int seal_close(const struct secret *key, uint8_t key_id, const struct seal_bind *bind,
	       const struct secret *plain, struct buf *ret_box)
{
	uint8_t head[HEAD_S] = { 'S', key_id };

	return close_box(key, head, sizeof(head), bind, plain, ret_box);
}

int seal_key_id(const void *box, size_t n)
{
	const uint8_t *b = box;

	return n >= HEAD_S + NONCE + TAG && b[0] == 'S' ? b[1] : -EBADMSG;
}

int seal_open(const struct secret *key, const struct seal_bind *bind, const void *box, size_t n,
	      struct secret *ret_plain)
{
	int r = seal_key_id(box, n);

	return r < 0 ? r : open_box(key, box, n, HEAD_S, bind, ret_plain);
}

int seal_close_behind(const struct secret *key, const void *head, size_t head_len,
		      const struct seal_bind *bind, const struct secret *plain, struct buf *ret_box)
{
	assert(head_len <= SEAL_HEAD);
	return close_box(key, head, head_len, bind, plain, ret_box);
}

int seal_open_behind(const struct secret *key, size_t head_len, const struct seal_bind *bind,
		     const void *box, size_t n, struct secret *ret_plain)
{
	assert(head_len <= SEAL_HEAD);
	return open_box(key, box, n, head_len, bind, ret_plain);
}

static EVP_PKEY *private_of(const struct secret *private_key)
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key->data,
					    private_key->len);
}

static void public_of(EVP_PKEY *pair, uint8_t ret_public[SEAL_KEY])
{
	size_t n = SEAL_KEY;

	must(EVP_PKEY_get_raw_public_key(pair, ret_public, &n));
	must(n == SEAL_KEY);
}

void seal_pair(struct secret *ret_private, uint8_t ret_public[SEAL_KEY])
{
	uint8_t bytes[SEAL_KEY];

	/* RFC 7748 section 5: any 32 random bytes are a private key. */
	rand_bytes(bytes, sizeof(bytes));
	secret_set(ret_private, bytes, sizeof(bytes));
	secret_wipe(bytes, sizeof(bytes));
	must(seal_public(ret_private, ret_public) == 0);
}

int seal_public(const struct secret *private_key, uint8_t ret_public[SEAL_KEY])
{
	EVP_PKEY *pair;

	if (private_key->len != SEAL_KEY)
		return -EINVAL;
	pair = private_of(private_key);
	must(pair != NULL);
	public_of(pair, ret_public);
	EVP_PKEY_free(pair);
	return 0;
}

/*
 * X25519 of ours and theirs, then HKDF salted with both public halves, so that
 * the key belongs to this box and this receiver only.  -EINVAL: the shared
 * point is zero (RFC 7748 section 6.1), so anybody would know the key.
 */
static int agree(EVP_PKEY *ours, const uint8_t *theirs, const uint8_t *ephemeral,
		 const uint8_t *receiver, struct secret *ret_key)
{
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, SEAL_KEY);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ours, NULL);
	uint8_t point[SEAL_KEY], salt[2 * SEAL_KEY];
	size_t n = sizeof(point);
	cleanup_secret struct secret shared = { 0 };
	int r = -EINVAL;

	must(peer != NULL && ctx != NULL);
	must(EVP_PKEY_derive_init(ctx));
	if (EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, point, &n) == 1) {
		secret_set(&shared, point, n);
		memcpy(salt, ephemeral, SEAL_KEY);
		memcpy(salt + SEAL_KEY, receiver, SEAL_KEY);
		sign_hkdf(&shared, (struct text){ (const char *)salt, sizeof(salt) },
			  TEXT("seal P x25519 hkdf-sha256 aes-256-gcm"), SEAL_KEY, ret_key);
		r = 0;
	}
	secret_wipe(point, sizeof(point));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	return r;
}

int seal_close_to(const uint8_t public_key[SEAL_KEY], const struct seal_bind *bind,
		  const struct secret *plain, struct buf *ret_box)
{
	cleanup_secret struct secret ephemeral = { 0 }, key = { 0 };
	uint8_t head[HEAD_P] = { 'P' };
	EVP_PKEY *pair;
	int r;

	seal_pair(&ephemeral, head + 1);
	pair = private_of(&ephemeral);
	must(pair != NULL);
	r = agree(pair, public_key, head + 1, public_key, &key);
	EVP_PKEY_free(pair);
	return r < 0 ? r : close_box(&key, head, sizeof(head), bind, plain, ret_box);
}

int seal_open_with(const struct secret *private_key, const struct seal_bind *bind, const void *box,
		   size_t n, struct secret *ret_plain)
{
	cleanup_secret struct secret key = { 0 };
	const uint8_t *b = box;
	uint8_t receiver[SEAL_KEY];
	EVP_PKEY *pair;
	int r;

	assert(private_key->len == SEAL_KEY);
	if (n < HEAD_P + NONCE + TAG || b[0] != 'P')
		return -EBADMSG;
	pair = private_of(private_key);
	must(pair != NULL);
	public_of(pair, receiver);
	r = agree(pair, b + 1, b + 1, receiver, &key);
	EVP_PKEY_free(pair);
	return r < 0 ? -EBADMSG : open_box(&key, b, n, HEAD_P, bind, ret_plain);
}
