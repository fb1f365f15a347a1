#ifndef SERVICES_UP_DATABASE_H
#define SERVICES_UP_DATABASE_H

#include "db/conninfo.h"
#include "services/settings.h"
#include "services/up/keyring.h"

/* How long a refused connection is tried again: by a private cluster that is just starting. */
struct database_patience {
	uint64_t ms;                /* 0: not at all */
	bool (*pause)(void *owner); /* a moment; false: give up without a word */
	void *owner;
};

/*
 * Make the database ready before a role starts: wait until it answers, refuse a
 * transaction-mode pooler, create database, roles and schema, apply migrations.
 * Blocking; says what it does on stderr.  0, or an exit code after one line that
 * names the thing, the cause and the remedy.
 *
 * `place`: key words without user and password.  `admin_user` may create roles.
 * EX_TEMPFAIL: `pause` gave up.
 */
int database_ready(const char *place, const char *admin_user, const struct secret *admin_password,
		   const struct keyring *k, const struct database_patience *patience);

#endif
