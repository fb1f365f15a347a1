#ifndef DB_GRANT_SAVER_H
#define DB_GRANT_SAVER_H

#include "base/list.h"
#include "db/inbox_grant.h"

/*
 * Saves of refreshed grants, several in one transaction: a commit is what a save costs, and many
 * wait for the same one.  What queues while a transaction is under way is the next; no timer holds
 * anything back.  Each is told when its own transaction is durable, and not before.
 *
 * A transaction that PostgreSQL refuses is asked again one by one: what one of them cannot write
 * disturbs no other.
 */
#define GRANT_SAVER_MOST PG_STATEMENTS

/* Embedded by the caller, zeroed before its first use. */
struct grant_save {
	struct list link;
	struct inbox_grant_saved what; /* what it points at is the caller's until `done` */
	struct grant_saver *saver;     /* whose it is; NULL: none is under way */
	bool is_alone;                 /* it was refused with others */
	struct outcome outcome;
	int64_t version; /* the grant's new one; 0: it had moved on, nothing was written */
	void (*done)(struct grant_save *s);
};

struct grant_saver {
	struct pg *pg;
	struct pg_tx tx;
	struct list waiting;
	struct grant_save *flying[GRANT_SAVER_MOST]; /* by statement; NULL: cancelled */
	int n_flying;                                /* 0: nothing is under way */
};

void grant_saver_init(struct grant_saver *v, struct pg *pg);
void grant_saver_clear(struct grant_saver *v); /* nobody is told */
/* 0 and `done`, later; or -errno as pg_tx_start(). */
int grant_saver_start(struct grant_saver *v, struct grant_save *s,
		      const struct inbox_grant_saved *what, void (*done)(struct grant_save *));
/* It may have been written or not; safe on zeros and on what is over. */
void grant_saver_cancel(struct grant_save *s);

#endif
