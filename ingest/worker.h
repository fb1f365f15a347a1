#ifndef INGEST_WORKER_H
#define INGEST_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/io/loop.h"
#include "base/log.h"
#include "db/fleet.h"
#include "ingest/mailbox.h"

/*
 * Many mailboxes in one process: proves itself with a heartbeat, takes free
 * inboxes and those of dead workers, takes over from workers that leave or have
 * more than their share, admits connections at the pace of each provider, writes
 * proofs and timelines together, and gives everything back when it ends.
 *
 * Events are an optimisation, the walk is the guarantee: every janitor_ms it
 * reads what is leased to it and makes its mailboxes fit, so that a lost
 * notification, or a lease lost while the process was stopped, costs seconds.
 */
struct worker;

struct worker_params {
	char id[LEASE_UUID];   /* of this process */
	char slot[FLEET_SLOT]; /* "": none.  Else: whoever starts this process vouches that the
				  one before it in this slot is dead; its inboxes are ours at once
				*/
	int64_t capacity;      /* inboxes at the most: worker_capacity() */
	uint64_t heartbeat_ms, lease_ms, grace_ms;
	uint64_t janitor_ms; /* 0: 5 s */
	uint64_t drain_ms;   /* when it ends, others have so long to take over; 0: none */
	unsigned handshakes; /* attempts to connect under way at the same time; 0: 64 */
	uint64_t spread_ms;  /* the first attempt at a provider comes within this; 0: at once */
	uint64_t probe_ms, survive_ms; /* pace.h; 0: as there */
	/* What every mailbox gets; the callbacks are the worker's. */
	struct mailbox_params mailbox;
};

/*
 * How many inboxes a process can hold: `wanted`, or as many as there may be; but no
 * more than the hard limit of open files leaves room for (a role raises the soft one
 * to it), and WORKER_CAPACITY_MAX when nobody said a number.
 */
#define WORKER_CAPACITY_MAX 20000 /* one process is one core */
int64_t worker_capacity(int64_t wanted);

struct worker *worker_open(const struct worker_params *p);
/* PostgreSQL is there (again), or went away. */
void worker_pg_up(struct worker *w);
void worker_pg_down(struct worker *w);
/* Hints: something about inboxes changed; there are rechecks; a lease went to another worker;
 * somebody asks for a proof. */
void worker_hint_inbox(struct worker *w);
void worker_hint_recheck(struct worker *w);
void worker_hint_lease(struct worker *w);
void worker_hint_probe(struct worker *w);

/*
 * Let others take over, as long as there are any (one that nothing is heard of may
 * come back) and `drain_ms` is not over; then drop the mailboxes that are left and
 * give their leases back, once more if that is refused.  `stopped` comes once, when
 * that is done or after WORKER_STOP_MS without success.  Then worker_drop().
 */
#define WORKER_STOP_MS 3000
void worker_stop(struct worker *w, void (*stopped)(void *owner), void *owner);
/* Everything is dropped at once; leases stay until others take them. */
void worker_drop(struct worker *w);

size_t worker_held(const struct worker *w); /* mailboxes of inboxes that are ours */
size_t worker_live(const struct worker *w); /* of them, watched and proven */

#endif
