#ifndef SERVICES_CLI_MAN_PAGE_H
#define SERVICES_CLI_MAN_PAGE_H

#include <stdio.h>

/* replyd(1) for man(7) macros, from the tables of commands, options and exit codes.  0, or
 * EX_IOERR when `f` took it not. */
int man_page_print(FILE *f);

#endif
