#ifndef SERVICES_CLI_ADMIN_H
#define SERVICES_CLI_ADMIN_H

#include "db/conninfo.h"
#include "db/session.h"
#include "services/cli/options.h"
#include "services/settings.h"

/*
 * How the command line reaches PostgreSQL: database.url if set, else the private
 * cluster of the `replyd up` that runs in --data; as replyd_admin, with the password
 * kept in DIR/secrets.  0, or an exit code after one line that says what and why.
 */
int admin_open(const struct settings *s, const struct options *o, struct session **ret);
/* The same, and --workspace is named for the whole session: statements that say workspace_now()
 * keep to it. */
int admin_open_workspace(const struct settings *s, const struct options *o, struct session **ret);
/* The settings of the `replyd up` in --data, which knows its providers.  false: there is none, or
 * --config says others: then our own count. */
bool admin_settings(const struct options *o, struct settings *ret);
/* Where PostgreSQL is, without user and password. */
int admin_place(const struct settings *s, const struct options *o, char ret[CONNINFO_MAX],
		char ret_user[64], struct secret *ret_password);

#endif
