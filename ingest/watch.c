/*
 * The life of a watched inbox on one connection:
 *
 *   the folders are listed; each watched one is looked at (EXAMINE, or its counters where its row
 * is known) and fetched to its end in windows, every window being made durable before the next; the
 *   main folder stays open and idles; a cycle of PROOF shows what IDLE pushed and what it may have
 *   missed; in between all other folders are compared with what they were, and visited.
 *   RFC 3501 sections 5.2 (counts), 6.4.8 (UIDs), 2.3.1.1 (UIDVALIDITY); RFC 2177 (IDLE); RFC 5819
 *   (LIST with counters); RFC 5465 (NOTIFY).
 */
#include "ingest/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/watch_again.h"
#include "ingest/watch_facts.h"
#include "ingest/watch_fetch.h"
#include "ingest/watch_plan.h"
#include "ingest/watch_poison.h"
#include "ingest/watch_sweep.h"

static const char *const state_words[] = {
#define WATCH_STATE(name, words) words,
	WATCH_STATES(WATCH_STATE)
#undef WATCH_STATE
};
static const char *const order_names[] = {
#define WATCH_ORDER(name, word) word,
	WATCH_ORDERS(WATCH_ORDER)
#undef WATCH_ORDER
};

#define NO_INSTANT  INT64_MIN
#define BLIND_START 2000 /* UIDs looked back where the server cannot search by date */
#define BUSY_MS     500  /* an order that the session was too busy for comes again */

const char *watch_state_words(const struct watch *w)
{
	return state_words[w->state];
}

const char *watch_order_name(enum watch_order_kind kind)
{
	return order_names[kind];
}

/* ---- calls in ---- */

void watch_init(struct watch *w, const struct watch_params *p)
{
	*w = (struct watch){ .p = *p,
			     .open = WATCH_FOLDERS,
			     .about = WATCH_FOLDERS,
			     .since_us = NO_INSTANT,
			     .told_us = NO_INSTANT };
	watch_folder_init(&w->folders);
	sweep_init(&w->sweep);
}

void watch_clear(struct watch *w)
{
	watch_folder_clear(&w->folders);
	sweep_clear(&w->sweep);
	watch_sweep_unasked(w);
	free(w->again);
	free(w->poison);
	w->again = NULL;
	w->poison = NULL;
	w->n_again = w->n_poison = 0;
}

void watch_know(struct watch *w, const struct watch_folder_known *k)
{
	unsigned at = watch_folder_of_raw(&w->folders, k->raw);
	struct watch_folder *f;
	uint32_t gated = 0;

	/* What is set aside is ours alone to know: the row stays before it. */
	if (at != WATCH_FOLDERS && w->folders.at[at].uidvalidity == k->uidvalidity &&
	    watch_poison_lowest(w, at))
		gated = w->folders.at[at].uid_gated;
	f = watch_folder_know(&w->folders, k);
	if (f && gated > k->uid_gated)
		f->uid_gated = gated;
	/* Something is to be seen again in a folder that is not watched. */
	if (f && w->has_listed && !watch_folder_is_watched(k->role))
		f->is_here = sweep_known(&w->sweep, k->raw) != NULL;
}

void watch_know_proof(struct watch *w, int64_t proof_us, bool is_gap_open)
{
	if (w->since_us < proof_us)
		w->since_us = proof_us;
	w->has_gap = is_gap_open;
}

static void enter(struct watch *w, enum watch_state state)
{
	w->state = state;
}

/* Without IDLE the cycle is also how mail is found. */
static uint64_t cycle_ms(const struct watch *w)
{
	return w->has_idle || w->p.proof_ms < w->p.poll_ms ? w->p.proof_ms : w->p.poll_ms;
}

uint64_t watch_tolerated_ms(const struct watch *w)
{
	return 2 * w->p.proof_ms + WATCH_SLACK_MS;
}

