#ifndef SERVICES_UP_KEYRING_H
#define SERVICES_UP_KEYRING_H

#include "base/buf.h"
#include "base/seal.h"
#include "base/secret.h"

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

struct keyring {
	struct secret is[KEYRING_NAMES];
};

/*
 * 0; -errno of the file system, -ENOKEY: a file is missing, -EBADMSG: one is unreadable, -EPERM:
 * others may read one.  `why` names file, cause and remedy; `k` is empty then.
 */
int keyring_open(struct keyring *k, const char *data_dir, char why[512]);
void keyring_clear(struct keyring *k);
/* What the program ends with when the keyring does not open. */
int keyring_exit_code(int r);

/* One secret only: the command line reads db-admin and nothing else.  As keyring_open. */
int keyring_read_one(const char *data_dir, enum keyring_name name, struct secret *ret,
		     char why[512]);

/* Append "name=value\n" for the credential stream of a child; keys as "base64:...". */
int keyring_add(struct buf *b, const char *name, const struct secret *value, bool binary);

#endif
