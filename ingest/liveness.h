#ifndef INGEST_LIVENESS_H
#define INGEST_LIVENESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which workers are dead.  Pure: what the table of workers showed and when, on
 * our own clock; nobody else's clock is believed.
 *
 *   poll ok:     a beat that moved says "alive now"; one that stood still for
 *                silence_ms over successful polls says "dead"
 *   poll failed: we were blind, so all that was seen is forgotten; and when
 *                PostgreSQL is back, everybody gets grace_ms first (an outage of
 *                the database is not the death of the workers)
 *
 * A long pause between two polls is blindness too: we were stopped ourselves.
 */
#define LIVENESS_ID  37  /* uuid as text */
#define LIVENESS_MAX 512 /* workers looked at; more are believed alive */

struct liveness_params {
	uint64_t silence_ms; /* 15 s */
	uint64_t grace_ms;   /* 30 s */
	uint64_t blind_ms;   /* two polls further apart than this: we did not look */
};

struct liveness_worker {
	char id[LIVENESS_ID];
	int64_t beat;
	uint64_t moved_ms; /* when the beat was last seen at another value, or first seen */
	bool is_seen;      /* by the poll under way */
	bool is_told;      /* that it is dead: liveness_told_dead() */
};

struct liveness {
	struct liveness_params p;
	struct liveness_worker at[LIVENESS_MAX];
	size_t n;
	uint64_t polled_ms;    /* last successful poll; 0: none yet */
	uint64_t grace_end_ms; /* nobody is dead before */
};

void liveness_init(struct liveness *l, const struct liveness_params *p);
/* A poll that worked: begin, each worker, end. */
void liveness_begin(struct liveness *l, uint64_t now_ms);
void liveness_saw(struct liveness *l, const char *id, int64_t beat, uint64_t now_ms);
void liveness_end(struct liveness *l); /* who was not seen is forgotten: his row is gone */
/* A poll that failed, or the connection to PostgreSQL broke. */
void liveness_blind(struct liveness *l);

/*
 * Who can know says that it is dead, such as whoever started its successor: no
 * silence, no grace is waited for.  Until its beat moves, or its row is gone.
 */
void liveness_told_dead(struct liveness *l, const char *id);

bool liveness_is_dead(const struct liveness *l, size_t i, uint64_t now_ms);
/* Ids of the dead; at most `max`. */
size_t liveness_dead(const struct liveness *l, uint64_t now_ms, const char **ret, size_t max);
/* By its id; one that is not looked at is believed alive. */
bool liveness_is_alive(const struct liveness *l, const char *id, uint64_t now_ms);
size_t liveness_alive(const struct liveness *l, uint64_t now_ms);

#endif
