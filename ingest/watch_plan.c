#include "ingest/watch_plan.h"

#include "ingest/watch_again.h"
#include "ingest/watch_fetch.h"
#include "ingest/watch_poison.h"

#define NEVER UINT64_MAX

static bool order(enum watch_order_kind kind, unsigned folder, struct watch_order *ret)
{
	*ret = (struct watch_order){ .kind = kind, .folder = folder };
	return true;
}

static bool order_fetch(const struct watch *w, enum watch_purpose purpose, uint32_t from,
			uint32_t to, struct watch_order *ret)
{
	*ret = (struct watch_order){
		.kind = WATCH_ORDER_FETCH,
		.folder = w->open,
		.purpose = purpose,
		.uid_from = from,
		.uid_to = to,
	};
	return true;
}

/* ---- the open folder ---- */

/*
 * The next window of the open folder.  A few announced mails are fetched as
 * "n:*"; many as windows towards UIDNEXT, which EXAMINE tells; where the server
 * tells none, as windows that double until the last UID there can be, and hold again
 * what was empty before: mails that came meanwhile have the next numbers.
 */
static bool fetch_window(const struct watch *w, const struct watch_folder *f,
			 struct watch_order *ret)
{
	uint32_t from = f->uid_gated + 1, last = f->announced;
	uint32_t more = w->exists > w->told ? w->exists - w->told : 0;
	uint32_t begin = last == UINT32_MAX && w->asked_to >= from ? w->asked_to + 1 : from;
	uint32_t window = watch_fetch_window(w, begin);
	bool few = more <= WATCH_WINDOW && window >= WATCH_WINDOW;
	/* Hardly more than when it was seen to its end; if that deceives, the batch is too large
	 * and windows follow. */
	bool near = few && w->exists < f->held + WATCH_WINDOW && f->held != UINT32_MAX;

	if (last == UINT32_MAX && few && (more > 0 || w->uidnext || near))
		return order_fetch(w, WATCH_ARRIVED, from, UINT32_MAX, ret);
	if (last == UINT32_MAX && w->uidnext)
		return order(WATCH_ORDER_EXAMINE, w->open, ret);
	if (last - begin >= window)
		last = begin + window - 1;
	return order_fetch(w, WATCH_ARRIVED, from, last, ret);
}

static bool has_again(const struct watch *w, unsigned folder, uint64_t now_ms, uint32_t *ret_uid)
{
	return watch_again_in(w, folder, ret_uid) || watch_poison_due(w, folder, now_ms, ret_uid);
}

static bool next_here(const struct watch *w, uint64_t now_ms, struct watch_order *ret)
{
	const struct watch_folder *f;
	uint32_t uid;

	if (w->open == WATCH_FOLDERS || !w->folders.at[w->open].is_here)
		return false;
	f = &w->folders.at[w->open];
	if (f->view == WATCH_VIEW_NONE || f->view == WATCH_VIEW_MOVED)
		return order(WATCH_ORDER_EXAMINE, w->open, ret);
	if (!f->uidvalidity)
		return order(WATCH_ORDER_SEARCH, w->open, ret);
	if (f->view == WATCH_VIEW_BEHIND)
		return fetch_window(w, f, ret);
	return has_again(w, w->open, now_ms, &uid) && order_fetch(w, WATCH_AGAIN, uid, uid, ret);
}

/* ---- the others ---- */

/* Only EXAMINE helps: no row, something moved, a mail in it is to be seen. */
static bool wants_open(const struct watch *w, unsigned i, uint64_t now_ms)
{
	const struct watch_folder *f = &w->folders.at[i];
	uint32_t uid;

	if (!f->is_here || i == w->open)
		return false;
	return f->view == WATCH_VIEW_MOVED || has_again(w, i, now_ms, &uid) ||
	       (f->view == WATCH_VIEW_NONE && (i == 0 || !f->uidvalidity));
}

/* Open one that wants it, of those by which the gate is judged or of the others. */
static bool next_open(const struct watch *w, bool is_judged, uint64_t now_ms,
		      struct watch_order *ret)
{
	for (unsigned i = 0; i < w->folders.n; i++)
		if (watch_folder_is_judged(w->folders.at[i].role) == is_judged &&
		    wants_open(w, i, now_ms))
			return order(WATCH_ORDER_EXAMINE, i, ret);
	return false;
}

/* Another folder had its time, or something came into the main one. */
static bool gives_way(const struct watch *w, uint64_t now_ms)
{
	const struct watch_folder *main = &w->folders.at[0];

	if (w->open == 0 || !main->is_here || !main->is_proven)
		return false;
	if (w->open != WATCH_FOLDERS && w->folders.at[w->open].view == WATCH_VIEW_BEHIND &&
	    !w->batches)
		return false; /* it shall come further each time */
	return main->view == WATCH_VIEW_MOVED || now_ms >= w->away_ms + WATCH_AWAY_MS;
}

/* A side folder whose counters are not known any more. */
static bool wants_proof(const struct watch *w, bool is_judged)
{
	for (unsigned i = 1; i < w->folders.n; i++)
		if (w->folders.at[i].is_here && w->folders.at[i].view == WATCH_VIEW_NONE &&
		    (!is_judged || watch_folder_is_judged(w->folders.at[i].role)))
			return true;
	return false;
}

static bool order_cycle(enum watch_order_kind kind, struct watch_order *ret)
{
	order(kind, 0, ret);
	ret->starts_cycle = true;
	return true;
}

static bool is_deep(const struct watch *w)
{
	return w->untold || w->cycles + 1 >= WATCH_DEEP;
}

