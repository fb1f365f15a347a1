#include "services/api/allowance.h"

#include <stdlib.h>

#include "base/mem.h"

void allowance_clear(struct allowance *a)
{
	struct text key;
	void *bucket;

	for (size_t at = 0; map_next(&a->buckets, &at, &key, &bucket);)
		free(bucket);
	map_clear(&a->buckets);
}

static struct bucket *bucket_of(struct allowance *a, struct text key, uint32_t per_s, uint32_t most,
				uint64_t now_ms)
{
	struct bucket *b = map_get(&a->buckets, key);

	if (b)
		return b;
	if (map_count(&a->buckets) >= ALLOWANCE_KEYS)
		allowance_clear(a);
	b = mem_new(sizeof(*b));
	bucket_init(b, per_s, most, now_ms);
	map_put(&a->buckets, key, b);
	return b;
}

static uint64_t seconds(uint64_t ms)
{
	return (ms + 999) / 1000;
}

void allowance_take(struct allowance *a, struct text key, uint32_t per_s, uint32_t most,
		    uint64_t now_ms, struct allowance_said *ret)
{
	struct bucket *b;
	uint64_t next_ms;

	*ret = (struct allowance_said){ .may = true };
	if (!per_s)
		return;
	b = bucket_of(a, key, per_s, most, now_ms);
	next_ms = bucket_next(b, now_ms);
	ret->may = next_ms == now_ms;
	if (ret->may)
		bucket_take(b, now_ms);
	ret->left = (uint32_t)(bucket_milli(b, now_ms) / BUCKET_TOKEN);
	ret->in_s = seconds(ret->may ? bucket_full_in(b, now_ms) : next_ms - now_ms);
	ret->window = seconds((uint64_t)most * 1000 / per_s);
}
