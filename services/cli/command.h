#ifndef SERVICES_CLI_COMMAND_H
#define SERVICES_CLI_COMMAND_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * The command line's nouns and verbs.  Each is straight-line, talks to
 * PostgreSQL as replyd_admin, prints for people or (--json) for programs, and
 * returns an exit code.
 */
int command_help(const char *noun); /* "": all */
/* The exit codes, `text` NULL behind the last one. */
struct command_exit {
	int code;
	const char *text;
};
extern const struct command_exit command_help_exits[];
int command_version(void);
#define COMMAND_VERSION "0.1.0"
#define COMMAND_DATE    "2026-11-24" /* of this version, for the manual page */
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
