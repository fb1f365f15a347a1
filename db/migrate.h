#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include <stdio.h>

#include "db/session.h"

/*
 * Numbered migrations, embedded in the binary, applied under an advisory lock,
 * each in its own transaction, with the SHA-256 of its text kept: an edited
 * migration is refused.  A database newer than the binary is accepted only if
 * its migrations say so, by a line of their text that names the oldest newest
 * migration a binary may know and still run:
 *
 *   -- works-with: 0004
 *
 * Without that line a migration works with no binary that does not know it.
 *
 * migrate_roles() runs first and as an administrator (a superuser, or a role
 * with CREATEROLE that may create a schema): it creates the owner (no login),
 * the schema, and one login role per process with its SCRAM password.
 */
struct migrate_role {
	const char *role;              /* "replyd_ingest" */
	const struct secret *password; /* NULL: leave the one it has */
};

/* The login roles, in a fixed order; migrate_roles() makes all of them. */
const char *const *migrate_role_names(size_t *ret_n);

/*
 * Create or complete roles and schema.  Repeating it changes nothing but the
 * passwords given.  -EACCES: not allowed to; -EINVAL: `roles` names a role that
 * is not ours; -EPERM: a role is there already and would see through the walls
 * (superuser, bypassrls, member of the owner); -EIO.  `why` in words.
 */
int migrate_roles(struct session *admin, const struct migrate_role *roles, size_t n, char why[256]);
/*
 * Apply what is missing; a line per migration to `out` when not NULL.  Returns how
 * many, or -EKEYREJECTED (an applied one was edited; `why` names it), -EOVERFLOW (the
 * database has migrations this binary does not know), -EIO.
 */
int migrate_up(struct session *admin, FILE *out, char why[256]);
/* 0: all of this binary's migrations are there; n: that many are missing; -errno as above.  Any of
 * the roles may ask. */
int migrate_pending(struct session *s, char why[256]);

#endif
