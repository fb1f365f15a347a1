#ifndef BASE_VAULT_H
#define BASE_VAULT_H

#include "base/seal.h"

/*
 * Envelope encryption.  A vault holds the master keys of one purpose group
 * ("grant", "token", "webhook"), several of them by number, of which one seals
 * and all open.  What is sealed stands under a data key that belongs to one
 * workspace; the data key, wrapped by the master key, travels in the box:
 *
 *   'E' ['S' master nonce wrapped-data-key tag] nonce ciphertext tag
 *
 * So a box opens by itself, with no second row that could be missing, and the
 * master key is used once per data key.  Both layers bind the workspace; the
 * wrapped key binds the group too, the box the purpose and the subject.  A data
 * key is drawn anew for each workspace, process and master key, and after
 * VAULT_USES boxes.
 *
 * Boxes of kind 'S' (base/seal), closed by a master key directly, are opened too.
 */
#define VAULT_KEYS 16 /* master keys of a group: the one in use, and those not yet rotated away */
/* Boxes per data key: far below the 2^32 of SP 800-38D section 8.3. */
#define VAULT_USES (1U << 20)

struct vault_key {
	uint8_t id; /* 1..255 */
	struct secret key;
};

struct vault {
	const char *group; /* static */
	struct vault_key keys[VAULT_KEYS];
	size_t n;
	uint8_t seals;           /* id of the one that seals; 0: none is held */
	struct vault_made *made; /* data keys at hand */
};

/* `group` is borrowed for the vault's life. */
void vault_init(struct vault *v, const char *group);
void vault_clear(struct vault *v); /* wipes; safe on zeros */

/*
 * Take a master key, of SEAL_KEY bytes (else it aborts), copied.  The first one
 * seals, until vault_use().  Again the same is 0.  -EEXIST: another key has this
 * number; -ENOSPC: VAULT_KEYS are held; -EINVAL: no number from 1 to 255.
 */
int vault_add(struct vault *v, unsigned id, const struct secret *key);
bool vault_holds(const struct vault *v, unsigned id);
/* Let this one seal from now on.  -ENOKEY: it is not held. */
int vault_use(struct vault *v, unsigned id);
/*
 * What tells a master key from another of the same number without saying
 * anything of it: 16 bytes of HMAC-SHA256.  -ENOKEY: it is not held.
 */
#define VAULT_CHECK 16
int vault_check(const struct vault *v, unsigned id, uint8_t ret_check[VAULT_CHECK]);

/* Appends the box; -ENOKEY: no key is held; -ENOBUFS: past the ceiling of `ret_box`. */
int vault_close(struct vault *v, const struct seal_bind *bind, const struct secret *plain,
		struct buf *ret_box);
/* -ENOKEY: its master key is not held, see vault_key_of(); -EBADMSG as seal_open(). */
int vault_open(const struct vault *v, const struct seal_bind *bind, const void *box, size_t n,
	       struct secret *ret_plain);
/* Which master key a box wants, 0..255, as it says itself.  -EBADMSG: not such a box. */
int vault_key_of(const void *box, size_t n);

#endif
