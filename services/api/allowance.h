#ifndef SERVICES_API_ALLOWANCE_H
#define SERVICES_API_ALLOWANCE_H

#include "base/bucket.h"
#include "base/map.h"

/*
 * How many requests each key (or session) may make: a token bucket per key in this process.  Each
 * API process counts by itself: with n of them behind one address a key has up to n times as much.
 */
#define ALLOWANCE_KEYS 4096 /* remembered; beyond that all are forgotten, and are full again */

struct allowance {
	struct map buckets; /* struct bucket, by the id of the key */
};

/* What is said of it in the answer (draft-ietf-httpapi-ratelimit-headers-10). */
struct allowance_said {
	bool may;
	uint32_t left;   /* requests, now */
	uint64_t in_s;   /* until it is full; of a refusal, until one is there */
	uint64_t window; /* in which a full one comes back, s */
};

/* Zeros are an empty one. */
void allowance_clear(struct allowance *a);
/* One request of this key; `per_s` 0: no limit, and nothing is kept. */
void allowance_take(struct allowance *a, struct text key, uint32_t per_s, uint32_t most,
		    uint64_t now_ms, struct allowance_said *ret);

#endif
