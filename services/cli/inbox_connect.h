#ifndef SERVICES_CLI_INBOX_CONNECT_H
#define SERVICES_CLI_INBOX_CONNECT_H

#include "services/cli/options.h"
#include "services/settings.h"

/* `replyd inbox connect --device ADDRESS`: consent by a code that is typed in elsewhere (RFC 8628).
 */
int inbox_connect(const struct settings *s, const struct options *o);

#endif
