#ifndef SERVICES_UP_LEFTOVER_H
#define SERVICES_UP_LEFTOVER_H

#include <stddef.h>

/*
 * What a PostgreSQL that was killed leaves behind: processes that live in its data folder, under
 * any parent.  One that stands still (SIGSTOP, a debugger) keeps the shared memory, and as long as
 * it does no other one starts there.
 */

/*
 * Send `signum` (0: to nobody) to each process named "postgres" whose working folder is `data`, an
 * absolute path without links.  How many there are; `ret_pid` (may be NULL) is one of them.  Those
 * at which we may not look are not among them.
 */
size_t leftover_signal(const char *data, int signum, long *ret_pid);

#endif
