#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"
#include "base/text.h"

/*
 * Secrets sealed at rest.  One of the three files that see OpenSSL.
 *
 * Two kinds of box, both AES-256-GCM with a random 96-bit nonce:
 *
 *   'S' key_id nonce ciphertext tag           one key, held by those who may open
 *   'P' ephemeral_public nonce ciphertext tag  anybody with the public half may close it,
 *                                              only the private half opens it (X25519, HKDF-SHA256)
 *
 * What is bound to the box and must be given again to open it (`bind`): the
 * purpose, the workspace and the inbox, so that a box moved to another row
 * does not open.
 */
#define SEAL_KEY 32

struct seal_bind {
	struct text purpose;   /* "grant", "access", "connect", "webhook" */
	struct text workspace; /* uuid as text */
	struct text subject;   /* uuid of the inbox, link or endpoint, as text */
};

/*
 * `key`: SEAL_KEY bytes, else it aborts: keys are checked where they are read.
 * `key_id`: which of several, kept in clear in the box, so that keys can rotate.
 * The box is appended to `ret_box`; -ENOBUFS: past its ceiling.
 */
int seal_close(const struct secret *key, uint8_t key_id, const struct seal_bind *bind,
	       const struct secret *plain, struct buf *ret_box);
/*
 * Which key a box of kind 'S' wants, 0..255.  -EBADMSG: not such a box.  Only
 * seal_open() proves that it is true.
 */
int seal_key_id(const void *box, size_t n);
/* -EBADMSG: not a box, another key, another binding, or changed bytes; it is not said which. */
int seal_open(const struct secret *key, const struct seal_bind *bind, const void *box, size_t n,
	      struct secret *ret_plain);

/*
 * The same with a head of the caller's, at most SEAL_HEAD bytes, which stands in
 * clear before nonce, ciphertext and tag, and is authenticated with them.
 */
#define SEAL_HEAD 128
int seal_close_behind(const struct secret *key, const void *head, size_t head_len,
		      const struct seal_bind *bind, const struct secret *plain,
		      struct buf *ret_box);
int seal_open_behind(const struct secret *key, size_t head_len, const struct seal_bind *bind,
		     const void *box, size_t n, struct secret *ret_plain);

/*
 * A fresh X25519 pair, SEAL_KEY bytes each.  seal_close_to() adds -EINVAL: not
 * a public key (one of the few points that would make the shared key known).
 */
void seal_pair(struct secret *ret_private, uint8_t ret_public[SEAL_KEY]);
/* The public half of a stored private one.  -EINVAL: not SEAL_KEY bytes. */
int seal_public(const struct secret *private_key, uint8_t ret_public[SEAL_KEY]);
int seal_close_to(const uint8_t public_key[SEAL_KEY], const struct seal_bind *bind,
		  const struct secret *plain, struct buf *ret_box);
int seal_open_with(const struct secret *private_key, const struct seal_bind *bind, const void *box,
		   size_t n, struct secret *ret_plain);

#endif
