#ifndef SERVICES_CLI_API_KEY_COMMAND_H
#define SERVICES_CLI_API_KEY_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/* `replyd api-key list [--workspace NAME|ID]`: who may call the API, and when he last did. */
int api_key_command_list(const struct settings *s, const struct options *o);
/* `replyd api-key revoke ID|PREFIX`, also `replyd key revoke`: from the next request on. */
int api_key_command_revoke(const struct settings *s, const struct options *o);

#endif
