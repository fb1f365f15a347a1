#ifndef DB_FLEET_H
#define DB_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/lease.h"
#include "db/pg.h"

/*
 * The workers (table worker): each proves itself with one row and sees everybody's.
 * And the outages they noticed (table outage).
 *
 * Requests are embedded by the caller, zeroed before their first use, and may be
 * used again after `done`; 0 and -errno as pg_tx_start().
 */
#define FLEET_SLOT 64
#define FLEET_HOST 64

/* What a worker says of itself. */
struct fleet_self {
	const char *worker, *host, *slot; /* slot: "" or who vouches for one process at a time */
	int pid;
	int64_t capacity, held, live;
	bool is_draining; /* it leaves; what the command line said of it stays otherwise */
};

struct fleet_worker {
	char worker[LEASE_UUID];
	char slot[FLEET_SLOT];
	char host[FLEET_HOST]; /* "": it does not say */
	int64_t beat;          /* counts up */
	int64_t capacity, held;
	bool is_draining;
};

struct fleet_beat {
	struct pg_tx tx;
	struct outcome outcome;
	const struct fleet_worker *workers; /* all there are, ourselves too; good inside `done` */
	size_t n_workers;
	void (*done)(struct fleet_beat *q);
};
/* Beat once (the row is made when it is not there) and see everybody's beat. */
int fleet_beat_start(struct pg *pg, struct fleet_beat *q, const struct fleet_self *self,
		     void (*done)(struct fleet_beat *));

struct fleet_inboxes {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t n;
	void (*done)(struct fleet_inboxes *q);
};
/* How many inboxes there are to be watched, by whomever. */
int fleet_inboxes_start(struct pg *pg, struct fleet_inboxes *q,
			void (*done)(struct fleet_inboxes *));

/* ---- outages of providers ---- */

struct fleet_outage {
	struct pg_tx tx;
	struct outcome outcome;
	bool is_first; /* no worker had said so before */
	void (*done)(struct fleet_outage *q);
};
/* `worker` is turned away with so many inboxes; said again while it lasts.  Of all workers together
 * that is one incident per provider (or server that nobody described). */
int fleet_outage_start(struct pg *pg, struct fleet_outage *q, const char *worker,
		       const char *provider, int64_t inboxes, void (*done)(struct fleet_outage *));
/* It is over: somebody was let in, and stayed. */
int fleet_outage_end_start(struct pg *pg, struct fleet_outage *q, const char *provider,
			   void (*done)(struct fleet_outage *));

#endif
