#ifndef SERVICES_CLI_CLASSIFY_COMMAND_H
#define SERVICES_CLI_CLASSIFY_COMMAND_H

#include "services/cli/options.h"

/*
 * `replyd classify [FILE...]`: what whole mails are, offline and without a
 * database; without FILE, the one on stdin.  An exit code of sysexits.
 */
int classify_command(const struct options *o);

#endif
