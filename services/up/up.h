#ifndef SERVICES_UP_UP_H
#define SERVICES_UP_UP_H

#include "services/settings.h"

/*
 * `replyd up`: everything on one machine.  Secrets are made on the first start,
 * a private PostgreSQL is run unless database.url is set, migrations are applied,
 * and every role runs as a child with its own credentials, restarted with
 * back-off.  Returns an exit code when told to stop (SIGTERM, SIGINT).
 */
int up_run(struct settings *s, const char *data_dir);

#endif
