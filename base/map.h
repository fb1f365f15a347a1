#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * From bytes to a pointer.
 *
 *   items   key and value, in the order in which they came; a removed one leaves a hole
 *   table   open addressing; where in `items` a key stands, by its hash
 *
 * The hash is seeded by the kernel for each map (SipHash-2-4), so that a peer
 * who chooses the keys cannot choose that they collide.  Keys are copied: they
 * have met a ceiling of the caller's.  Values belong to the caller and are never
 * NULL.  A map that has emptied, or is half holes when it wants to grow, shrinks.
 */
struct map {
	struct map_item *items;
	uint32_t *table;
	size_t n_items; /* used of `items`, with holes */
	size_t n_table; /* a power of two, or 0 */
	size_t n;       /* keys */
	uint8_t seed[16];
};

/* Cannot fail and allocates nothing; zeros are an empty map too. */
void map_init(struct map *m);
/* Frees what the map itself holds; `m` is empty and usable again. */
void map_clear(struct map *m);

size_t map_count(const struct map *m);
void *map_get(const struct map *m, struct text key);        /* NULL: not there */
void *map_put(struct map *m, struct text key, void *value); /* what was there before, or NULL */
void *map_remove(struct map *m, struct text key);           /* what was there, or NULL */

/*
 * Every key once, in the order in which they came; `*at` starts at 0.  In
 * between map_remove() may be called for any key, map_put() only for keys that
 * are there.  `*ret_key` is good until that key is removed.
 */
bool map_next(const struct map *m, size_t *at, struct text *ret_key, void **ret_value);

/* SipHash-2-4 (Aumasson, Bernstein: SipHash, a fast short-input PRF, 2012). */
uint64_t map_hash(const uint8_t seed[16], struct text t);

#endif
