#ifndef SERVICES_CLI_DOMAIN_COMMAND_H
#define SERVICES_CLI_DOMAIN_COMMAND_H

#include <jansson.h>

#include "services/cli/options.h"
#include "services/settings.h"

struct session;

/* `replyd domain list`: rights for whole domains, and what is the matter with them. */
int domain_command_list(const struct settings *s, const struct options *o);

/* The one of `all` (a list of domains) that `name` is the id, tenant or client id of; NULL: the
 * only one.  0 and a reference, or an exit code after a line that says why. */
int domain_command_choose(const json_t *all, const char *name, json_t **ret);

/*
 * A session that has named --workspace, and the domain that --domain names by id, tenant or
 * client id (or the only one there is) as db/domain_admin.h shows it.  0, or an exit code after
 * a line that says why.
 */
int domain_command_open(const struct settings *s, const struct options *o, struct session **ret,
			json_t **ret_domain);

#endif
