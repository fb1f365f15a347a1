#ifndef DB_UPKEEP_H
#define DB_UPKEEP_H

#include "db/pg.h"

/* What rotation does for the tables: partitions ahead of time, old traces and timelines away, sums
 * for the operator. */
enum upkeep_task { UPKEEP_PARTITIONS, UPKEEP_PURGE, UPKEEP_FORGET, UPKEEP_METRICS };

struct upkeep {
	struct pg_tx tx;
	struct outcome outcome;
	enum upkeep_task task;
	int64_t removed; /* UPKEEP_PURGE */
	void (*done)(struct upkeep *q);
};
/* `age_ms`: what is older goes; of traces (UPKEEP_PURGE), of timelines (UPKEEP_FORGET). */
int upkeep_start(struct pg *pg, struct upkeep *q, enum upkeep_task task, uint64_t age_ms,
		 void (*done)(struct upkeep *));
const char *upkeep_task_name(enum upkeep_task t);

#endif