void watch_unready(struct watch *w)
{
	int64_t proven_us = watch_proven_us(w);

	if (w->state == WATCH_STATE_FETCHING)
		watch_fetch_died(w, w->spoke_ms);
	if (w->since_us < proven_us)
		w->since_us = proven_us;
	/* What was opened for a visit and is not known yet is listed again. */
	for (unsigned i = 0; i < w->folders.n; i++)
		if (w->folders.at[i].raw && !w->folders.at[i].folder[0] &&
		    !watch_folder_is_watched(w->folders.at[i].role))
			watch_folder_leave(&w->folders.at[i]);
	enter(w, WATCH_STATE_UNREADY);
	w->work = WATCH_WORK_NONE;
	w->open = w->about = WATCH_FOLDERS;
	w->has_listed = false;
	watch_sweep_unasked(w);
	watch_folder_forget(&w->folders);
}

/* What a session begins with, the first as well as one that takes over. */
static void begin(struct watch *w, uint64_t caps, uint64_t now_ms)
{
	w->is_leaving = w->is_doubtful = false;
	w->has_idle = (caps & IMAP_CAP(IDLE)) != 0;
	w->has_list_status = (caps & IMAP_CAP(LIST_STATUS)) != 0;
	w->has_notify = w->wants_notify = (caps & IMAP_CAP(NOTIFY)) != 0;
	w->stuck = NULL;
	w->open = w->about = WATCH_FOLDERS;
	w->window = WATCH_WINDOW;
	w->asked_to = w->bad_uid = 0;
	w->noticed_us = NO_INSTANT;
	w->spoke_ms = w->away_ms = now_ms;
	w->budget = w->has_list_status ? WATCH_SWEEP_MANY : WATCH_SWEEP_FEW;
	enter(w, WATCH_STATE_FREE);
}

void watch_ready(struct watch *w, uint64_t caps, uint64_t now_ms, int64_t now_us)
{
	int64_t tolerated_us = (int64_t)watch_tolerated_ms(w) * 1000;

	watch_unready(w);
	begin(w, caps, now_ms);
	w->gap = (struct watch_gap){ 0 };
	w->is_behind =
		w->has_gap || (w->since_us != NO_INSTANT && now_us - w->since_us > tolerated_us);
	w->lists = 0;
	w->cycles = 0;
	w->proof_due_ms = now_ms + cycle_ms(w);
}

void watch_move(struct watch *w, uint64_t caps, uint64_t now_ms)
{
	begin(w, caps, now_ms);
	for (unsigned i = 0; i < w->folders.n; i++)
		w->folders.at[i].view = WATCH_VIEW_NONE;
}

void watch_leave(struct watch *w)
{
	w->is_leaving = true;
}

void watch_probe(struct watch *w)
{
	w->proof_due_ms = 0;
}

/* ---- what is known ---- */

int64_t watch_proven_us(const struct watch *w)
{
	int64_t least = INT64_MAX;

	for (unsigned i = 0; i < w->folders.n; i++)
		if (w->folders.at[i].is_there && watch_folder_is_judged(w->folders.at[i].role) &&
		    w->folders.at[i].proven_us < least)
			least = w->folders.at[i].proven_us;
	return least == INT64_MAX || !w->has_listed ? NO_INSTANT : least;
}

bool watch_is_quiet(const struct watch *w)
{
	if (w->work != WATCH_WORK_NONE || w->open != 0 || !watch_is_whole(w) ||
	    (w->state != WATCH_STATE_IDLING && w->state != WATCH_STATE_FREE))
		return false;
	for (unsigned i = 0; i < w->folders.n; i++)
		if (w->folders.at[i].is_here && w->folders.at[i].view != WATCH_VIEW_EVEN)
			return false;
	return true;
}

static bool all_proven(const struct watch *w, bool (*counts)(enum imap_role))
{
	if (!w->has_listed || w->state == WATCH_STATE_UNREADY)
		return false;
	for (unsigned i = 0; i < w->folders.n; i++)
		if (w->folders.at[i].is_here && counts(w->folders.at[i].role) &&
		    !w->folders.at[i].is_proven)
			return false;
	return true;
}

bool watch_has_opened(const struct watch *w)
{
	return w->state != WATCH_STATE_UNREADY && w->has_listed && w->open != WATCH_FOLDERS;
}

bool watch_is_live(const struct watch *w)
{
	return all_proven(w, watch_folder_is_judged);
}

