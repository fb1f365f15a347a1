#ifndef SERVICES_CLI_MESSAGE_COMMAND_H
#define SERVICES_CLI_MESSAGE_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * A mail that concerned somebody, over the API: what it is taken for and why, and what it
 * really was.
 *
 *   replyd message show ID
 *   replyd message reclassify ID --kind K | --intent I
 */
int message_command_show(const struct settings *s, const struct options *o);
int message_command_reclassify(const struct settings *s, const struct options *o);

#endif
