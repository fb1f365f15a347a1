#include "services/api/gate_verdict.h"

struct verdict gate_verdict(const struct gate_read *g, uint64_t freshness_ms)
{
	struct verdict_inbox seen[GATE_INBOXES + 1];
	struct verdict_facts f = { .level = g->level,
				   .reason = g->reason,
				   .hold_until_us = g->hold_until_us,
				   .inboxes = seen,
				   .now_us = g->now_us,
				   .freshness_ms = freshness_ms };

	for (int i = 0; i < g->n_inboxes && i < GATE_INBOXES; i++)
		seen[f.n_inboxes++] = (struct verdict_inbox){ .watched = g->inboxes[i].watched,
							      .seen_us = g->inboxes[i].seen_us,
							      .blind = g->inboxes[i].blind,
							      .unread = g->inboxes[i].unread };
	if (g->n_inboxes > GATE_INBOXES) /* more than we looked at: not proven */
		seen[f.n_inboxes++] = (struct verdict_inbox){ .seen_us = VERDICT_NEVER };
	return verdict_of(&f);
}
