#include "base/dns_answer.h"

#include <stdbool.h>

const struct dns_record *dns_answer_pick(const struct dns_answer *a, uint32_t draw)
{
	const struct dns_record *first = NULL;
	uint32_t lowest = UINT32_MAX, sum = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (a->records[i].priority < lowest) {
			lowest = a->records[i].priority;
			first = &a->records[i];
			sum = 0;
		}
		if (a->records[i].priority == lowest)
			sum += a->records[i].weight;
	}
	if (!sum) /* all weights are 0: they are alike, and the server's order is as good as any */
		return first;
	/* A weight of 0 among others has a very small chance there; here it has none. */
	draw %= sum;
	for (size_t i = 0; i < a->n; i++) {
		if (a->records[i].priority != lowest)
			continue;
		if (draw < a->records[i].weight)
			return &a->records[i];
		draw -= a->records[i].weight;
	}
	return first;
}
