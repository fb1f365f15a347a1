#include "ingest/watch_fetch.h"

#include "ingest/watch_again.h"
#include "ingest/watch_facts.h"
#include "ingest/watch_poison.h"

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
	uint32_t range = w->uid_to - w->uid_from + 1;

	if (w->uid_to == UINT32_MAX || (range < w->window && w->window >= WATCH_WINDOW))
		return;
	if (w->count <= w->window / 8)
		w->window = w->window <= UINT32_MAX / 2 ? w->window * 2 : UINT32_MAX;
	else if (w->window > WATCH_WINDOW)
		w->window = WATCH_WINDOW;
	else if (w->window < WATCH_WINDOW)
		w->window = w->window * 2 < WATCH_WINDOW ? w->window * 2 : WATCH_WINDOW;
}

/* UIDs of the window that nobody has any more.  After a look back they may have been gone for
 * ever. */
static uint32_t vanished(const struct watch *w, const struct watch_folder *f, uint32_t through)
{
	uint32_t range = through >= w->uid_from ? through - w->uid_from + 1 : 0;

	if (watch_poison_has(w, w->about, w->uid_from))
		range = 0; /* it is there, alone in its window */
	return f->is_back || range < w->count ? 0 : range - w->count;
}

static void make_batch(struct watch *w, uint32_t through, bool is_last)
{
	const struct watch_folder *f = &w->folders.at[w->about];
	bool has_arrived = w->purpose == WATCH_ARRIVED;
	uint32_t poison = watch_poison_lowest(w, w->about);

	w->batch = (struct watch_batch){
		.folder = w->about,
		.purpose = w->purpose,
		.uid_to = through,
		.uid_row = poison && poison <= through ? poison - 1 : through,
		.count = w->count,
		.vanished = has_arrived ? vanished(w, f, through) : 0,
		.proof_us = has_arrived && is_last ? f->shown_us : INT64_MIN,
		.noticed_us = has_arrived ? w->noticed_us : INT64_MIN,
		.is_missed = has_arrived && f->is_missed,
	};
	if (has_arrived && is_last)
		w->noticed_us = INT64_MIN;
	w->work = WATCH_WORK_BATCH_READY;
}

void watch_fetch_done(struct watch *w)
{
	struct watch_folder *f = &w->folders.at[w->about];
	bool is_endless = w->purpose == WATCH_ARRIVED && f->announced == UINT32_MAX;
	/* Where a window's end was announced by nobody, mails may yet come into the rest of it. */
	uint32_t through = is_endless ? w->uid_seen : w->uid_to;
	bool is_last = is_endless ? w->uid_to == UINT32_MAX : through >= f->announced;

	if (w->count > 0)
		watch_poison_well(w);
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
	make_batch(w, through, is_last);
}

/* One mail alone is refused, for the second time in this session: on without it. */
static void set_aside(struct watch *w, uint64_t now_ms)
{
	if (w->purpose == WATCH_AGAIN) {
		watch_poison_refused(w, w->about, w->uid_from, now_ms);
		watch_again_done(w, w->about, w->uid_from);
		return;
	}
	if (!watch_poison_add(w, w->about, w->uid_from, now_ms)) {
		w->stuck = "mails cannot be fetched";
		return;
	}
	w->bad_uid = 0;
	w->count = 0;
	watch_fetch_done(w);
}

/* The server would not give these mails (Yahoo's [SERVERBUG]): halve until the bad one is alone. */
void watch_fetch_failed(struct watch *w, uint64_t now_ms)
{
	struct watch_folder *f = &w->folders.at[w->about];
	uint32_t n = w->uid_to == UINT32_MAX ? WATCH_WINDOW : w->uid_to - w->uid_from + 1;

	if (n > 1) {
		watch_fetch_shrink(w, f, n / 2);
		return;
	}
	if (w->bad_uid == w->uid_from || watch_poison_has(w, w->about, w->uid_from)) {
		set_aside(w, now_ms);
		return;
	}
	w->bad_uid = w->uid_from;
	w->window = 1;
}

/*
 * The connection died while these mails were told.  Once is bad luck; but the window is halved
 * until one mail is alone, and if it dies there again, that mail is set aside.
 */
void watch_fetch_died(struct watch *w, uint64_t now_ms)
{
	struct watch_folder *f = &w->folders.at[w->about];

	if (w->purpose == WATCH_AGAIN) {
		watch_poison_refused(w, w->about, w->uid_from, now_ms);
		return;
	}
	w->deaths = w->dead_from == w->uid_from ? w->deaths + 1 : 1;
	w->dead_folder = w->about;
	w->dead_from = w->uid_from;
	w->dead_to = w->uid_to == UINT32_MAX ? w->uid_from + WATCH_WINDOW - 1 : w->uid_to;
	if (w->uid_to != w->uid_from || w->deaths < WATCH_DEATHS ||
	    !watch_poison_add(w, w->about, w->uid_from, now_ms))
		return;
	f->uid_gated = w->uid_from;
	w->dead_to = w->deaths = 0;
}

uint32_t watch_fetch_window(const struct watch *w, uint32_t from)
{
	uint32_t half;

	if (w->dead_folder != w->open || !w->dead_to || from > w->dead_to)
		return w->window;
	half = (w->dead_to - from + 2) / 2;
	return half < w->window ? half : w->window;
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
