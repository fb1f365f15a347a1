#include "ingest/watch_fetch.h"

#include "ingest/watch_again.h"
#include "ingest/watch_facts.h"

/* Smaller windows need an end to count towards: EXAMINE tells it. */
void watch_fetch_shrink(struct watch *w, struct watch_folder *f, uint32_t window)
{
	w->window = window ? window : 1;
	if (f->announced == UINT32_MAX && w->uidnext)
		f->view = WATCH_VIEW_NONE;
}

/* How many UIDs to ask for next: more where few mails came back, so that a gap of a million costs
 * little. */
static void adapt(struct watch *w)
{
	if (w->uid_to == UINT32_MAX)
		return;
	if (w->count <= w->window / 8)
		w->window = w->window <= UINT32_MAX / 2 ? w->window * 2 : UINT32_MAX;
	else if (w->window > WATCH_WINDOW)
		w->window = WATCH_WINDOW;
	else if (w->window < WATCH_WINDOW)
		w->window = w->window * 2 < WATCH_WINDOW ? w->window * 2 : WATCH_WINDOW;
}

void watch_fetch_done(struct watch *w)
{
	struct watch_folder *f = &w->folders.at[w->about];
	bool is_endless = w->purpose == WATCH_ARRIVED && f->announced == UINT32_MAX;
	/* Where a window's end was announced by nobody, mails may yet come into the rest of it. */
	uint32_t through = is_endless ? w->uid_seen : w->uid_to;
	bool is_last = is_endless ? w->uid_to == UINT32_MAX : through >= f->announced;

	if (w->purpose == WATCH_ARRIVED) {
		adapt(w);
		if (through < f->uid_gated)
			through = f->uid_gated;
		if (through == f->uid_gated && !w->count) {
			w->asked_to = w->uid_to;
			if (!is_last)
				return;
			if (f->shown_us != INT64_MIN)
				watch_facts_prove(w, w->about, f->shown_us);
			watch_facts_end(w, f);
			return;
		}
	}
	w->batch = (struct watch_batch){
		.folder = w->about,
		.purpose = w->purpose,
		.uid_to = through,
		.count = w->count,
		.proof_us = w->purpose == WATCH_ARRIVED && is_last ? f->shown_us : INT64_MIN,
		.noticed_us = w->purpose == WATCH_ARRIVED ? w->noticed_us : INT64_MIN,
	};
	if (w->purpose == WATCH_ARRIVED && is_last)
		w->noticed_us = INT64_MIN;
	w->work = WATCH_WORK_BATCH_READY;
}

/*
 * The server would not give these mails (Yahoo's [SERVERBUG]): halve until the bad
 * one is alone.  It is asked for in WATCH_TRIES sessions and for WATCH_GIVE_UP_MS before it is left
 * out, since what a server refuses now it may give after a while.
 */
void watch_fetch_failed(struct watch *w, uint64_t now_ms)
{
	struct watch_folder *f = &w->folders.at[w->about];
	uint32_t n = w->uid_to == UINT32_MAX ? WATCH_WINDOW : w->uid_to - w->uid_from + 1;

	if (n > 1) {
		watch_fetch_shrink(w, f, n / 2);
		return;
	}
	if (w->bad_uid != w->uid_from) {
		w->tries = 0;
		w->bad_since_ms = now_ms;
	}
	w->bad_uid = w->uid_from;
	if (++w->tries < WATCH_TRIES || now_ms - w->bad_since_ms < WATCH_GIVE_UP_MS) {
		w->stuck = "a mail cannot be fetched";
		return;
	}
	w->skipped++;
	if (w->purpose == WATCH_AGAIN) {
		watch_again_done(w, w->about, w->uid_from);
		return;
	}
	w->count = 0;
	watch_fetch_done(w);
}

void watch_fetch_begin(struct watch *w, const struct watch_order *o)
{
	w->purpose = o->purpose;
	w->count = 0;
	w->uid_seen = 0;
	w->uid_from = o->uid_from;
	w->uid_to = o->uid_to;
	/* A window towards UIDNEXT sees what EXAMINE counted; an open one sees all there is by now.
	 */
	if (o->purpose == WATCH_ARRIVED && w->folders.at[o->folder].announced == UINT32_MAX)
		w->told = w->exists;
}
