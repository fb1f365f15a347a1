#ifndef SERVICES_CLI_INBOX_DISCOVER_H
#define SERVICES_CLI_INBOX_DISCOVER_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * `replyd inbox discover ADDRESS`: where the inbox of an address is, how that was found and how
 * sure it is.  Needs no database.  An exit code: EX_DATAERR: it cannot be found out;
 * EX_UNAVAILABLE: the name servers did not answer.
 */
int inbox_discover(const struct settings *s, const struct options *o);

#endif
