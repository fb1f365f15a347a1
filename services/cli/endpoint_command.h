#ifndef SERVICES_CLI_ENDPOINT_COMMAND_H
#define SERVICES_CLI_ENDPOINT_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * `replyd endpoint ...`: where events are posted to, over the API.  An endpoint is named by its id,
 * the beginning of it, or its URL.
 */
int endpoint_command_list(const struct settings *s, const struct options *o);
int endpoint_command_show(const struct settings *s, const struct options *o);
int endpoint_command_add(const struct settings *s, const struct options *o);
int endpoint_command_test(const struct settings *s, const struct options *o);
int endpoint_command_rotate(const struct settings *s, const struct options *o);
int endpoint_command_switch(const struct settings *s,
			    const struct options *o); /* enable, disable */
int endpoint_command_remove(const struct settings *s, const struct options *o);
int endpoint_command_dead(const struct settings *s, const struct options *o);
int endpoint_command_replay(const struct settings *s, const struct options *o);
/* The same of another word: `event_id` NULL: many, as the options say. */
int endpoint_command_replay_of(const struct settings *s, const struct options *o,
			       const char *endpoint, const char *event_id);

#endif
