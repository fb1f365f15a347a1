#ifndef INGEST_RENEWAL_H
#define INGEST_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"

/*
 * When a connection that works is replaced all the same: before its access token
 * ends, where the provider ends the session with it, and before the longest
 * session the provider gives.  Begun at a random time in a window before that
 * end, so that inboxes connected together are not replaced together.
 *
 *   NONE     no end is known
 *   PLANNED  at `at_ms`: again after a failure too, until the session ends by itself
 *   WANTED   time has come: admission is asked for
 *   ADMITTED and given
 *   UNDER_WAY
 *
 * Pure.
 */
struct renewal {
	enum renewal_phase {
		RENEWAL_NONE,
		RENEWAL_PLANNED,
		RENEWAL_WANTED,
		RENEWAL_ADMITTED,
		RENEWAL_UNDER_WAY,
	} phase;
	uint64_t at_ms; /* while PLANNED */
	struct backoff backoff;
};

/* `again_ms`: the first wait after a failure; 0: 5 s. */
void renewal_init(struct renewal *r, uint64_t again_ms);
/*
 * The windows: a token is replaced 280 to 100 s before its end (the broker has
 * the next one 5 minutes ahead, and below 2 minutes refreshes for whoever asks),
 * a session with a longest life 30 to 2 minutes before; never in the first three fifths, so that
 * the next token is there. `token_left_ms`, `session_left_ms`: UINT64_MAX: it has no end that
 * matters.
 */
void renewal_plan(struct renewal *r, uint64_t token_left_ms, uint64_t session_left_ms,
		  uint64_t now_ms, struct rand_gen *g);
void renewal_forget(struct renewal *r);
bool renewal_is_due(const struct renewal *r, uint64_t now_ms);
/* It did not come about: again after a while. */
void renewal_failed(struct renewal *r, uint64_t at_least_ms, uint64_t now_ms, struct rand_gen *g);
uint64_t renewal_deadline(const struct renewal *r); /* UINT64_MAX: none */

#endif
