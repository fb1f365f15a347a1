#ifndef DB_UPKEEP_H
#define DB_UPKEEP_H

#include "db/pg.h"

/* What rotation does for the tables: partitions ahead of time, old traces and timelines away, sums
 * for the operator, connect links that wait for a login that nobody tries. */
enum upkeep_task {
	UPKEEP_PARTITIONS,
	UPKEEP_PURGE,
	UPKEEP_FORGET,
	UPKEEP_METRICS,
	UPKEEP_LINKS,
};

struct upkeep {
	struct pg_tx tx;
	struct outcome outcome;
	enum upkeep_task task;
	int64_t changed; /* rows removed (UPKEEP_PURGE); links settled (UPKEEP_LINKS: notify
			    replyd_connected, replyd_event) */
	void (*done)(struct upkeep *q);
};
/* `age_ms`: what is older goes; of traces (UPKEEP_PURGE), of timelines (UPKEEP_FORGET). */
int upkeep_start(struct pg *pg, struct upkeep *q, enum upkeep_task task, uint64_t age_ms,
		 void (*done)(struct upkeep *));
const char *upkeep_task_name(enum upkeep_task t);

#endif
