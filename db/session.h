#ifndef DB_SESSION_H
#define DB_SESSION_H

#include "base/buf.h"
#include "base/secret.h"

/*
 * Straight-line PostgreSQL for the command line and for start-up: blocking,
 * one statement at a time.  Long-running processes use db/pg.
 */
struct session;

/*
 * Connect.  On failure -ECONNREFUSED (cannot be reached), -EACCES (role or
 * password refused), -EINVAL (conninfo), and `why` (>= 256 bytes) says it with
 * the remedy in words.
 */
int session_open(const char *conninfo, const struct secret *password, const char *application, struct session **ret, char why[256]);
void session_close(struct session *s);

/* Run SQL (may be several statements).  -EIO and `why`. */
int session_exec(struct session *s, const char *sql, char why[256]);
/* One statement with text parameters; rows are read with session_value until the next call. */
int session_query(struct session *s, const char *sql, int n, const char *const *params, char why[256]);
int session_rows(const struct session *s);
const char *session_value(const struct session *s, int row, int col); /* null is "" */
const char *session_sqlstate(const struct session *s);

/*
 * Is there a transaction-mode pooler in between?  Two sessions that share a
 * server process prove it.  0: no; 1: yes, and `why` says how it was seen and what
 * to do (LISTEN and prepared statements need a session: connect directly or
 * use pool_mode=session); -errno as session_open.
 */
int session_pooler_check(const char *conninfo, const struct secret *password, char why[256]);

#endif
