#ifndef DB_GATE_H
#define DB_GATE_H

#include "db/pg.h"

/*
 * What is known of one prospect's gate and of the eyes on it: the facts that
 * rotation/verdict judges.  One consistent snapshot.
 */
#define GATE_INBOXES 64 /* inboxes that wrote to one prospect; more are counted, not listed */

struct gate_inbox {
	char inbox[37];
	bool watched; /* enabled, its grant holds, and its folders are known */
	/* Least gated_through of its watched folders; INT64_MIN: one was never seen, or a mail
	 * waits to be looked at again. */
	int64_t seen_us;
};

struct gate_read {
	struct pg_tx tx;
	struct outcome outcome;
	int level;
	char reason[32];
	int64_t hold_until_us, closed_us; /* INT64_MIN: none */
	int64_t now_us; /* PostgreSQL's clock: a slow one of the asker would make old proofs fresh
			 */
	int n_inboxes;  /* may exceed GATE_INBOXES: then treat as unwatched */
	struct gate_inbox inboxes[GATE_INBOXES];
	void (*done)(struct gate_read *q);
};
int gate_read_start(struct pg *pg, struct gate_read *q, const char *workspace, const char *prospect,
		    void (*done)(struct gate_read *));

#endif
