#ifndef BASE_SIGN_H
#define BASE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/text.h"

/* Digests and signatures.  One of the three files that see OpenSSL (tls, sign, seal). */
#define SIGN_SHA256 32

void sign_sha256(const void *p, size_t n, uint8_t ret_digest[SIGN_SHA256]);
/* HMAC-SHA256 (RFC 2104) of the parts one after another; no separators are put in. */
void sign_hmac(const struct secret *key, const struct text *parts, size_t n_parts,
	       uint8_t ret_digest[SIGN_SHA256]);
bool sign_eq(const void *a, const void *b, size_t n); /* constant time */

/*
 * HKDF-SHA256 (RFC 5869): `n` bytes from key material, n <= SIGN_HKDF_MAX.  `info`
 * keeps keys for different uses apart.
 */
#define SIGN_HKDF_MAX 1024
void sign_hkdf(const struct secret *material, struct text salt, struct text info, size_t n,
	       struct secret *ret_key);

/* The same from one master key, without a salt: a key of 32 bytes per (purpose, id). */
void sign_derive(const struct secret *master, struct text purpose, struct text id,
		 struct secret *ret_key);

/*
 * RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2, "RS256" of RFC 7518) by a private key in
 * PEM (PKCS #8 or #1).  -EBADMSG: not such a key, or one with a pass phrase; -EINVAL: of fewer than
 * 2048 or more than 8192 bits.  A NULL `ret_signature` only checks the key.
 */
#define SIGN_RS256 1024 /* bytes, for 8192 bits */
int sign_rs256(const struct secret *pem, struct text input, uint8_t ret_signature[SIGN_RS256],
	       size_t *ret_n);

/*
 * Standard Webhooks: "v1," and the base64 of HMAC-SHA256 over "id.timestamp.body".
 * `secret` is what "whsec_" + base64 decodes to.  `dst` holds SIGN_WEBHOOK bytes.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
#define SIGN_WEBHOOK 64
void sign_webhook(const struct secret *secret, struct text id, int64_t unix_s, struct text body,
		  char dst[SIGN_WEBHOOK]);

#endif
