#ifndef SERVICES_CLI_COMMAND_H
#define SERVICES_CLI_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * The command line's nouns and verbs.  Each is straight-line, talks to
 * PostgreSQL as replyd_admin, prints for people or (--json) for programs, and
 * returns an exit code.
 */
int command_help(void);
int command_version(void);
int command_config_print(const struct settings *s, const struct options *o);
int command_migrate(const struct settings *s, const struct options *o); /* up, status */
int command_workspace_create(const struct settings *s, const struct options *o);
int command_workspace_match(const struct settings *s, const struct options *o);
int command_key_create(const struct settings *s, const struct options *o);
/* Of one inbox, named by id or address. */
int command_inbox_show(const struct settings *s, const struct options *o);
int command_inbox_timeline(const struct settings *s, const struct options *o);
int command_inbox_gaps(const struct settings *s, const struct options *o);
int command_inbox_probe(const struct settings *s, const struct options *o);
/* `unread` lists mails that nobody could read, `acknowledge` says that somebody looked at them. */
int command_inbox_unread(const struct settings *s, const struct options *o);
int command_inbox_disconnect(const struct settings *s, const struct options *o);
int command_inbox_list(const struct settings *s, const struct options *o);

#endif
