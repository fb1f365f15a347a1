#ifndef SERVICES_CLI_KEY_COMMAND_H
#define SERVICES_CLI_KEY_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * `replyd key list`: the master keys by group and number, since when they are
 * known, what they are for, and how many boxes each still holds; never a key.
 *
 * `replyd key rotate [--group grant|token|webhook|all]`: another key takes the
 * place of the one that seals.  Beside a running `replyd up` the new key is made
 * here; elsewhere it was given to the processes before.  The work is done by
 * them; this command starts it and shows how it goes, and may be killed and
 * started again at any time.
 */
int key_command_list(const struct settings *s, const struct options *o);
int key_command_rotate(const struct settings *s, const struct options *o);

#endif
