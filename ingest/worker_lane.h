#ifndef INGEST_WORKER_LANE_H
#define INGEST_WORKER_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "db/fleet.h"
#include "ingest/pace.h"
#include "ingest/plight.h"

/*
 * Admission: who may connect now.  The seats of one provider stand in one lane
 * and wait in the order of their coming; the lanes take turns, each as fast as
 * its pace allows, all together no more than so many attempts at a time.  A
 * provider that lets nobody in is told once, as an outage.  A part of the worker
 * (worker_inside.h).
 */
struct worker;
struct seat;

struct lane {
	struct list link; /* in `ready` or `resting`, or in neither: nobody waits */
	struct list want; /* seats */
	struct list tell; /* in `telling`: the outage is to be written */
	char *name;       /* of the provider; of the server where nobody described it */
	size_t seats;
	struct pace pace;
	enum lane_outage {
		LANE_FINE,
		LANE_TO_TELL, /* it went down */
		LANE_TOLD,
		LANE_TO_END, /* it came back */
	} outage;
	bool is_said;         /* the table has it */
	uint64_t down_ms;     /* since when */
	uint64_t still_ms;    /* when to say it again */
	uint64_t proof_ms;    /* how often its inboxes prove */
	unsigned connections; /* of the provider's row: ours at the same time, per account */
};

struct worker_lane {
	struct map by_name;
	struct list ready;   /* may go, as soon as there is room */
	struct list resting; /* wait for time, or for an attempt to end */
	struct list telling;
	unsigned admitted; /* attempts under way */
	unsigned share;    /* so many workers of this machine have one provider's rates together */
	struct fleet_outage q;
	bool is_under_way;
	struct lane *told; /* what `q` is about; NULL: nothing, or that lane is gone */
	enum lane_outage telling_what;
	uint64_t retry_ms;
};

void worker_lane_init(struct worker *w);
uint64_t worker_lane_due(const struct worker *w);
void worker_lane_tick(struct worker *w, uint64_t now_ms);
void worker_lane_cancel(struct worker *w);

/* What a provider bears from one address is divided among `n` workers. */
void worker_lane_share(struct worker *w, unsigned n);

/* The seat takes its place in the lane of that provider; and leaves it. */
void worker_lane_join(struct seat *s, const char *provider, const char *host);
void worker_lane_leave(struct seat *s);
/* It wants to connect: it waits for its turn, and mailbox_admit() follows. */
void worker_lane_want(struct seat *s);
/* Its attempt is over; NULL: it was let in. */
void worker_lane_settled(struct seat *s, const struct plight *why);
/* Does its provider let nobody in? */
bool worker_lane_is_down(const struct seat *s);

#endif
