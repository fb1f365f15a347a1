#ifndef SERVICES_CLI_WORKER_COMMAND_H
#define SERVICES_CLI_WORKER_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * `replyd worker list`: every worker there is, how much it can hold and holds, and
 * when it last said so.  `replyd worker drain ID`: it takes nothing more and the
 * others take over what it has; `undrain` takes that back.  ID may be shortened as
 * long as one worker is meant.  An exit code.
 */
int worker_command(const struct settings *s, const struct options *o);

#endif
