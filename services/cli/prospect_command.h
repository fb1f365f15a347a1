#ifndef SERVICES_CLI_PROSPECT_COMMAND_H
#define SERVICES_CLI_PROSPECT_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/* `replyd prospect`: may anyone still write to him?  Read, closed and opened by hand; over the API.
 */
int prospect_command_show(const struct settings *s, const struct options *o);
int prospect_command_stop(const struct settings *s, const struct options *o);
int prospect_command_resume(const struct settings *s, const struct options *o);
/* He is forgotten. */
int prospect_command_erase(const struct settings *s, const struct options *o);

#endif
