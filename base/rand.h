#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

/*
 * Two kinds of chance.  rand_bytes() is for keys and ids and comes from the
 * kernel.  struct rand_gen is for jitter: seeded, so that a test can repeat it.
 */
void rand_bytes(void *p, size_t n); /* aborts if the kernel has none */

/* A random UUID (RFC 9562 version 4) as 36 characters and a NUL. */
#define RAND_UUID 37
void rand_uuid(char dst[RAND_UUID]);

struct rand_gen {
	uint64_t s[4]; /* xoshiro256** */
};
void rand_gen_seed(struct rand_gen *g, uint64_t seed);   /* 0: seeded by the kernel */
uint64_t rand_gen_below(struct rand_gen *g, uint64_t n); /* [0, n); n > 0 */

#endif
