#ifndef TESTS_DB_RACE_H
#define TESTS_DB_RACE_H

#include <libpq-fe.h>

#include "db/session.h"

/*
 * A session whose statements may have to wait for another's: sent, seen to
 * wait or to be done, and read later.  What fails unexpectedly ends the test.
 */
struct race {
	PGconn *conn;
	char answer[256]; /* first value of the last statement */
	char sqlstate[6]; /* "" when it worked */
};

void race_open(struct race *r, const char *database, const char *role); /* with SEED_WS named */
void race_close(struct race *r);
void race_send(struct race *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Wait until it waits for a lock; it must. */
void race_waits(struct race *r, struct session *admin);
/* The answer of what was sent; "!40P01" when it failed. */
const char *race_answer(struct race *r);
/* Both at once, for what needs no wait. */
const char *race_run(struct race *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
