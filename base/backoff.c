#include "base/backoff.h"

void backoff_init(struct backoff *b, uint64_t first_ms, uint64_t max_ms, uint64_t survive_ms)
{
	if (!first_ms)
		first_ms = 1;
	*b = (struct backoff){
		.first_ms = first_ms,
		.max_ms = max_ms > first_ms ? max_ms : first_ms,
		.survive_ms = survive_ms,
	};
}

uint64_t backoff_failed(struct backoff *b, struct rand_gen *g)
{
	uint64_t step = b->first_ms;

	for (unsigned i = 0; i < b->failures && step < b->max_ms; i++)
		step = step > b->max_ms / 2 ? b->max_ms : step * 2;
	if (b->failures < UINT32_MAX)
		b->failures++;
	return step / 2 + rand_gen_below(g, step - step / 2 + 1);
}

void backoff_lived(struct backoff *b, uint64_t lived_ms)
{
	if (lived_ms >= b->survive_ms)
		b->failures = 0;
}
