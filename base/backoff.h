#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

#include "base/rand.h"

/*
 * When to try again.  Exponential with full jitter between half the step and
 * the step; earned back only by surviving: backoff_lived() resets it when what
 * was started lasted at least `survive_ms`, else the next wait is longer.
 */
struct backoff {
	uint64_t first_ms, max_ms, survive_ms;
	unsigned failures;
};

void backoff_init(struct backoff *b, uint64_t first_ms, uint64_t max_ms, uint64_t survive_ms);
uint64_t backoff_failed(struct backoff *b, struct rand_gen *g); /* ms to wait */
void backoff_lived(struct backoff *b, uint64_t lived_ms);

#endif
