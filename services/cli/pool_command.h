#ifndef SERVICES_CLI_POOL_COMMAND_H
#define SERVICES_CLI_POOL_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * `replyd pool`, `replyd policy`, `replyd group`: who sends for whom, and how much; over the API.
 * A pool is named by its name or id, an inbox by its address or id; what is set stands behind as
 * name=value, the value JSON or plain text.
 */
int pool_command_list(const struct settings *s, const struct options *o);
int pool_command_create(const struct settings *s, const struct options *o);
int pool_command_show(const struct settings *s, const struct options *o);
int pool_command_change(const struct settings *s, const struct options *o);
int pool_command_remove(const struct settings *s, const struct options *o);
int pool_command_members(const struct settings *s, const struct options *o);
int pool_command_add(const struct settings *s, const struct options *o);
int pool_command_drop(const struct settings *s, const struct options *o);
int pool_command_capacity(const struct settings *s, const struct options *o);
int pool_command_policy(const struct settings *s, const struct options *o);
int pool_command_policy_set(const struct settings *s, const struct options *o);
int pool_command_groups(const struct settings *s, const struct options *o);
int pool_command_group_set(const struct settings *s, const struct options *o);
int pool_command_group_remove(const struct settings *s, const struct options *o);

#endif
