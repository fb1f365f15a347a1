#ifndef INGEST_PACE_H
#define INGEST_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"
#include "base/rand.h"

/*
 * How fast one provider is connected to from here, and whether at all.  Pure.
 *
 * A lane is one provider (or one server that nobody described).  It has a token
 * bucket for connections and one for logins, both of one second's worth, and a
 * breaker: many different inboxes that are turned away within a short time are
 * one incident of the provider, not the trouble of each of them.
 *
 *   FLOWING    as fast as the buckets allow
 *      | `failures` different inboxes turned away within `window_ms`, four of five attempts
 *      v
 *   DOWN       a few probes at a time, further and further apart
 *      | one is let in           ^ nobody of those let in is left
 *      v                         |
 *   TRYING     nobody else, until it has survived `survive_ms`
 *      v
 *   FILLING    one a second, twice as many with each second; as many failures as there
 *      |       are probes: DOWN again
 *      v
 *   FLOWING
 */
enum pace_state { PACE_FLOWING, PACE_DOWN, PACE_TRYING, PACE_FILLING };

/* How an attempt ended. */
enum pace_end {
	PACE_LET_IN,
	PACE_TURNED_AWAY, /* by the provider, or on the way to it */
	PACE_NO_WORD,     /* it did not come to that: dropped, no credential, no database */
};

/* What is to be told of it. */
enum pace_news {
	PACE_NOTHING,
	PACE_WENT_DOWN, /* the incident begins */
	PACE_CAME_BACK, /* the incident is over: somebody survived */
};

struct pace_params {
	uint32_t connects_per_s, logins_per_s; /* 0: no limit */
	uint64_t spread_ms;  /* the first attempt waits a random part of this; 0: it does not */
	uint64_t window_ms;  /* 0: 30 s */
	unsigned failures;   /* 0: 8 */
	unsigned probes;     /* 0: 3 */
	uint64_t probe_ms;   /* 0: 5 s; doubles up to twelve times that */
	uint64_t survive_ms; /* 0: 10 s */
};

/* Attempts that ended within half a window. */
struct pace_half {
	unsigned let_in, turned_away;
};

struct pace {
	struct pace_params p;
	enum pace_state state;
	struct bucket connects, logins;
	unsigned under_way, in; /* attempts; let in since the breaker opened */
	uint32_t half;          /* ordinal of the current half window; counts from 1 */
	uint64_t half_ms;       /* when it began */
	struct pace_half now, before;
	uint64_t not_before_ms; /* of the next attempt */
	uint64_t wait_ms;       /* between probes; doubles */
	uint64_t since_ms;      /* of the state */
};

/* When an inbox was last turned away, so that it counts once in a window; zeroed by its owner. */
typedef uint32_t pace_mark;

void pace_init(struct pace *p, const struct pace_params *params, struct rand_gen *g,
	       uint64_t now_ms);
/* The rates are those of one address, which `n` workers have together: a part of them each, and one
 * a second at least. */
void pace_share(struct pace *p, unsigned n, uint64_t now_ms);
/* Time has passed. */
enum pace_news pace_tick(struct pace *p, uint64_t now_ms);
/* When the next attempt may begin: now or earlier, later, or UINT64_MAX: when one under way has
 * ended, or pace_tick() at pace_deadline(). */
uint64_t pace_next(const struct pace *p, uint64_t now_ms);
/* When pace_tick() changes something; UINT64_MAX: it does not. */
uint64_t pace_deadline(const struct pace *p);
/* An attempt begins. */
void pace_begin(struct pace *p, uint64_t now_ms);
enum pace_news pace_ended(struct pace *p, enum pace_end end, pace_mark *mark, struct rand_gen *g,
			  uint64_t now_ms);
/*
 * Somebody who was let in at `in_ms` is out again, and not because we wanted it.
 * Who did not survive was turned away, only later.
 */
enum pace_news pace_lost(struct pace *p, uint64_t in_ms, pace_mark *mark, struct rand_gen *g,
			 uint64_t now_ms);
/* Was it turned away lately?  Then it is one of the incident's. */
bool pace_is_marked(const struct pace *p, pace_mark mark);

const char *pace_state_name(enum pace_state s);

#endif
