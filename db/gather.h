#ifndef DB_GATHER_H
#define DB_GATHER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/io/loop.h"
#include "base/list.h"
#include "db/folder.h"
#include "db/pg.h"

/*
 * Group commit: the questions of many inboxes go to PostgreSQL as few
 * transactions (gather_find(), gather_close(), gather_settle() in the schema;
 * what inboxes begin with, and what is said of them).
 *
 *   asks -> queue of a kind -> one group under way -> an answer for each ask
 *                             (of events, with many waiting: two)
 *
 * No timer holds anything back: what has queued while a group was under way is the next
 * one.
 *
 * A group that PostgreSQL refuses because of one of its asks is asked again, one by one:
 * only that one is told.
 */
struct gather;
struct gather_group;

#define GATHER_MOST  64  /* asks in one group: a few milliseconds of PostgreSQL's time */
#define GATHER_ITEMS 256 /* and mails, but for the first ask: a megabyte of JSON */

enum gather_kind {
	GATHER_FIND,
	GATHER_CLOSE,
	GATHER_SETTLE,
	GATHER_LOAD,   /* db/folder_load.h */
	GATHER_STATE,  /* db/folder_state.h */
	GATHER_ENSURE, /* db/folder_row.h */
	GATHER_LOOK,   /* there too */
	GATHER_KINDS
};

/*
 * Connections; borrowed.  A connection does one thing after the other: with those of their own,
 * a gate that is to be closed waits neither for an event to be written nor for what else the
 * process asks.  When many events wait, a second group of them goes by `more_events`: their locks
 * are taken in one order.  NULL but for `pg`: by `pg`.
 */
struct gather_ways {
	struct pg *pg, *find, *gates, *events, *more_events;
};
struct gather *gather_open(struct loop *l, const struct gather_ways *ways);
/* Asks that are not answered are forgotten, their callbacks not called; NULL is nothing. */
void gather_drop(struct gather *g);

/* Embedded, zeroed before its first use. */
struct gather_ask {
	struct list link;
	struct gather_group *group;
	struct buf job, items;
	char workspace[FOLDER_UUID];
	size_t n_items;
	bool alone;
	int st; /* in `row`: of a kind with several statements, the one whose row it is */
	enum { GATHER_IDLE, GATHER_QUEUED, GATHER_SENT } state;
	/* A row of the answer that is this ask's, before `done`; nothing may be started or
	 * cancelled in it. */
	void (*row)(struct gather_ask *q, const struct pg_answer *a, int row);
	void (*done)(struct gather_ask *q, const struct outcome *o);
};

/*
 * `workspace`: that the job is of; copied.  `job`: the members of an object, as base/json_text.h
 * writes them, without the brackets; the group adds its number.  `items`: `n` such objects, each
 * with a line break behind it, and given the number likewise; NULL where a kind has none.  Both are
 * taken over, and empty afterwards.  `done` comes exactly once, later.
 */
void gather_start(struct gather *g, struct gather_ask *q, enum gather_kind kind,
		  const char *workspace, struct buf *job, struct buf *items, size_t n,
		  void (*row)(struct gather_ask *, const struct pg_answer *, int),
		  void (*done)(struct gather_ask *, const struct outcome *));
/* The list that is a group of this one job, for who asks by itself. */
void gather_list_of(const struct buf *job, struct buf *ret);
/* As pg_tx_cancel(). */
void gather_cancel(struct gather_ask *q);

#endif
