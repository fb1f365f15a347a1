#ifndef DB_STOP_H
#define DB_STOP_H

#include "db/pg.h"

/*
 * A gate by hand: closed to a final level, and opened again.  Each is one transaction that
 * may be repeated; what the log tells of it and which promises it takes back are the work of
 * the gate's triggers (db/schema/0023_log.sql).
 *
 * The prospect is named by his key.  `folded` is the address that the key is in another
 * spelling, NULL when it is none: it is taken where nothing is known under the key itself.
 *
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().
 */
struct stop_call {
	struct pg_tx tx;
	struct outcome outcome;
	int level;       /* of the gate before this call */
	char reason[32]; /* why it was closed then; "": it was open */
	bool changed;    /* by this call */
	void (*done)(struct stop_call *q);
};

/* The ladder only rises: a gate that is closed as far already stays as it is. */
int stop_start(struct pg *pg, struct stop_call *q, const char *workspace, const char *prospect,
	       const char *folded, int level, const char *reason, void (*done)(struct stop_call *));

/*
 * Opens what is final, and the hold of an absence.  A mail that is still being read keeps the gate
 * provisional, an absence behind an answer keeps its hold.  `seen`: the reason that whoever asks
 * has read, NULL when he says none; a gate that is closed for another one stays as it is, and so
 * does one at STOP_NAMED or above whose reason he does not say.
 */
#define STOP_NAMED 5 /* unsubscribed, complained */
int stop_resume_start(struct pg *pg, struct stop_call *q, const char *workspace,
		      const char *prospect, const char *folded, const char *seen,
		      void (*done)(struct stop_call *));

#endif
