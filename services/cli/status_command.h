#ifndef SERVICES_CLI_STATUS_COMMAND_H
#define SERVICES_CLI_STATUS_COMMAND_H

#include <stdio.h>

#include "db/session.h"
#include "services/cli/options.h"
#include "services/settings.h"

/* `replyd status`: one screen that says how all of it fares, over all workspaces.  Exit code 0:
 * well; 1: something is the matter; else why it could not be asked. */
int status_command(const struct settings *s, const struct options *o);

/* The same for an open session of replyd_admin, printed to `f`: 0, 1 or EX_UNAVAILABLE. */
int status_command_show(struct session *db, bool as_json, FILE *f);

#endif
