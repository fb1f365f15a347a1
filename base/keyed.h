#ifndef BASE_KEYED_H
#define BASE_KEYED_H

#include <stdint.h>

#include "base/secret.h"
#include "base/sign.h"
#include "base/text.h"

/*
 * Names that can be compared and not read: HMAC-SHA256 under a key of the
 * workspace's own, so that a digest says nothing to whoever holds only the
 * database, and nothing across workspaces.
 *
 *   master (key.digest) -> keyed_workspace_key() -> one key per workspace
 *
 * Both sides of the rendezvous, the API that registers and the worker that
 * finds, call the same function.  Each kind of name is a space of its own: an
 * id never has the digest of an address.
 */
#define KEYED_DIGEST SIGN_SHA256 /* bytes */

/* `workspace_id`: uuid as text. */
void keyed_workspace_key(const struct secret *master, struct text workspace_id,
			 struct secret *ret_key);

/* A Message-ID in its normal form (mime_id_normal). */
void keyed_id_digest(const struct secret *workspace_key, struct text normal_id,
		     uint8_t ret[KEYED_DIGEST]);
/* An address; its case does not count (ASCII). */
void keyed_address_digest(const struct secret *workspace_key, struct text address,
			  uint8_t ret[KEYED_DIGEST]);
/* Any other name by which an outbound may be found, in a space of its own: "token", "thread" ... */
void keyed_name_digest(const struct secret *workspace_key, const char *space, struct text name,
		       uint8_t ret[KEYED_DIGEST]);
/* Which mail it is: the bytes of mime_identity_bytes(). */
void keyed_mail_digest(const struct secret *workspace_key, struct text identity,
		       uint8_t ret[KEYED_DIGEST]);

#endif
