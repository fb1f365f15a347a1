#ifndef DB_PG_ERROR_H
#define DB_PG_ERROR_H

#include <libpq-fe.h>

#include "base/outcome.h"

/* What PostgreSQL and libpq say when something failed, in our words.  For db/pg*.c only. */

/* What an SQLSTATE means for us (PostgreSQL documentation, Appendix A). */
enum blame pg_error_blame(const char *sqlstate);

/*
 * Why a connection was not made or has ended; NULL: libpq had no memory.  To
 * tell a refusal from a failure it needs PQERRORS_VERBOSE, as pg_dial sets it.
 */
struct outcome pg_error_of_conn(const PGconn *conn, const char *what);

/* The words of a failed statement, made printable, without what rows say. */
void pg_error_words(const PGresult *result, char *dst, size_t size);

#endif
