#ifndef INGEST_WORKER_PROOF_H
#define INGEST_WORKER_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "db/folder.h"

/*
 * Proofs of all mailboxes, written together: one statement a second, sooner the more there
 * are to write, and of each inbox at most one proof in nine tenths of its provider's
 * interval, since a later one says more.  The first after it was let in is written at once;
 * and at a random moment within the first interval it is asked to prove again, so that
 * inboxes which came together do not prove together for ever.  A part of the worker
 * (worker_inside.h).
 */
struct worker;
struct seat;

#define WORKER_PROOF_SLOTS 256 /* seconds: longer than any interval */

struct worker_proof {
	struct folder_proofs q;
	bool is_under_way;
	uint64_t at_ms;                        /* of the next statement */
	struct list prove;                     /* seats whose proof is to be written now */
	struct list later[WORKER_PROOF_SLOTS]; /* by the second in which it is their turn */
	size_t n_later;
	uint64_t turned_s; /* up to which `later` was emptied */
	struct folder_proof *sent;
	size_t n_sent;
};

void worker_proof_init(struct worker *w);
void worker_proof_clear(struct worker *w);
uint64_t worker_proof_due(const struct worker *w);
void worker_proof_tick(struct worker *w, uint64_t now_ms);
void worker_proof_cancel(struct worker *w);
/* mailbox_params.on_proof; `owner` is a seat. */
void worker_proof_wanted(void *owner);
/* The seat was let in: its next proof is its first. */
void worker_proof_fresh(struct seat *s);
/* It goes. */
void worker_proof_leave(struct seat *s);

#endif
