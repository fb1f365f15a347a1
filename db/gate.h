#ifndef DB_GATE_H
#define DB_GATE_H

#include "base/buf.h"
#include "db/pg.h"

/*
 * What is known of one prospect's gate and of the eyes on it: the facts that
 * rotation/verdict judges.  One consistent snapshot.
 */
#define GATE_INBOXES 64 /* inboxes that wrote to one prospect; more are counted, not listed */

struct gate_inbox {
	char inbox[37];
	bool watched; /* enabled, its grant holds, and its folders are known */
	bool blind;   /* it has an open gap */
	/* A mail that nobody could read came after the prospect was written to, and nobody has said
	 * that he looked at it (db/unread.h). */
	bool unread;
	/* Up to when it was seen, by its newest proof or by what its watched folders committed;
	 * INT64_MIN: never as a whole, or a mail waits to be looked at again. */
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
	/* What the proofs cover, json: [{"inbox_id","folders":[{"role","folders","seen_by",
	 * "seen_every_s"}]}]; empty when it does not fit. */
	struct buf covers;
	void (*done)(struct gate_read *q);
};
int gate_read_start(struct pg *pg, struct gate_read *q, const char *workspace, const char *prospect,
		    void (*done)(struct gate_read *));
void gate_read_clear(struct gate_read *q); /* cancels, too */

#endif
