#ifndef ROTATION_SENDABLE_H
#define ROTATION_SENDABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "rotation/band.h"
#include "rotation/refusal.h"

/*
 * May an inbox send at all?  Four things that have nothing to do with each
 * other, and one answer.  An inbox that we cannot read must not send: what came
 * back would be missed.
 */
enum sendable_kind {
	SENDABLE_FIRST,    /* opens a conversation */
	SENDABLE_FOLLOWUP, /* in the conversation's own inbox */
	SENDABLE_MANUAL    /* a person's own mail, counted and paced like any other */
};

enum sendable_admin { SENDABLE_ENABLED, SENDABLE_DRAINING, SENDABLE_PAUSED, SENDABLE_REMOVED };

/* What its worker says (the states of an inbox, docs/interfaces.md). */
enum sendable_sight {
	SENDABLE_LIVE,
	SENDABLE_CATCHING_UP,
	SENDABLE_AWAY, /* connecting, backing off, held, unwatched */
	SENDABLE_REAUTH
};

struct sendable {
	enum sendable_admin admin;
	enum sendable_sight sight;
	enum band band;
	bool suspended;           /* by the provider */
	int64_t limited_until_us; /* a provider's limit; BAND_NEVER */
};

/* The gravest reason, and when it lifts by itself; BAND_NEVER: it does not, or nobody knows. */
enum refusal sendable_refusal(const struct sendable *s, enum sendable_kind k, int64_t now_us,
			      int64_t *ret_lifts_us);

/*
 * A follow-up's inbox is bound.  One that is gone (removed, suspended, or waiting for its user for
 * longer than `grace_us`) lets the rebind policy decide; everything else is waited for.
 */
bool sendable_is_gone(const struct sendable *s, int64_t since_us, int64_t grace_us, int64_t now_us);

#endif
