#include "base/bucket.h"

void bucket_init(struct bucket *b, uint32_t per_s, uint32_t most, uint64_t now_ms)
{
	*b = (struct bucket){ per_s, most, (uint64_t)most * BUCKET_TOKEN, now_ms };
}

/* A token each 1000/per_s ms is per_s thousandths each ms. */
uint64_t bucket_milli(const struct bucket *b, uint64_t now_ms)
{
	uint64_t full = (uint64_t)b->most * BUCKET_TOKEN;
	uint64_t gone_ms = now_ms > b->at_ms ? now_ms - b->at_ms : 0;

	/* The division keeps any time, however long, from passing 2^64. */
	if (b->per_s && gone_ms > (full - b->milli) / b->per_s)
		return full;
	return b->milli + gone_ms * b->per_s;
}

uint64_t bucket_next(const struct bucket *b, uint64_t now_ms)
{
	uint64_t milli = bucket_milli(b, now_ms);

	if (!b->per_s || milli >= BUCKET_TOKEN)
		return now_ms;
	return now_ms + (BUCKET_TOKEN - milli + b->per_s - 1) / b->per_s;
}

void bucket_take(struct bucket *b, uint64_t now_ms)
{
	uint64_t milli = bucket_milli(b, now_ms);

	b->milli = milli > BUCKET_TOKEN ? milli - BUCKET_TOKEN : 0;
	b->at_ms = now_ms;
}

void bucket_change(struct bucket *b, uint32_t per_s, uint32_t most, uint64_t now_ms)
{
	uint64_t milli = bucket_milli(b, now_ms), full = (uint64_t)most * BUCKET_TOKEN;

	*b = (struct bucket){ per_s, most, milli < full ? milli : full, now_ms };
}

uint64_t bucket_full_in(const struct bucket *b, uint64_t now_ms)
{
	uint64_t lacks = (uint64_t)b->most * BUCKET_TOKEN - bucket_milli(b, now_ms);

	return b->per_s ? (lacks + b->per_s - 1) / b->per_s : 0;
}