bool watch_is_whole(const struct watch *w)
{
	return all_proven(w, watch_folder_is_watched);
}

unsigned watch_catching_up(const struct watch *w)
{
	for (unsigned i = 0; i < w->folders.n; i++)
		if (w->folders.at[i].is_here && !w->folders.at[i].is_proven &&
		    w->folders.at[i].due > 0)
			return i;
	return WATCH_FOLDERS;
}

uint32_t watch_row_uid(const struct watch *w, unsigned folder)
{
	uint32_t poison = watch_poison_lowest(w, folder), gated = w->folders.at[folder].uid_gated;

	return poison && poison <= gated ? poison - 1 : gated;
}

/* ---- what the driver takes and gives back ---- */

bool watch_take_batch(struct watch *w, struct watch_batch *ret)
{
	if (w->work != WATCH_WORK_BATCH_READY)
		return false;
	*ret = w->batch;
	w->work = WATCH_WORK_BATCH;
	return true;
}

bool watch_take_start(struct watch *w, struct watch_start *ret)
{
	if (w->work != WATCH_WORK_START_READY)
		return false;
	*ret = w->start;
	w->work = WATCH_WORK_START;
	return true;
}

bool watch_take_proof(struct watch *w, int64_t *ret_us)
{
	int64_t us = watch_proven_us(w);

	if (us <= w->told_us)
		return false;
	*ret_us = w->told_us = us;
	return true;
}

bool watch_take_told(struct watch *w, struct watch_told *ret)
{
	if (w->tell.kind == WATCH_TOLD_NOTHING)
		return false;
	*ret = w->tell;
	w->tell.kind = WATCH_TOLD_NOTHING;
	return true;
}

void watch_gated(struct watch *w)
{
	struct watch_folder *f = &w->folders.at[w->batch.folder];

	if (w->work != WATCH_WORK_BATCH)
		return;
	w->work = WATCH_WORK_GATED;
	if (w->batch.purpose == WATCH_AGAIN)
		return;
	f->uid_gated = w->batch.uid_to;
	w->batches++;
	watch_facts_count(w, f, &w->batch);
	if (w->batch.proof_us != NO_INSTANT)
		watch_facts_prove(w, w->batch.folder, w->batch.proof_us);
	if (f->announced == UINT32_MAX ? w->uid_to == UINT32_MAX : f->uid_gated >= f->announced)
		watch_facts_end(w, f);
}

void watch_worked(struct watch *w)
{
	struct watch_folder *f = &w->folders.at[w->batch.folder];

	if (w->work != WATCH_WORK_GATED)
		return;
	w->work = WATCH_WORK_NONE;
	if (w->batch.purpose == WATCH_AGAIN) {
		watch_again_done(w, w->batch.folder, w->batch.uid_to);
		if (!watch_poison_has(w, w->batch.folder, w->batch.uid_to))
			return;
		watch_poison_given(w, w->batch.folder, w->batch.uid_to);
		f->is_lagging = true;
	} else if (f->uid_ingested < w->batch.uid_row) {
		f->uid_ingested = w->batch.uid_row;
	}
}

void watch_refetch(struct watch *w)
{
	struct watch_folder *f = &w->folders.at[w->batch.folder];

	if (w->work != WATCH_WORK_BATCH)
		return;
	w->work = WATCH_WORK_NONE;
	watch_fetch_shrink(w, f, w->window > WATCH_WINDOW ? WATCH_WINDOW : w->window / 2);
}

void watch_refuse(struct watch *w, uint64_t now_ms)
{
	if (w->work != WATCH_WORK_BATCH)
		return;
	w->work = WATCH_WORK_NONE;
	w->about = w->batch.folder;
	watch_fetch_failed(w, now_ms);
}

