#ifndef ROTATION_CLAIM_H
#define ROTATION_CLAIM_H

#include "db/quota.h"
#include "db/quota_day.h"
#include "db/slot.h"
#include "rotation/pick.h"

/*
 * Makes a choice hold: who of a pool sends this mail, promised in PostgreSQL.
 *
 *   members -> (days that nobody has opened -> members) -> pick -> the best four, none waited for
 *       -> the best one, waited for -> done
 *
 * What is known of the members may be old by a moment; slot_reserve() looks again at everything.
 * It is asked also where nobody may send: a stop, a repeated question and a thread that is bound
 * to an inbox are known there alone.
 */
#define CLAIM_MEMBERS 1000 /* of a pool that are looked at */

struct claim {
	struct pg *pg;
	const char *workspace; /* the caller's, like all texts of `ask` */
	const char *pool;      /* uuid; or `inbox` is the only member */
	const char *inbox;
	struct slot_ask ask; /* without inboxes */
	struct pick_ask pick;

	/* What came of it. */
	struct outcome outcome;
	bool no_pool; /* there is none of that id, or nobody is in it */
	struct slot_said said;
	unsigned refused[REFUSAL_COUNT]; /* of SLOT_NONE: how many members, by reason */
	int64_t retry_us;                /* when the first of them could; PICK_NEVER */

	/* Private. */
	struct quota_members members;
	struct quota_days days;
	struct quota_open opening;
	struct slot_reserve reserve;
	bool has_opened, has_waited;
	size_t n;
	struct pick_inbox *inboxes;
	char (*ids)[RAND_UUID];
	char chosen[SLOT_INBOXES][RAND_UUID], closed[QUOTA_DAYS][RAND_UUID];
	int n_closed;
	void (*done)(struct claim *c);
};

/* `c` is filled above "what came of it", else zero.  0: `done` comes once, later; -errno as
 * pg_tx_start(). */
int claim_start(struct claim *c, void (*done)(struct claim *));
void claim_clear(struct claim *c); /* cancels, too */

/* The caps of a day, by ramp, health and what the provider allows.  Pure. */
struct quota_caps claim_caps(const struct quota_day *d);

#endif
