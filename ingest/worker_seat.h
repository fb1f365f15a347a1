#ifndef INGEST_WORKER_SEAT_H
#define INGEST_WORKER_SEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "db/lease.h"
#include "ingest/mailbox.h"
#include "ingest/pace.h"

/*
 * One mailbox of a worker and its places in the worker's lists.  There are many
 * thousand of them: what is not needed all the time has no place here.  For
 * ingest/worker*.c only.
 */
struct worker;
struct lane;

struct seat {
	struct worker *worker;
	struct mailbox *mailbox;
	struct lane *lane;
	struct list want;   /* waits in its lane for admission */
	struct list prove;  /* has proofs, or will have: worker_proof.h */
	struct list note;   /* has lines for the timeline */
	uint64_t in_ms;     /* when it was let in; 0: it is not */
	uint64_t proved_ms; /* its last proof was written; 0: none was */
	pace_mark mark;
	bool is_admitted; /* its attempt is under way */
	bool is_standby;  /* of an inbox that is another worker's (worker_move.h) */
	bool is_leaving;  /* somebody wants to be the successor */
	bool is_seen;     /* by the walk under way */
	bool is_later;    /* `prove` is in a list of later seconds */
	bool is_in_step;  /* its proofs come when those of all come that were let in with it */
};

/* What every mailbox gets. */
void worker_seat_init(struct worker *w);
struct seat *worker_seat_find(const struct worker *w, const char *inbox); /* NULL: none */
/* A mailbox for an inbox that has none; a standby when the lease is not ours. */
struct seat *worker_seat_take(struct worker *w, const struct lease_inbox *i);
/* Its mailbox is dropped; the lease is not touched. */
void worker_seat_leave(struct seat *s);
void worker_seat_leave_all(struct worker *w);
/* Every seat once; `*at` starts at 0.  The one returned may be left. */
struct seat *worker_seat_next(const struct worker *w, size_t *at);

#endif
