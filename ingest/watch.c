/*
 * The life of a watched inbox on one connection:
 *
 *   the folders are listed; each is looked at (STATUS, or EXAMINE where its row is new or it moved)
 *   and fetched to its end in windows, every window being made durable before the next; INBOX stays
 *   open and idles; a cycle of NOOP and STATUS proves what IDLE pushed and what it may have missed.
 *   RFC 3501 sections 5.2 (counts), 6.4.8 (UIDs), 2.3.1.1 (UIDVALIDITY); RFC 2177 (IDLE).
 */
#include "ingest/watch.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/watch_again.h"
#include "ingest/watch_facts.h"
#include "ingest/watch_fetch.h"
#include "ingest/watch_plan.h"

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
	*w = (struct watch){ .p = *p, .open = WATCH_FOLDERS, .about = WATCH_FOLDERS };
	watch_folder_init(&w->folders);
}

void watch_clear(struct watch *w)
{
	watch_folder_clear(&w->folders);
	w->n_again = 0;
}

void watch_know(struct watch *w, const struct watch_folder_known *k)
{
	watch_folder_know(&w->folders, k);
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

void watch_unready(struct watch *w)
{
	enter(w, WATCH_STATE_UNREADY);
	w->work = WATCH_WORK_NONE;
	w->open = w->about = WATCH_FOLDERS;
	w->n_proofs = 0;
	watch_folder_forget(&w->folders);
}

void watch_ready(struct watch *w, uint64_t caps, uint64_t now_ms)
{
	watch_unready(w);
	w->has_listed = w->is_leaving = w->is_doubtful = false;
	w->has_idle = (caps & IMAP_CAP(IDLE)) != 0;
	w->stuck = NULL;
	w->window = WATCH_WINDOW;
	w->cycles = w->asked_to = 0;
	w->noticed_us = NO_INSTANT;
	w->spoke_ms = now_ms;
	w->proof_due_ms = now_ms + cycle_ms(w);
	enter(w, WATCH_STATE_FREE);
}

void watch_leave(struct watch *w)
{
	w->is_leaving = true;
}

bool watch_is_live(const struct watch *w)
{
	if (!w->has_listed || w->state == WATCH_STATE_UNREADY)
		return false;
	for (unsigned i = 0; i < w->folders.n; i++)
		if (w->folders.at[i].is_here && !w->folders.at[i].is_proven)
			return false;
	return true;
}

void watch_probe(struct watch *w)
{
	w->proof_due_ms = 0;
}

int64_t watch_proven_us(const struct watch *w)
{
	int64_t least = INT64_MAX;

	for (unsigned i = 0; i < w->folders.n; i++)
		if (w->folders.at[i].is_here && w->folders.at[i].proven_us < least)
			least = w->folders.at[i].proven_us;
	return least == INT64_MAX ? NO_INSTANT : least;
}

bool watch_is_quiet(const struct watch *w)
{
	return w->work == WATCH_WORK_NONE && w->open == 0 &&
	       w->folders.at[0].view == WATCH_VIEW_EVEN &&
	       (w->state == WATCH_STATE_IDLING || w->state == WATCH_STATE_FREE);
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

bool watch_take_proof(struct watch *w, struct watch_proof *ret)
{
	if (!w->n_proofs)
		return false;
	*ret = w->proofs[--w->n_proofs];
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
	if (w->batch.proof_us != NO_INSTANT) {
		f->is_proven = true;
		f->proven_us = w->batch.proof_us;
	}
	if (f->announced == UINT32_MAX ? w->uid_to == UINT32_MAX : f->uid_gated >= f->announced)
		watch_facts_end(w, f);
}

void watch_worked(struct watch *w)
{
	struct watch_folder *f = &w->folders.at[w->batch.folder];

	if (w->work != WATCH_WORK_GATED)
		return;
	w->work = WATCH_WORK_NONE;
	if (w->batch.purpose == WATCH_AGAIN)
		watch_again_done(w, w->batch.folder, w->batch.uid_to);
	else if (f->uid_ingested < w->batch.uid_to)
		f->uid_ingested = w->batch.uid_to;
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
	memcpy(f->folder, folder, strnlen(folder, sizeof(f->folder) - 1));
	f->row_role = f->role;
	f->uidvalidity = w->start.uidvalidity;
	f->uid_gated = uid_gated;
	f->uid_ingested = uid_ingested;
	if (f->announced <= f->uid_gated) {
		watch_facts_prove(w, w->start.folder, f->shown_us);
		watch_facts_end(w, f);
	}
}

/* ---- what the session says ---- */

/* The counts of the open folder have grown, or may have. */
static void grown(struct watch *w, int64_t now_us)
{
	struct watch_folder *f = &w->folders.at[w->open];

	if (w->noticed_us == NO_INSTANT)
		w->noticed_us = now_us;
	if (f->view == WATCH_VIEW_EVEN) {
		f->view = WATCH_VIEW_BEHIND;
		f->announced = UINT32_MAX;
	}
}

static void heard_exists(struct watch *w, uint32_t count, int64_t now_us)
{
	if (w->open == WATCH_FOLDERS || w->state == WATCH_STATE_EXAMINING)
		return;
	/* RFC 3501 section 5.2: it never shrinks without EXPUNGE; the same again may hide one that
	 * we were not told of */
	if (count <= w->exists)
		w->is_doubtful = true;
	w->exists = count;
	if (w->told > count)
		w->told = count;
	if (count > w->told)
		grown(w, now_us);
}

static void heard_expunge(struct watch *w, uint32_t seq, uint32_t left)
{
	if (seq <= w->told && w->told > 0)
		w->told--;
	w->exists = left;
}

static void heard_examined(struct watch *w, const struct imap_event *ev, int64_t now_us)
{
	struct watch_folder *f = &w->folders.at[w->about];
	uint32_t uidvalidity = ev->examined.uidvalidity;

	w->open = w->about;
	w->exists = ev->examined.exists;
	w->told = w->exists;
	w->uidnext = ev->examined.uidnext;
	w->is_doubtful = false;
	w->noticed_us = NO_INSTANT;
	f->shown_us = w->sent_us;
	f->announced = w->uidnext ? w->uidnext - 1 : UINT32_MAX;
	/* RFC 3501 section 2.3.1.1: such UIDs mean nothing in another session, so this one looks
	 * back for itself */
	if (!uidvalidity || ev->examined.is_uid_unsticky)
		uidvalidity = (uint32_t)(now_us / 1000000);
	w->start = (struct watch_start){ .folder = w->about, .uidvalidity = uidvalidity };
}

static void heard_status(struct watch *w, const struct imap_event *ev)
{
	struct watch_folder *f = &w->folders.at[w->about];

	if (!text_eq(ev->status.raw, text_of(f->raw)))
		return;
	/* RFC 3501 section 6.3.10; some servers leave UIDNEXT out: then only EXAMINE can tell */
	if (ev->status.uidvalidity != f->uidvalidity || !ev->status.uidnext ||
	    ev->status.uidnext - 1 != f->uid_gated) {
		f->view = WATCH_VIEW_MOVED;
	} else {
		f->view = WATCH_VIEW_EVEN;
		watch_facts_prove(w, w->about, w->sent_us);
	}
}

static void heard_message(struct watch *w, const struct imap_event *ev)
{
	if (w->state != WATCH_STATE_FETCHING)
		return;
	w->count++;
	if (ev->message.uid > w->uid_seen)
		w->uid_seen = ev->message.uid;
}

static void examined_ok(struct watch *w)
{
	struct watch_folder *f = &w->folders.at[w->about];

	if (w->open != w->about) {
		w->stuck = "folder was not opened";
		return;
	}
	/* UIDNEXT below what was seen: a mailbox from a backup gives old names to new mails (RFC
	 * 3501 section 2.3.1.1 forbids it) */
	if (f->uidvalidity == w->start.uidvalidity && f->announced >= f->uid_gated) {
		f->view = WATCH_VIEW_BEHIND;
		if (f->announced <= f->uid_gated) {
			watch_facts_prove(w, w->about, f->shown_us);
			watch_facts_end(w, f);
		}
		return;
	}
	/* No row, or mails under other names: SEARCH first. */
	w->start.was_known = f->uidvalidity != 0;
	w->start.uid_end = f->announced;
	f->uidvalidity = 0;
	f->view = WATCH_VIEW_BEHIND;
	watch_again_forget(w, w->about);
	w->lowest = 0;
}

/* Where a first look begins: at the oldest mail of the lookback, or after the last mail there is.
 */
static void searched(struct watch *w, bool ok)
{
	uint32_t end = w->uidnext ? w->uidnext - 1 : 0;

	if (ok)
		w->start.uid_before = w->lowest ? w->lowest - 1 : end;
	else
		w->start.uid_before = end > BLIND_START ? end - BLIND_START : 0;
	w->work = WATCH_WORK_START_READY;
}

static void nooped(struct watch *w)
{
	struct watch_folder *f;

	if (w->open == WATCH_FOLDERS || w->work != WATCH_WORK_NONE)
		return;
	f = &w->folders.at[w->open];
	if (w->is_doubtful && f->view == WATCH_VIEW_EVEN) {
		f->view = WATCH_VIEW_BEHIND;
		f->announced = UINT32_MAX;
	}
	w->is_doubtful = false;
	if (f->view == WATCH_VIEW_EVEN)
		watch_facts_prove(w, w->open, w->sent_us);
	else if (f->view == WATCH_VIEW_BEHIND)
		f->shown_us = w->sent_us;
}

/* The folder cannot be seen on this connection: its watermark stands still and says so. */
static void leave_out(struct watch *w, unsigned folder)
{
	w->folders.at[folder].is_here = false;
	watch_again_forget(w, folder);
}

static void listed(struct watch *w)
{
	w->has_listed = true;
	watch_folder_list_over(&w->folders);
	for (unsigned i = 0; i < w->folders.n; i++) {
		if (w->folders.at[i].is_here)
			continue;
		w->folders.at[i].view = WATCH_VIEW_NONE;
		w->folders.at[i].is_proven = false;
		watch_again_forget(w, i);
	}
}

static void failed(struct watch *w, enum watch_state was, uint64_t now_ms)
{
	switch (was) {
	case WATCH_STATE_EXAMINING:
		w->open = WATCH_FOLDERS;
		if (w->about != 0)
			leave_out(w, w->about);
		else
			w->stuck = "the inbox cannot be opened";
		break;
	case WATCH_STATE_SEARCHING:
		searched(w, false);
		break;
	case WATCH_STATE_FETCHING:
		watch_fetch_failed(w, now_ms);
		break;
	case WATCH_STATE_STATUSING:
		w->folders.at[w->about].view = WATCH_VIEW_MOVED;
		break;
	case WATCH_STATE_IDLE_ASKED:
	case WATCH_STATE_IDLING:
	case WATCH_STATE_IDLE_ENDING:
		w->has_idle = false;
		break;
	case WATCH_STATE_LISTING:
		w->stuck = "folders cannot be listed";
		break;
	case WATCH_STATE_NOOPING:
		w->stuck = "noop refused";
		break;
	case WATCH_STATE_UNREADY:
	case WATCH_STATE_FREE:
	case WATCH_STATE_LEAVING:
		break;
	}
}

static void succeeded(struct watch *w, enum watch_state was)
{
	switch (was) {
	case WATCH_STATE_LISTING:
		listed(w);
		break;
	case WATCH_STATE_EXAMINING:
		examined_ok(w);
		break;
	case WATCH_STATE_SEARCHING:
		searched(w, true);
		break;
	case WATCH_STATE_FETCHING:
		watch_fetch_done(w);
		break;
	case WATCH_STATE_STATUSING:
		if (w->folders.at[w->about].view ==
		    WATCH_VIEW_NONE) /* it said OK and nothing else */
			w->folders.at[w->about].view = WATCH_VIEW_MOVED;
		break;
	case WATCH_STATE_NOOPING:
		nooped(w);
		break;
	case WATCH_STATE_UNREADY:
	case WATCH_STATE_FREE:
	case WATCH_STATE_IDLE_ASKED:
	case WATCH_STATE_IDLING:
	case WATCH_STATE_IDLE_ENDING:
	case WATCH_STATE_LEAVING:
		break;
	}
}

/* Refused, and the mail has nothing to do with it. */
static bool is_for_now(const struct imap_verdict *v)
{
	return v->remedy != IMAP_REMEDY_NONE && v->remedy != IMAP_REMEDY_SKIP &&
	       v->remedy != IMAP_REMEDY_OURS;
}

static void heard_done(struct watch *w, const struct imap_event *ev, uint64_t now_ms)
{
	enum watch_state was = w->state;

	/* The driver's own FETCH of a part: not ours. */
	if (ev->done.command == IMAP_COMMAND_FETCH_PART)
		return;
	if (was == WATCH_STATE_LEAVING || was == WATCH_STATE_UNREADY)
		return;
	enter(w, WATCH_STATE_FREE);
	/* A mail told in a way that we do not understand is as good as refused. */
	if (outcome_ok(&ev->done.verdict->outcome) &&
	    !(was == WATCH_STATE_FETCHING && ev->done.lost))
		succeeded(w, was);
	else if (was == WATCH_STATE_FETCHING && is_for_now(ev->done.verdict))
		w->stuck = "mail is refused for now";
	else
		failed(w, was, now_ms);
}

void watch_heard(struct watch *w, const struct imap_event *ev, uint64_t now_ms, int64_t now_us)
{
	if (w->state == WATCH_STATE_UNREADY)
		return;
	switch (ev->kind) {
	case IMAP_EV_FOLDER:
		if (w->state == WATCH_STATE_LISTING)
			watch_folder_listed(&w->folders, &ev->folder);
		break;
	case IMAP_EV_EXAMINED:
		if (w->state == WATCH_STATE_EXAMINING)
			heard_examined(w, ev, now_us);
		break;
	case IMAP_EV_LOWEST_UID:
		w->lowest = ev->lowest.uid;
		break;
	case IMAP_EV_MESSAGE:
		heard_message(w, ev);
		break;
	case IMAP_EV_STATUS:
		if (w->state == WATCH_STATE_STATUSING)
			heard_status(w, ev);
		break;
	case IMAP_EV_EXISTS:
		heard_exists(w, ev->exists.count, now_us);
		break;
	case IMAP_EV_EXPUNGE:
		heard_expunge(w, ev->expunge.seq, ev->expunge.exists);
		break;
	case IMAP_EV_VANISHED:
		w->is_doubtful = true; /* how many of which: not worth counting */
		break;
	case IMAP_EV_IDLING:
		if (w->state == WATCH_STATE_IDLE_ASKED)
			enter(w, WATCH_STATE_IDLING);
		break;
	case IMAP_EV_DONE:
		heard_done(w, ev, now_ms);
		break;
	case IMAP_EV_BYE:
	case IMAP_EV_FAILED:
		watch_unready(w);
		break;
	case IMAP_EV_STARTTLS_NOW:
	case IMAP_EV_READY:
	case IMAP_EV_PART:
	case IMAP_EV_PROVEN:
	case IMAP_EV_NOTIFY_OVER:
	case IMAP_EV_ALERT:
	case IMAP_EV_ODD:
		break;
	}
}

/* ---- what comes next ---- */

static void begin_cycle(struct watch *w, uint64_t now_ms)
{
	w->proof_due_ms = now_ms + cycle_ms(w);
	w->cycles = w->cycles + 1 < WATCH_DEEP ? w->cycles + 1 : 0;
	w->has_listed &= w->cycles != 0;
	for (unsigned i = 1; i < w->folders.n; i++)
		if (w->folders.at[i].view == WATCH_VIEW_EVEN)
			w->folders.at[i].view = WATCH_VIEW_NONE;
}

bool watch_next(struct watch *w, uint64_t now_ms, int64_t now_us, struct watch_order *ret)
{
	if (w->stuck || !watch_plan_next(w, now_ms, ret))
		return false;
	w->about = ret->folder;
	w->sent_us = now_us;
	w->spoke_ms = now_ms;
	if (ret->starts_cycle)
		begin_cycle(w, now_ms);
	if (ret->kind == WATCH_ORDER_EXAMINE) {
		w->open = WATCH_FOLDERS;
		w->asked_to = 0;
	}
	if (ret->kind == WATCH_ORDER_LIST)
		watch_folder_list_begin(&w->folders);
	if (ret->kind == WATCH_ORDER_FETCH)
		watch_fetch_begin(w, ret);
	if (ret->kind == WATCH_ORDER_SEARCH)
		ret->since_unix_s = now_us / 1000000 - w->p.lookback_s;
	enter(w, watch_plan_state(ret->kind));
	return true;
}

uint64_t watch_deadline(const struct watch *w)
{
	return w->stuck ? UINT64_MAX : watch_plan_deadline(w);
}
