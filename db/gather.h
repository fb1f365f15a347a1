#ifndef DB_GATHER_H
#define DB_GATHER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/io/loop.h"
#include "base/list.h"
#include "db/pg.h"

/*
 * Group commit: the questions of many inboxes go to PostgreSQL as few
 * transactions (gather_find(), gather_close(), gather_settle() in the schema;
 * what inboxes begin with, and what is said of them).
 *
 *   asks -> [queue of a kind] -> one group under way -> an answer for each ask
 *
 * No timer holds anything back: what has queued while a group was under way is the next
 * one.  An inbox always goes by the same lane, so that it never waits for itself.
 *
 * A group that PostgreSQL refuses because of one of its asks is asked again, one by one:
 * only that one is told.
 */
struct gather;
struct gather_lane;
struct gather_group;

#define GATHER_LANES 4
#define GATHER_MOST  64  /* asks in one group: a few milliseconds of PostgreSQL's time */
#define GATHER_ITEMS 256 /* and mails, but for the first ask: a megabyte of JSON */

enum gather_kind {
	GATHER_FIND,
	GATHER_CLOSE,
	GATHER_SETTLE,
	GATHER_LOAD,  /* db/folder_load.h */
	GATHER_STATE, /* db/folder_state.h */
	GATHER_KINDS
};

/* `lanes`: connections, of which one may serve elsewhere too; borrowed. */
struct gather *gather_open(struct loop *l, struct pg *const *lanes, unsigned n);
/* Asks that are not answered are forgotten, their callbacks not called; NULL is nothing. */
void gather_drop(struct gather *g);

/* Embedded, zeroed before its first use. */
struct gather_ask {
	struct list link;
	struct gather_group *group;
	json_t *job, *items;
	bool alone;
	int st; /* in `row`: of a kind with several statements, the one whose row it is */
	enum { GATHER_IDLE, GATHER_QUEUED, GATHER_SENT } state;
	/* A row of the answer that is this ask's, before `done`; nothing may be started or
	 * cancelled in it. */
	void (*row)(struct gather_ask *q, const struct pg_answer *a, int row);
	void (*done)(struct gather_ask *q, const struct outcome *o);
};

/*
 * `job`: an object, to which its number is added; `items`: an array of objects, likewise;
 * both are given up in any case, `items` may be NULL.  `inbox` chooses the lane.  0: `done` comes
 * exactly once, later.  -EINVAL: `job` or `items` was not made, a text is not UTF-8.
 */
int gather_start(struct gather *g, struct gather_ask *q, enum gather_kind kind, const char *inbox,
		 json_t *job, json_t *items,
		 void (*row)(struct gather_ask *, const struct pg_answer *, int),
		 void (*done)(struct gather_ask *, const struct outcome *));
/* As pg_tx_cancel(). */
void gather_cancel(struct gather_ask *q);

#endif
