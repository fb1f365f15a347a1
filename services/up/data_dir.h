#ifndef SERVICES_UP_DATA_DIR_H
#define SERVICES_UP_DATA_DIR_H

#include <limits.h>

/*
 * What lies in the folder of `replyd up --data DIR` that the command line reads, too.  (Secrets:
 * keyring.)
 */
#define DATA_DIR_PATH (PATH_MAX + 32)

/* Held (flock) by the `replyd up` that runs there. */
void data_dir_lock(const char *dir, char ret[DATA_DIR_PATH]);
/* Every setting as it held at the last start; the roles read it. */
void data_dir_settings(const char *dir, char ret[DATA_DIR_PATH]);

#endif
