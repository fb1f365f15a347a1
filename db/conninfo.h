#ifndef DB_CONNINFO_H
#define DB_CONNINFO_H

#include "base/buf.h"
#include "base/secret.h"

/*
 * How PostgreSQL is reached, apart from who comes: each process logs in as its
 * own role, so user and password are taken out of what the operator gave.
 */
#define CONNINFO_MAX 1024 /* bytes, with the NUL */

/*
 * `given`: libpq key words or a postgresql:// URL.  `ret_place`: key words
 * without user and password; `ret_user` (>= 64 bytes) and `ret_password` what was
 * taken out ("" and empty when there was none); both may be NULL.  On failure `why` is written:
 * -EINVAL: libpq cannot read it; -EPERM: it holds another secret; -ENOBUFS: it is too long.
 */
int conninfo_split(const char *given, char ret_place[CONNINFO_MAX], char ret_user[64],
		   struct secret *ret_password, char why[256]);
/* Append key='value', escaped as libpq reads it.  -ENOBUFS: past the ceiling of `b`. */
int conninfo_add(struct buf *b, const char *key, const char *value);
/* `place` with a user.  -ENOBUFS. */
int conninfo_join(const char *place, const char *user, char ret[CONNINFO_MAX]);

#endif
