#ifndef INGEST_WORKER_BEAT_H
#define INGEST_WORKER_BEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/fleet.h"
#include "ingest/liveness.h"

/*
 * The worker proves itself with one row, and sees who else does and how much
 * everybody has.  A part of the worker (worker_inside.h).
 */
struct worker;

/* Another worker, as of the last beat. */
struct worker_peer {
	char worker[LEASE_UUID];
	int64_t capacity, held;
	bool is_alive, is_draining;
	bool is_neighbour; /* on the same machine: providers see one address */
	bool is_replaced;  /* we are in its slot: it does not come back */
};

struct worker_beat {
	struct fleet_beat q;
	bool is_under_way;
	bool is_of_drain;      /* the one under way says that we drain */
	bool is_told_to_drain; /* our row says so: the command line did */
	uint64_t at_ms;
	uint64_t answered_ms; /* last beat that was answered; 0: none, we are not in the table */
	char host[FLEET_HOST];
	struct liveness liveness;
	struct worker_peer *peers; /* all but ourselves */
	size_t n_peers;
};

void worker_beat_init(struct worker *w);
uint64_t worker_beat_due(const struct worker *w);
void worker_beat_tick(struct worker *w, uint64_t now_ms);
void worker_beat_cancel(struct worker *w);
void worker_beat_clear(struct worker *w);
/* At once, and not only when it is due. */
void worker_beat_soon(struct worker *w);
/* PostgreSQL went away: nobody is seen. */
void worker_beat_blind(struct worker *w);

/* Of all inboxes as many as this capacity is of all capacities of those that take any; `all`
 * inboxes there are.  Rounded up. */
int64_t worker_beat_share(const struct worker *w, int64_t capacity, int64_t all);
/* What the others have; the dead have nothing. */
int64_t worker_beat_others_hold(const struct worker *w);
/*
 * Is there room elsewhere, with workers that do not leave themselves?  Of one that
 * nothing is heard of too: it may be slow, and our leases wait for it better with us.
 */
bool worker_beat_others_have_room(const struct worker *w);

#endif
