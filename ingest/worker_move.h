#ifndef INGEST_WORKER_MOVE_H
#define INGEST_WORKER_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/lease.h"

/*
 * Inboxes that come over from another worker, because it leaves or has more than
 * its share: make before break, a few at a time.  A part of the worker
 * (worker_inside.h).
 *
 *   claimed     our name stands beside the lease; the standby connects and logs in
 *      v        while the other one watches and writes
 *   ready       it could begin
 *      v
 *   taking      one transaction: the lease is ours, a new epoch; it waits for what
 *      v        the other one is writing, and from there on fences him
 *   (ours)      the standby begins where the other one's watermarks stand
 *
 * An inbox that backs off or is held over there has no session to keep: it goes from
 * claimed to ready at once, without a standby, and has its seat with the lease.  So does one whose
 * standby fails when the other worker must go.  Otherwise the claim is given back, and nobody tries
 * that inbox again for a while.
 *
 * Whoever dies in between leaves nothing undone: a dead predecessor changes
 * nothing for the successor, and a dead successor's claims go with its row.
 */
struct worker;
struct seat;

#define WORKER_MOVES 4 /* at a time */

struct worker_move_claim {
	char inbox[LEASE_UUID];
	enum {
		MOVE_NONE,
		MOVE_CLAIMED,
		MOVE_READY,
		MOVE_TAKING,
		MOVE_GIVING_UP,
	} phase;
	bool must_go; /* its worker leaves */
	bool has_standby;
	uint64_t end_ms; /* so long the standby may take */
};

struct worker_move {
	struct lease_list claim;
	struct lease_succeed succeed;
	struct lease_release unclaim;
	bool is_claiming, is_taking, is_giving_up;
	bool must_go; /* of the claiming under way */
	struct worker_move_claim claims[WORKER_MOVES];
	uint64_t at_ms;
};

void worker_move_init(struct worker *w);
uint64_t worker_move_due(const struct worker *w);
void worker_move_tick(struct worker *w, uint64_t now_ms);
void worker_move_cancel(struct worker *w);

/* We could do with so many more than there are free ones. */
void worker_move_more(struct worker *w, int64_t more);
/* Claims, and of them those that have a seat already. */
size_t worker_move_count(const struct worker *w);
size_t worker_move_standbys(const struct worker *w);
/* The table has us as successor of this inbox; give it back if we know nothing of it. */
void worker_move_stray(struct worker *w, const char *inbox);
/* The standby is logged in; it failed; its claim is void; the lease is ours already, and either the
 * seat is ours with it or it is left. */
void worker_move_ready(struct seat *s);
void worker_move_failed(struct seat *s);
void worker_move_void(struct seat *s);
void worker_move_won(struct seat *s, int64_t epoch);

#endif
