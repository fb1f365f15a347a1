#ifndef SERVICES_KEYHOLDER_H
#define SERVICES_KEYHOLDER_H

#include "base/vault.h"
#include "services/role.h"

/*
 * The master keys that a role was given, as vaults: `key.<group>` is number 1,
 * `key.<group>.2` and on the others; the highest number seals.  0, or an exit
 * code after a line on stderr that says what is missing or wrong.
 */
int keyholder_read(struct role *r, const char *group, struct vault *ret);

#endif
