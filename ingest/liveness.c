#include "ingest/liveness.h"

#include <stdio.h>
#include <string.h>

void liveness_init(struct liveness *l, const struct liveness_params *p)
{
	*l = (struct liveness){ .p = *p };
}

static void forget(struct liveness *l)
{
	l->n = 0;
}

void liveness_blind(struct liveness *l)
{
	/* Before the first look there was nothing to be blind for. */
	if (l->polled_ms)
		l->grace_end_ms = UINT64_MAX; /* set by the next poll that works */
	forget(l);
}

void liveness_begin(struct liveness *l, uint64_t now_ms)
{
	if (l->polled_ms && now_ms - l->polled_ms > l->p.blind_ms)
		liveness_blind(l);
	if (l->grace_end_ms == UINT64_MAX)
		l->grace_end_ms = now_ms + l->p.grace_ms;
	l->polled_ms = now_ms;
	for (size_t i = 0; i < l->n; i++)
		l->at[i].is_seen = false;
}

void liveness_saw(struct liveness *l, const char *id, int64_t beat, uint64_t now_ms)
{
	struct liveness_worker *w = NULL;

	for (size_t i = 0; i < l->n && !w; i++)
		if (strcmp(l->at[i].id, id) == 0)
			w = &l->at[i];
	if (!w) {
		if (l->n == LIVENESS_MAX)
			return;
		w = &l->at[l->n++];
		*w = (struct liveness_worker){ .beat = beat, .moved_ms = now_ms };
		(void)snprintf(w->id, sizeof(w->id), "%s", id);
	}
	if (w->beat != beat) {
		w->beat = beat;
		w->moved_ms = now_ms;
		w->is_told = false;
	}
	w->is_seen = true;
}

void liveness_end(struct liveness *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].is_seen)
			l->at[kept++] = l->at[i];
	l->n = kept;
}

void liveness_told_dead(struct liveness *l, const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].id, id) == 0)
			l->at[i].is_told = true;
}

bool liveness_is_dead(const struct liveness *l, size_t i, uint64_t now_ms)
{
	/* The last look counts, not the clock: what was not looked at was not seen standing still.
	 */
	uint64_t looked_ms = now_ms < l->polled_ms ? now_ms : l->polled_ms;

	if (l->at[i].is_told)
		return true;
	return now_ms >= l->grace_end_ms && looked_ms - l->at[i].moved_ms >= l->p.silence_ms;
}

size_t liveness_dead(const struct liveness *l, uint64_t now_ms, const char **ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n && n < max; i++)
		if (liveness_is_dead(l, i, now_ms))
			ret[n++] = l->at[i].id;
	return n;
}

bool liveness_is_alive(const struct liveness *l, const char *id, uint64_t now_ms)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].id, id) == 0)
			return !liveness_is_dead(l, i, now_ms);
	return true;
}

size_t liveness_alive(const struct liveness *l, uint64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += !liveness_is_dead(l, i, now_ms);
	return n;
}
