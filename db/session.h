#ifndef DB_SESSION_H
#define DB_SESSION_H

#include "base/buf.h"
#include "base/secret.h"

/*
 * Straight-line PostgreSQL for the command line and for start-up: blocking,
 * one statement at a time.  Long-running processes use db/pg.
 *
 * Every `why` has at least SESSION_WHY bytes, is written on failure, and is fit
 * for a person: cause and remedy, no password.
 */
#define SESSION_WHY 256

struct session;

/*
 * Connect, waiting SESSION_CONNECT_S seconds per address unless `conninfo` says
 * connect_timeout.  `password` may be NULL: none, or in `conninfo`.
 * -ECONNREFUSED: nobody answers there, or it does not accept connections now;
 * -EACCES: it answers, and refuses the role, the password or the database;
 * -EINVAL: `conninfo` does not parse (it is not quoted in `why`: it may hold a password).
 */
#define SESSION_CONNECT_S 10
int session_open(const char *conninfo, const struct secret *password, const char *application,
		 struct session **ret, char why[256]);
void session_close(struct session *s); /* NULL is nothing; an open transaction is rolled back */

/*
 * Run SQL (may be several statements).  -EIO and `why`; session_sqlstate() tells which.
 * The texts of both calls are ours: what comes from outside is a parameter.
 */
int session_exec(struct session *s, const char *sql, char why[256]);
/* One statement with text parameters (NULL is null); rows are read with session_value until the
 * next call. */
int session_query(struct session *s, const char *sql, int n, const char *const *params,
		  char why[256]);
int session_rows(const struct session *s);
const char *session_value(const struct session *s, int row, int col); /* null is "" */
const char *session_sqlstate(
	const struct session *s); /* of the last failure; "" when PostgreSQL said nothing */

/*
 * The SCRAM-SHA-256 verifier of a password (RFC 5803), to be stored for `role`:
 * made on this side, so that the password stands in no statement and no server
 * log.  -EINVAL: libpq cannot make one.
 */
int session_verifier(struct session *s, const char *role, const struct secret *password,
		     struct buf *ret);

/*
 * Is there a transaction-mode pooler in between?  Two sessions that share a
 * server process prove it, and so does one session that changes its own.
 * 0: no; 1: yes, and `why` says how it was seen and what to do (LISTEN and
 * prepared statements need a session: connect directly or use
 * pool_mode=session); -errno as session_open, -EIO.
 */
int session_pooler_check(const char *conninfo, const struct secret *password, char why[256]);

#endif
