#ifndef SERVICES_UP_KEYRING_H
#define SERVICES_UP_KEYRING_H

#include "base/buf.h"
#include "base/seal.h"
#include "base/secret.h"
#include "base/vault.h"

/*
 * The secrets of one installation: files of mode 0600 in DIR/secrets (0700),
 * made on the first start and never again.  One that is missing later is an
 * error, not a reason to make a new one: what the old one sealed would be lost.
 *
 *   root admin ingest broker dispatch rotation api   passwords of the database roles
 *   grant           seals refresh tokens and app passwords; broker only
 *   broker_private  opens what the API sealed to the broker; broker only
 *   token           seals access tokens on their way from broker to ingest
 *   digest          master of the workspaces' digest keys; ingest and api
 *   webhook         seals endpoint secrets; api closes, dispatch opens
 */
enum keyring_name {
	KEYRING_ROOT,
	KEYRING_ADMIN,
	KEYRING_INGEST,
	KEYRING_BROKER,
	KEYRING_DISPATCH,
	KEYRING_ROTATION,
	KEYRING_API,
	KEYRING_GRANT,
	KEYRING_BROKER_PRIVATE,
	KEYRING_TOKEN,
	KEYRING_DIGEST,
	KEYRING_WEBHOOK,
	KEYRING_BROKER_PUBLIC,
	KEYRING_NAMES,
};

/*
 * The groups grant, token and webhook may have more keys: number 1 is the one
 * above, the others are files like `grant.2`.  Number 1 may be gone once it is
 * rotated away.
 */
#define KEYRING_LATER (3 * VAULT_KEYS)
struct keyring_later {
	enum keyring_name group;
	unsigned id; /* 2..255 */
	struct secret key;
};

struct keyring {
	struct secret is[KEYRING_NAMES]; /* of the groups: empty when rotated away */
	struct keyring_later later[KEYRING_LATER];
	size_t n_later;
	const char *command; /* key_command; "": keys stand in their files as they are */
};

/*
 * With a `command` (services/key_hook, borrowed for the life of `k`) keys are stored as it wraps
 * them, and those that are found in clear are wrapped; passwords of the database stay as they are.
 *
 * 0; -errno of the file system, -ENOKEY: a file is missing, -EBADMSG: one is unreadable, -EPERM:
 * others may read one, -EPROTO: the command does not open one or wrap one.  `why` names file, cause
 * and remedy; `k` is empty then.
 */
int keyring_open(struct keyring *k, const char *data_dir, const char *command, char why[512]);
void keyring_clear(struct keyring *k);
/*
 * Read the keys that have come since: `later` grows by them.  0, or -errno as keyring_open() for
 * one that could not be read: the others were, and what was read before stays.  -ENOSPC: a group
 * has more than VAULT_KEYS; the newest were read.
 */
int keyring_look(struct keyring *k, const char *data_dir, char why[512]);
/*
 * Make the next key of "grant", "token" or "webhook", or find that one after `after` was made
 * already, and say its number.  As keyring_open; -EINVAL: no such group; -ENOSPC: the group has
 * VAULT_KEYS already, or there is no number left.
 */
int keyring_make_next(const char *data_dir, const char *command, const char *group, unsigned after,
		      unsigned *ret_id, char why[512]);
/* What the program ends with when the keyring does not open. */
int keyring_exit_code(int r);

/* One secret only: the command line reads db-admin and nothing else.  As keyring_open. */
int keyring_read_one(const char *data_dir, enum keyring_name name, struct secret *ret,
		     char why[512]);

/* Append "name=value\n" for the credential stream of a child; keys as "base64:...". */
int keyring_add(struct buf *b, const char *name, const struct secret *value, bool binary);

#endif
