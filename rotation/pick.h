#ifndef ROTATION_PICK_H
#define ROTATION_PICK_H

#include <stddef.h>
#include <stdint.h>

#include "rotation/sendable.h"

/*
 * Which inbox of a pool opens a conversation.  Pure: what is known of the
 * members, and the time, in; the best few, in order, and why the others were
 * not, out.  PostgreSQL decides whether the choice still holds when the slot is
 * written (one conditional update of one row), so what is known here may be
 * a second old.
 *
 *   smallest (2u + 1) / W first;  W = cap * band's volume * member's weight * provider's
 *
 * u counts every mail of the day that was charged, follow-ups too (Webster's
 * divisor method): nothing is kept between picks, a restart forgets nothing, and
 * an inbox that its follow-ups have filled gets fewer first mails.  Equal ones:
 * whoever was picked longest ago, then the order they were given in.
 *
 * Reserve members serve only when no primary one could today; one that merely
 * has to wait for its gap or its window still could.
 *
 * Source: Balinski and Young, Fair Representation (1982), Webster's method.
 */
#define PICK_NEVER  INT64_MIN
#define PICK_MOST   4   /* how many are tried in PostgreSQL before "none" */
#define PICK_PREFER 3.0 /* what a matching provider weighs where it is preferred */

struct pick_inbox {
	struct sendable state;
	bool reserve; /* else primary */
	int cap, used;
	int cap_new, used_new;
	int rolling_left, domain_left, tenant_left; /* of what is counted over any 24 hours */
	int64_t rolling_lifts_us, domain_lifts_us, tenant_lifts_us; /* PICK_NEVER: not known */
	int64_t next_allowed_us;     /* the gap; PICK_NEVER: never sent */
	int64_t opens_us, closes_us; /* the window of now, or the next one; equal: there is none */
	int64_t day_ends_us;         /* the cap begins anew */
	double weight;               /* the member's, > 0 */
	bool provider_matches;       /* the recipient's */
	int64_t picked_us;           /* PICK_NEVER */
};

enum pick_provider { PICK_ANY, PICK_PREFERRED, PICK_STRICT };
struct pick_ask {
	enum sendable_kind kind;
	enum pick_provider provider;
	int64_t now_us;
	int64_t horizon_us; /* a slot may begin so much later: gap and window are looked at as of
			       then */
};

/* Why this one may not, and when that lifts (the last of all that binds; PICK_NEVER: not by itself,
 * or not known). */
enum refusal pick_refusal(const struct pick_ask *a, const struct pick_inbox *i,
			  int64_t *ret_lifts_us);

/* When its mail would go: now, or as soon as gap and window allow.  Of one that is not refused. */
int64_t pick_send_at(const struct pick_ask *a, const struct pick_inbox *i);

struct pick {
	size_t order[PICK_MOST]; /* indices, best first */
	size_t n;
	unsigned refused[REFUSAL_COUNT]; /* how many, by reason */
	int64_t retry_us; /* with n == 0: when the first of them could; PICK_NEVER: nobody knows */
};
void pick_choose(const struct pick_ask *a, const struct pick_inbox *inboxes, size_t n,
		 struct pick *ret);

/* When the next mail may leave, after one at `now_us`.  Spread over what is left of the window,
 * never closer than the gap. */
struct pick_spacing {
	int64_t now_us, closes_us;
	int left;       /* of the cap, after this mail */
	uint64_t gap_s; /* the policy's least */
	enum band band; /* stretches it */
	double chance;  /* drawn by the caller, [0, 1) */
};
int64_t pick_next_allowed(const struct pick_spacing *s);

#endif
