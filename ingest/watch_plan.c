#include "ingest/watch_plan.h"

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
	bool few = more <= WATCH_WINDOW && w->window >= WATCH_WINDOW;
	uint32_t begin = last == UINT32_MAX && w->asked_to >= from ? w->asked_to + 1 : from;

	if (last == UINT32_MAX && few && (more > 0 || w->uidnext))
		return order_fetch(w, WATCH_ARRIVED, from, UINT32_MAX, ret);
	if (last == UINT32_MAX && w->uidnext)
		return order(WATCH_ORDER_EXAMINE, w->open, ret);
	if (last - begin >= w->window)
		last = begin + w->window - 1;
	return order_fetch(w, WATCH_ARRIVED, from, last, ret);
}

static bool again_in(const struct watch *w, unsigned folder, uint32_t *ret_uid)
{
	for (unsigned i = 0; i < w->n_again; i++) {
		if (w->again[i].folder == folder) {
			*ret_uid = w->again[i].uid;
			return true;
		}
	}
	return false;
}

static bool next_here(const struct watch *w, struct watch_order *ret)
{
	const struct watch_folder *f;
	uint32_t uid;

	if (w->open == WATCH_FOLDERS)
		return false;
	f = &w->folders.at[w->open];
	if (f->view == WATCH_VIEW_NONE || f->view == WATCH_VIEW_MOVED)
		return order(WATCH_ORDER_EXAMINE, w->open, ret);
	if (!f->uidvalidity)
		return order(WATCH_ORDER_SEARCH, w->open, ret);
	if (f->view == WATCH_VIEW_BEHIND)
		return fetch_window(w, f, ret);
	return again_in(w, w->open, &uid) && order_fetch(w, WATCH_AGAIN, uid, uid, ret);
}

/* A row is compared with STATUS; without one, and where something moved, only EXAMINE helps. */
static bool next_elsewhere(const struct watch *w, struct watch_order *ret)
{
	uint32_t uid;

	for (unsigned i = 0; i < w->folders.n; i++) {
		const struct watch_folder *f = &w->folders.at[i];
		bool unseen = f->view == WATCH_VIEW_NONE;

		if (!f->is_here || i == w->open)
			continue;
		if (f->view == WATCH_VIEW_MOVED || again_in(w, i, &uid) ||
		    (unseen && (i == 0 || !f->uidvalidity)))
			return order(WATCH_ORDER_EXAMINE, i, ret);
		if (unseen)
			return order(WATCH_ORDER_STATUS, i, ret);
	}
	return false;
}

static bool next_free(const struct watch *w, uint64_t now_ms, struct watch_order *ret)
{
	if (w->is_leaving)
		return order(WATCH_ORDER_LOGOUT, w->open, ret);
	if (!w->has_listed)
		return order(WATCH_ORDER_LIST, WATCH_FOLDERS, ret);
	if (next_here(w, ret) || next_elsewhere(w, ret))
		return true;
	if (w->open != 0)
		return order(WATCH_ORDER_EXAMINE, 0, ret);
	if (now_ms >= w->proof_due_ms) {
		order(w->cycles + 1 < WATCH_DEEP ? WATCH_ORDER_NOOP : WATCH_ORDER_EXAMINE, 0, ret);
		ret->starts_cycle = true;
		return true;
	}
	return w->has_idle && order(WATCH_ORDER_IDLE, w->open, ret);
}

bool watch_plan_next(const struct watch *w, uint64_t now_ms, struct watch_order *ret)
{
	bool is_free = w->state == WATCH_STATE_FREE;

	if (w->work != WATCH_WORK_NONE) /* stay alive while the driver works */
		return is_free && now_ms >= w->spoke_ms + w->p.keep_ms &&
		       order(WATCH_ORDER_NOOP, w->open, ret);
	if (is_free)
		return next_free(w, now_ms, ret);
	if (w->state != WATCH_STATE_IDLE_ASKED && w->state != WATCH_STATE_IDLING)
		return false;
	/* Idling: is there anything better to do? */
	return (w->is_leaving || w->n_again > 0 || now_ms >= w->proof_due_ms ||
		w->folders.at[w->open].view != WATCH_VIEW_EVEN) &&
	       order(WATCH_ORDER_END_IDLE, w->open, ret);
}

uint64_t watch_plan_deadline(const struct watch *w)
{
	bool is_free = w->state == WATCH_STATE_FREE;

	if (w->work != WATCH_WORK_NONE)
		return is_free ? w->spoke_ms + w->p.keep_ms : NEVER;
	if (is_free || w->state == WATCH_STATE_IDLE_ASKED || w->state == WATCH_STATE_IDLING)
		return w->proof_due_ms;
	return NEVER;
}

enum watch_state watch_plan_state(enum watch_order_kind kind)
{
	switch (kind) {
	case WATCH_ORDER_LIST:
		return WATCH_STATE_LISTING;
	case WATCH_ORDER_EXAMINE:
		return WATCH_STATE_EXAMINING;
	case WATCH_ORDER_SEARCH:
		return WATCH_STATE_SEARCHING;
	case WATCH_ORDER_FETCH:
		return WATCH_STATE_FETCHING;
	case WATCH_ORDER_STATUS:
		return WATCH_STATE_STATUSING;
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
