#ifndef SERVICES_CLI_LISTEN_COMMAND_H
#define SERVICES_CLI_LISTEN_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * The events of a workspace as they come, on a developer's machine, over the API:
 *
 *   listen       from now on (or --after); with --forward each is posted, signed
 *   event tail   the last ten, and then what comes
 *
 * Until --limit events were there, with --once until no more is there now, else until Ctrl-C.
 * EX_UNAVAILABLE: it ended by itself, and a forward was not answered by 2xx.
 */
int listen_command(const struct settings *s, const struct options *o);
int listen_command_tail(const struct settings *s, const struct options *o);

#endif
