#ifndef SERVICES_UP_CREDENTIALS_H
#define SERVICES_UP_CREDENTIALS_H

#include "services/settings.h"
#include "services/up/keyring.h"

/*
 * What each role is given, and nothing else (docs/interfaces.md).  The table
 * in credentials.c is the whole truth; a test reads it the other way round.
 *
 * Returns the reading end of a pipe that holds the lines, to become
 * descriptor 3 of the child; -EINVAL: no such role; -errno.
 */
int credentials_pipe(const struct keyring *k, const struct settings *s, const char *role);

/*
 * Keys that came later, to a child that runs: the ones of its groups, in one message on our end of
 * the socket of its --keys.  -errno; -EINVAL: no such role.
 */
int credentials_send(const struct keyring *k, const char *role, int fd);

#endif
