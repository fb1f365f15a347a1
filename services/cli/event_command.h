#ifndef SERVICES_CLI_EVENT_COMMAND_H
#define SERVICES_CLI_EVENT_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/* One event over the API: what it says and what became of it, and posting it once more. */
int event_command_show(const struct settings *s, const struct options *o);
/*
 * `event replay ID` to the endpoint of --endpoint, or with --forward to a port of this machine;
 * without an ID what --endpoint was owed: --dead, or by --types, --from and --to.
 */
int event_command_replay(const struct settings *s, const struct options *o);

#endif
