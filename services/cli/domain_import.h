#ifndef SERVICES_CLI_DOMAIN_IMPORT_H
#define SERVICES_CLI_DOMAIN_IMPORT_H

#include "services/cli/options.h"
#include "services/settings.h"

/* `replyd domain import FILE.csv`: the addresses of a file, by the right of their domain. */
int domain_import(const struct settings *s, const struct options *o);

#endif
