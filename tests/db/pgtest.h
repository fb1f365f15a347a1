#ifndef TESTS_DB_PGTEST_H
#define TESTS_DB_PGTEST_H

#include "base/secret.h"
#include "db/session.h"

/*
 * A private, throw-away PostgreSQL for one test program: an unprivileged
 * user's cluster in a folder of its own under /tmp, reached by a Unix socket,
 * gone when the program ends, however it ends.
 *
 *   int main(void) { pgtest_start(); return cmocka_run_group_tests(...); }
 *
 *   struct session *s = pgtest_session(pgtest_database("one_test"), "replyd_api");
 *
 * Whatever cannot be done ends the program with a message: a test has nothing
 * to try instead.
 */
#define PGTEST_ADMIN "postgres" /* the cluster's superuser; the other roles are replyd's */

/* Start the cluster and make a template with all migrations applied.  Once, before anything else.
 */
void pgtest_start(void);
/* The cluster alone: no role of replyd, no template, only pgtest_database_empty(). */
void pgtest_start_bare(void);

/* A new database with all migrations applied.  Returns `name`. */
const char *pgtest_database(const char *name);
/* A new database with nothing in it.  The roles exist: they belong to the cluster. */
const char *pgtest_database_empty(const char *name);

/* libpq key words, with user, without password; good until the program ends. */
const char *pgtest_conninfo(const char *database, const char *role);
/* NULL for PGTEST_ADMIN, who needs none. */
const struct secret *pgtest_password(const char *role);
const char *pgtest_folder(void); /* of the cluster: socket and log are in it */

struct session *pgtest_session(const char *database, const char *role);
/* Statements that must work, and the first value of a query ("" when there is no row); good until
 * the next call. */
void pgtest_exec(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *pgtest_value(struct session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The SQLSTATE a statement fails with; "" when it works. */
const char *pgtest_fails(struct session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The server goes away as in a restart, and comes back.  Both return when it has. */
void pgtest_server_stop(void);
void pgtest_server_go(void);

#endif
