#ifndef DB_UPKEEP_H
#define DB_UPKEEP_H

#include "db/pg.h"

/* What rotation does for the tables: partitions ahead of time, old traces and timelines away, the
 * log cut where it is older than it should be, sums for the operator, connect links that wait for a
 * login that nobody tries, answers that were kept for a day; inboxes that are blind for long are
 * told of. */
enum upkeep_task {
	UPKEEP_PARTITIONS,
	UPKEEP_PURGE,
	UPKEEP_FORGET,
	UPKEEP_RETAIN,
	UPKEEP_METRICS,
	UPKEEP_LINKS,
	UPKEEP_ANSWERS,
	UPKEEP_GAPS,
};

struct upkeep {
	struct pg_tx tx;
	struct outcome outcome;
	enum upkeep_task task;
	/* Rows and tables removed (UPKEEP_PURGE, UPKEEP_RETAIN, UPKEEP_ANSWERS); links settled
	 * (UPKEEP_LINKS: notify replyd_connected, replyd_event); inboxes told of (UPKEEP_GAPS:
	 * notify replyd_event). */
	int64_t changed;
	void (*done)(struct upkeep *q);
};
/* What is older goes. */
struct upkeep_ages {
	uint64_t trace_ms, timeline_ms, events_ms, messages_ms;
};
int upkeep_start(struct pg *pg, struct upkeep *q, enum upkeep_task task,
		 const struct upkeep_ages *ages, void (*done)(struct upkeep *));
const char *upkeep_task_name(enum upkeep_task t);

#endif
