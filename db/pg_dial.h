#ifndef DB_PG_DIAL_H
#define DB_PG_DIAL_H

#include <libpq-fe.h>

#include "base/secret.h"
#include "db/pg_host.h"

/* How libpq is asked for a connection, and what it waits for.  For db/pg*.c only. */
struct pg_dial {
	const char *conninfo;
	const struct secret *password; /* NULL: none, or in the conninfo */
	const char *application;
	const struct pg_host *hosts; /* looked up; NULL: as the conninfo has them */
};

/* PQconnectStartParams() with our words; the rest is PQconnectPoll()'s.  NULL: out of memory. */
PGconn *pg_dial_start(const struct pg_dial *d);
/* Of a connection under way, in words. */
const char *pg_dial_waiting_for(const PGconn *conn);

#endif
