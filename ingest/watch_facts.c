#include "ingest/watch_facts.h"

#define DAY_S INT64_C(86400)

void watch_facts_prove(struct watch *w, unsigned folder, int64_t us)
{
	struct watch_folder *f = &w->folders.at[folder];

	f->is_proven = true;
	if (f->proven_us < us)
		f->proven_us = us;
}

void watch_facts_end(struct watch *w, struct watch_folder *f)
{
	f->view = WATCH_VIEW_EVEN;
	f->shown_us = INT64_MIN;
	f->is_missed = f->is_back = false;
	f->told = f->due = 0;
	f->held = w->told;
	w->asked_to = 0;
	if (w->exists > w->told) {
		f->view = WATCH_VIEW_BEHIND;
		f->announced = UINT32_MAX;
	}
}

void watch_facts_count(struct watch *w, struct watch_folder *f, const struct watch_batch *b)
{
	f->told += b->count;
	if (f->is_proven || !watch_folder_is_watched(f->role))
		return;
	w->gap.replayed += b->count;
	w->gap.vanished += b->vanished;
}

void watch_facts_untold(struct watch *w)
{
	if (w->untold == WATCH_DEAF)
		return;
	if (++w->untold == WATCH_DEAF)
		w->tell = (struct watch_told){ WATCH_TOLD_DEAF, 0, 0 };
}

void watch_facts_heard(struct watch *w)
{
	if (w->untold < WATCH_DEAF)
		w->untold = 0;
}

/* A day before the last proof: INTERNALDATE has a zone that SEARCH does not know. */
int64_t watch_facts_since_s(const struct watch *w, int64_t now_us)
{
	int64_t since_s = now_us / 1000000 - w->p.lookback_s;

	if (w->since_us != INT64_MIN && w->since_us / 1000000 - DAY_S < since_s)
		since_s = w->since_us / 1000000 - DAY_S;
	return since_s;
}
