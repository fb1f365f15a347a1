#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdint.h>

/*
 * A token bucket.  Pure.  It is full at first, gets `per_s` tokens a second, and holds `most`.
 */
#define BUCKET_TOKEN 1000 /* thousandths */

struct bucket {
	uint32_t per_s, most; /* per_s 0: no limit */
	uint64_t milli;       /* thousandths of a token, at `at_ms` */
	uint64_t at_ms;
};

/* `most` at least 1. */
void bucket_init(struct bucket *b, uint32_t per_s, uint32_t most, uint64_t now_ms);
/* What is in it, in thousandths. */
uint64_t bucket_milli(const struct bucket *b, uint64_t now_ms);
/* When there is a whole token: `now_ms` at once. */
uint64_t bucket_next(const struct bucket *b, uint64_t now_ms);
/* One token less; at least nothing stays. */
void bucket_take(struct bucket *b, uint64_t now_ms);
/* From now on so many; what is in it stays as far as it fits. */
void bucket_change(struct bucket *b, uint32_t per_s, uint32_t most, uint64_t now_ms);
/* In how many ms it is full again. */
uint64_t bucket_full_in(const struct bucket *b, uint64_t now_ms);

#endif
