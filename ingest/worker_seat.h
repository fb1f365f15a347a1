#ifndef INGEST_WORKER_SEAT_H
#define INGEST_WORKER_SEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "db/lease.h"
#include "ingest/mailbox.h"

/*
 * One mailbox of a worker and its places in the worker's lists; and admission:
 * who may connect now.  There are many thousand of them: what is not needed all
 * the time has no place here.  For ingest/worker*.c only.
 */
struct worker;

struct seat {
	struct worker *worker;
	struct mailbox *mailbox;
	struct list want;  /* waits for admission */
	struct list prove; /* has proofs */
	bool is_admitted;  /* its attempt is under way */
	bool is_seen;      /* by the walk under way */
};

struct seat *worker_seat_find(const struct worker *w, const char *inbox); /* NULL: none */
/* No seats yet, and what their mailboxes call. */
void worker_seat_init(struct worker *w);
/* A mailbox for an inbox that has none. */
struct seat *worker_seat_take(struct worker *w, const struct lease_inbox *i);
/* Its mailbox is dropped; the lease is not touched. */
void worker_seat_leave(struct seat *s);
void worker_seat_leave_all(struct worker *w);
/* Every seat once; `*at` starts at 0.  The one returned may be left. */
struct seat *worker_seat_next(const struct worker *w, size_t *at);

/* Whoever may connect now does. */
void worker_seat_admit(struct worker *w);
/* When worker_seat_admit() is wanted. */
uint64_t worker_seat_due(const struct worker *w);

#endif