bool watch_plan_may_visit(const struct watch *w, uint64_t now_ms)
{
	if (w->work != WATCH_WORK_NONE || w->is_leaving || w->budget < 2 || !watch_is_whole(w) ||
	    now_ms >= w->proof_due_ms || w->folders.at[0].view != WATCH_VIEW_EVEN)
		return false;
	for (unsigned i = 1; i < w->folders.n; i++)
		if (w->folders.at[i].is_here && w->folders.at[i].view != WATCH_VIEW_EVEN)
			return false;
	return !gives_way(w, now_ms) && sweep_has(&w->sweep, SWEEP_VISIT);
}

static bool next_list(const struct watch *w, struct watch_order *ret)
{
	return order(w->has_list_status ? WATCH_ORDER_LIST_STATUS : WATCH_ORDER_LIST, WATCH_FOLDERS,
		     ret);
}

static bool next_free(const struct watch *w, uint64_t now_ms, struct watch_order *ret)
{
	if (w->is_leaving)
		return order(WATCH_ORDER_LOGOUT, w->open, ret);
	if (!w->has_listed)
		return next_list(w, ret);
	if (w->wants_notify)
		return order(WATCH_ORDER_NOTIFY, WATCH_FOLDERS, ret);
	if (gives_way(w, now_ms))
		return order(WATCH_ORDER_EXAMINE, 0, ret);
	if (next_here(w, now_ms, ret) || next_open(w, true, now_ms, ret))
		return true;
	/* What the gate is judged by is proven before the others are caught up with. */
	if (w->open == 0 && wants_proof(w, true))
		return order_cycle(WATCH_ORDER_PROOF, ret);
	if (next_open(w, false, now_ms, ret))
		return true;
	if (w->open != 0)
		return order(WATCH_ORDER_EXAMINE, 0, ret);
	if (now_ms >= w->proof_due_ms || wants_proof(w, false))
		return order_cycle(is_deep(w) ? WATCH_ORDER_EXAMINE : WATCH_ORDER_PROOF, ret);
	if (now_ms >= w->list_due_ms)
		return next_list(w, ret);
	return w->has_idle && order(WATCH_ORDER_IDLE, w->open, ret);
}

/* Is there anything better to do than to wait? */
static bool next_idling(const struct watch *w, uint64_t now_ms, struct watch_order *ret)
{
	const struct watch_folder *main = &w->folders.at[0];
	bool is_due = now_ms >= w->proof_due_ms;
	bool ends = w->is_leaving || !main->is_here || main->view != WATCH_VIEW_EVEN;

	for (unsigned i = 1; i < w->folders.n; i++)
		ends |= wants_open(w, i, now_ms);
	if (ends || has_again(w, 0, now_ms, &(uint32_t){ 0 }))
		return order(WATCH_ORDER_END_IDLE, w->open, ret);
	if (w->state != WATCH_STATE_IDLING)
		return false;
	if (is_due && !is_deep(w))
		return order_cycle(WATCH_ORDER_PROOF, ret);
	return (is_due || now_ms >= w->list_due_ms || watch_plan_may_visit(w, now_ms)) &&
	       order(WATCH_ORDER_END_IDLE, w->open, ret);
}

bool watch_plan_next(const struct watch *w, uint64_t now_ms, struct watch_order *ret)
{
	bool is_free = w->state == WATCH_STATE_FREE;

	if (w->work != WATCH_WORK_NONE) /* stay alive while the driver works */
		return is_free && now_ms >= w->spoke_ms + w->p.keep_ms &&
		       order(WATCH_ORDER_NOOP, w->open, ret);
	if (is_free)
		return next_free(w, now_ms, ret);
	return (w->state == WATCH_STATE_IDLE_ASKED || w->state == WATCH_STATE_IDLING) &&
	       next_idling(w, now_ms, ret);
}

uint64_t watch_plan_deadline(const struct watch *w)
{
	bool is_free = w->state == WATCH_STATE_FREE;
	uint64_t at = w->proof_due_ms, poison = watch_poison_deadline(w);

	if (w->work != WATCH_WORK_NONE)
		return is_free ? w->spoke_ms + w->p.keep_ms : NEVER;
	if (!is_free && w->state != WATCH_STATE_IDLING)
		return NEVER;
	if (w->list_due_ms < at)
		at = w->list_due_ms;
	return poison < at ? poison : at;
}

enum watch_state watch_plan_state(const struct watch *w, enum watch_order_kind kind)
{
	switch (kind) {
	case WATCH_ORDER_LIST:
	case WATCH_ORDER_LIST_STATUS:
		return WATCH_STATE_LISTING;
	case WATCH_ORDER_NOTIFY:
		return WATCH_STATE_NOTIFYING;
	case WATCH_ORDER_EXAMINE:
		return WATCH_STATE_EXAMINING;
	case WATCH_ORDER_SEARCH:
		return WATCH_STATE_SEARCHING;
	case WATCH_ORDER_FETCH:
		return WATCH_STATE_FETCHING;
	case WATCH_ORDER_PROOF:
		return w->state == WATCH_STATE_IDLING ? WATCH_STATE_IDLE_PROVING
						      : WATCH_STATE_PROVING;
	case WATCH_ORDER_NOOP:
		return WATCH_STATE_NOOPING;
	case WATCH_ORDER_IDLE:
		return WATCH_STATE_IDLE_ASKED;
	case WATCH_ORDER_END_IDLE:
		return WATCH_STATE_IDLE_ENDING;
	case WATCH_ORDER_LOGOUT:
		return WATCH_STATE_LEAVING;
	}
	return WATCH_STATE_FREE;
}
