#ifndef INGEST_WORKER_H
#define INGEST_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/io/loop.h"
#include "base/log.h"
#include "ingest/mailbox.h"

/*
 * Many mailboxes in one process: proves itself with a heartbeat, takes free
 * inboxes and those of dead workers, admits their connections a few at a time,
 * writes their proofs together, and gives everything back when it ends.
 *
 * Events are an optimisation, the walk is the guarantee: every janitor_ms it
 * reads what is leased to it and makes its mailboxes fit, so that a lost
 * notification, or a lease lost while the process was stopped, costs seconds.
 */
struct worker;

struct worker_params {
	char id[LEASE_UUID]; /* of this process */
	int64_t capacity;    /* inboxes at the most; the limit of open files lowers it */
	uint64_t heartbeat_ms, lease_ms, grace_ms;
	uint64_t janitor_ms; /* 0: 5 s */
	unsigned connects;   /* attempts under way at the same time; 0: 64 */
	/* What every mailbox gets; owner and callbacks are the worker's. */
	struct mailbox_params mailbox;
};

struct worker *worker_open(const struct worker_params *p);
/* PostgreSQL is there (again), or went away. */
void worker_pg_up(struct worker *w);
void worker_pg_down(struct worker *w);
/* Hints: something about inboxes changed; there are rechecks. */
void worker_hint_inbox(struct worker *w);
void worker_hint_recheck(struct worker *w);

/*
 * Drop the mailboxes and give the leases back; `stopped` comes once, when that
 * is done or after WORKER_STOP_MS without PostgreSQL.  Then worker_drop().
 */
#define WORKER_STOP_MS 2000
void worker_stop(struct worker *w, void (*stopped)(void *owner), void *owner);
/* Everything is dropped at once; leases stay until others take them. */
void worker_drop(struct worker *w);

size_t worker_held(const struct worker *w); /* mailboxes */
size_t worker_live(const struct worker *w); /* of them, watched and proven */

#endif