void watch_started(struct watch *w, const char *folder, uint32_t uid_gated, uint32_t uid_ingested)
{
	struct watch_folder *f = &w->folders.at[w->start.folder];

	if (w->work != WATCH_WORK_START)
		return;
	w->work = WATCH_WORK_NONE;
	memset(f->folder, 0, sizeof(f->folder));
	memcpy(f->folder, folder, strnlen(folder, sizeof(f->folder) - 1));
	f->row_role = f->role;
	f->uidvalidity = w->start.uidvalidity;
	f->uid_gated = uid_gated;
	f->uid_ingested = uid_ingested;
	f->row_modseq = 0; /* or not; it is told anew */
	/* The database counts no proof from before the row was made. */
	if (watch_folder_is_judged(f->role))
		w->proof_due_ms = 0;
	if (f->announced <= f->uid_gated) {
		watch_facts_prove(w, w->start.folder, f->shown_us);
		watch_facts_end(w, f);
	}
}

/* ---- what comes next ---- */

static void begin_cycle(struct watch *w, uint64_t now_ms)
{
	w->proof_due_ms = now_ms + cycle_ms(w);
	w->cycles = w->cycles + 1 < WATCH_DEEP ? w->cycles + 1 : 0;
	w->budget = w->has_list_status ? WATCH_SWEEP_MANY : WATCH_SWEEP_FEW;
	for (unsigned i = 1; i < w->folders.n; i++)
		if (w->folders.at[i].view == WATCH_VIEW_EVEN)
			w->folders.at[i].view = WATCH_VIEW_NONE;
}

/* Another folder than the open one: what was not fetched there waits. */
static void begin_examine(struct watch *w, unsigned folder, uint64_t now_ms)
{
	if (w->open == 0 && folder != 0)
		w->away_ms = now_ms;
	w->was_even = w->open == 0 && folder == 0 && w->folders.at[0].view == WATCH_VIEW_EVEN;
	if (w->open != WATCH_FOLDERS && w->open != folder &&
	    w->folders.at[w->open].view == WATCH_VIEW_BEHIND)
		w->folders.at[w->open].view = WATCH_VIEW_MOVED;
	w->open = WATCH_FOLDERS;
	w->asked_to = w->bad_uid = 0;
	w->batches = 0;
}

bool watch_next(struct watch *w, uint64_t now_ms, int64_t now_us, struct watch_order *ret)
{
	if (w->stuck)
		return false;
	watch_sweep_leave(w);
	watch_sweep_visit(w, now_ms);
	if (!watch_plan_next(w, now_ms, ret))
		return false;
	w->about = ret->folder;
	w->sent_us = now_us;
	w->spoke_ms = now_ms;
	if (ret->starts_cycle)
		begin_cycle(w, now_ms);
	if (ret->kind == WATCH_ORDER_EXAMINE)
		begin_examine(w, ret->folder, now_ms);
	if (ret->kind == WATCH_ORDER_LIST || ret->kind == WATCH_ORDER_LIST_STATUS)
		watch_sweep_list_begin(w);
	if (ret->kind == WATCH_ORDER_NOTIFY)
		w->wants_notify = false;
	if (ret->kind == WATCH_ORDER_PROOF)
		watch_sweep_ask(w, ret);
	if (ret->kind == WATCH_ORDER_FETCH)
		watch_fetch_begin(w, ret);
	if (ret->kind == WATCH_ORDER_SEARCH)
		ret->since_unix_s = watch_facts_since_s(w, now_us);
	enter(w, watch_plan_state(w, ret->kind));
	return true;
}

void watch_cannot(struct watch *w, const struct watch_order *o, bool is_for_now, uint64_t now_ms)
{
	bool was_idling = w->state == WATCH_STATE_IDLE_PROVING;

	if (w->state == WATCH_STATE_UNREADY)
		return;
	enter(w, was_idling ? WATCH_STATE_IDLING : WATCH_STATE_FREE);
	watch_sweep_unasked(w);
	if (is_for_now && o->kind == WATCH_ORDER_PROOF)
		w->proof_due_ms = now_ms + BUSY_MS;
	else if (o->kind == WATCH_ORDER_LIST_STATUS && w->has_list_status)
		w->has_list_status = false;
	else if (o->kind == WATCH_ORDER_NOTIFY)
		w->has_notify = false;
	else if (o->kind == WATCH_ORDER_IDLE)
		w->has_idle = false;
	else
		w->stuck = order_names[o->kind];
}

uint64_t watch_deadline(const struct watch *w)
{
	return w->stuck ? UINT64_MAX : watch_plan_deadline(w);
}
