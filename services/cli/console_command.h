#ifndef SERVICES_CLI_CONSOLE_COMMAND_H
#define SERVICES_CLI_CONSOLE_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/* `replyd console link --workspace W --person NAME [--role viewer|operator|admin]`: prints a link,
 * good once and for a quarter of an hour, by which a person signs in to the console. */
int console_command_link(const struct settings *s, const struct options *o);
/* `replyd console sessions [--workspace W]`: who is signed in. */
int console_command_sessions(const struct settings *s, const struct options *o);
/* `replyd console sign-out ID`: from the next request on. */
int console_command_sign_out(const struct settings *s, const struct options *o);

#endif
