#ifndef SERVICES_DISPATCH_TENDER_H
#define SERVICES_DISPATCH_TENDER_H

#include "base/log.h"
#include "db/delivery.h"

/*
 * What is done now and then, beside the posts: prospects that were held long enough are let go,
 * replays owe their next portion, what was removed is cleared away (lane_tend() and replay_step()
 * in db/schema/0022_lane.sql).  The owner asks it to look, as often as he likes.
 *
 *   IDLE     until it is time again: soon, while there was something to do
 *   BUSY     a portion is under way
 */
enum tender_state { TENDER_IDLE, TENDER_BUSY };

struct tender {
	struct pg *pg;
	const struct log *log;
	struct delivery_tend query;
	enum tender_state state;
	uint64_t next_ms; /* monotonic: not before */
	void *owner;
	void (*found)(void *owner); /* something may be due by it */
};

void tender_init(struct tender *t, struct pg *pg, const struct log *log);
/* One portion, if it is time. */
void tender_look(struct tender *t);
/* Nothing is told any more. */
void tender_cancel(struct tender *t);

#endif
