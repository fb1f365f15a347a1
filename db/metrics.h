#ifndef DB_METRICS_H
#define DB_METRICS_H

#include "db/pg.h"

/*
 * Counts over all workspaces for /metrics, one line each.  The function behind it
 * (metrics_now in the schema) shows sums only: no row of any workspace.
 */
struct metrics_line {
	const char *name, *label, *label_value; /* label "" : none */
	double value;
};
struct metrics_read {
	struct pg_tx tx;
	struct outcome outcome;
	void (*each)(struct metrics_read *q, const struct metrics_line *l);
	void (*done)(struct metrics_read *q);
};
int metrics_read_start(struct pg *pg, struct metrics_read *q,
		       void (*each)(struct metrics_read *, const struct metrics_line *),
		       void (*done)(struct metrics_read *));

#endif
