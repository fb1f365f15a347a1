#ifndef TESTS_DB_PG_BENCH_H
#define TESTS_DB_PG_BENCH_H

#include "base/io/timer.h"
#include "db/pg.h"

/*
 * A bench: a loop, a pg, and a limit of time after which the test has failed.
 * A test starts things, runs the loop until `wanted` of them have happened, and
 * looks at what was said, in order.
 */
struct pg_bench {
	struct loop loop;
	struct pg *pg;
	struct timer limit;
	int ups, downs, heards;
	struct outcome down;
	int happened, wanted;
	char said[4096]; /* "a=1 b=2 " */
};

void pg_bench_open(struct pg_bench *b, const char *database); /* as replyd_api */
void pg_bench_open_as(struct pg_bench *b, const char *conninfo, const struct secret *password);
void pg_bench_close(struct pg_bench *b);

/* Run the loop until just so many more things have happened. */
void pg_bench_run(struct pg_bench *b, int wanted);
/* At least so many: one turn of the loop may bring more. */
void pg_bench_run_some(struct pg_bench *b, int wanted);

/* For callbacks: something has happened; it is up; it has heard. */
void pg_bench_happened(struct pg_bench *b);
void pg_bench_on_up(void *owner);
void pg_bench_on_heard(void *owner);

/* A transaction that says "name=value" of its last statement's first cell, or "name!sqlstate". */
struct pg_bench_ask {
	struct pg_tx tx;
	struct pg_bench *b;
	const char *name;
	struct outcome outcome;
	void (*then)(struct pg_bench_ask *a);
};

void pg_bench_ask(struct pg_bench_ask *a, struct pg_bench *b, const char *name,
		  const struct pg_stmt *stmt);
void pg_bench_on_asked(struct pg_tx *tx, const struct pg_answer *a);

#endif
