/*
 * What the session says, and what the watcher makes of it: counts, counters, and the
 * end of each command.
 */
#include "ingest/watch.h"

#include <string.h>

#include "ingest/watch_again.h"
#include "ingest/watch_facts.h"
#include "ingest/watch_fetch.h"
#include "ingest/watch_plan.h"
#include "ingest/watch_poison.h"
#include "ingest/watch_sweep.h"

#define NO_INSTANT  INT64_MIN
#define BLIND_START 2000 /* UIDs looked back where the server cannot search by date */

static void enter(struct watch *w, enum watch_state state)
{
	w->state = state;
}

static void tell(struct watch *w, enum watch_told_kind kind, uint32_t uid)
{
	w->tell = (struct watch_told){ kind, w->about, uid };
}

/* ---- counts of the open folder ---- */

/* They have grown, or may have. */
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
	if (count <= w->told)
		return;
	if (w->open == 0 && w->state != WATCH_STATE_FETCHING)
		watch_facts_heard(w);
	grown(w, now_us);
}

static void heard_expunge(struct watch *w, uint32_t seq, uint32_t left)
{
	if (seq <= w->told && w->told > 0)
		w->told--;
	w->exists = left;
}

/* Which ones is not worth knowing: the next cycle looks. */
static void heard_vanished(struct watch *w, const struct imap_event *ev)
{
	w->is_doubtful = true;
	if (ev->vanished.is_earlier)
		return;
	w->told = w->told > ev->vanished.count ? w->told - ev->vanished.count : 0;
	w->exists = ev->vanished.exists;
	if (w->told > w->exists)
		w->told = w->exists;
}

/* ---- EXAMINE and SEARCH ---- */

static void heard_examined(struct watch *w, const struct imap_event *ev, int64_t now_us)
{
	struct watch_folder *f = &w->folders.at[w->about];
	uint32_t uidvalidity = ev->examined.uidvalidity;

	w->open = w->about;
	w->is_untold = w->was_even && uidvalidity == f->uidvalidity &&
		       (ev->examined.uidnext ? ev->examined.uidnext > f->uid_gated + 1
					     : ev->examined.exists > w->exists);
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
	w->start = (struct watch_start){
		.folder = w->about,
		.uidvalidity = uidvalidity,
		.modseq = ev->examined.highestmodseq,
	};
}

/* The row's UIDs still name the same mails: go on after the last one. */
static void go_on(struct watch *w, struct watch_folder *f)
{
	uint32_t range = f->announced - f->uid_gated;
	bool is_late = w->is_behind && (watch_folder_is_watched(f->role) || w->lists <= 1);

	f->view = WATCH_VIEW_BEHIND;
	f->is_missed |= is_late && !f->is_proven;
	f->due = f->told + (range < w->exists ? range : w->exists);
	/* Visited, and its row not yet read. */
	if (!f->folder[0]) {
		w->start.uid_before = f->uid_gated;
		w->start.uid_end = f->announced;
		w->work = WATCH_WORK_START_READY;
		return;
	}
	if (f->announced > f->uid_gated)
		return;
	watch_facts_prove(w, w->about, f->shown_us);
	watch_facts_end(w, f);
}

/* No row, or mails under other names: SEARCH first. */
static void look_back(struct watch *w, struct watch_folder *f)
{
	w->start.was_known = f->uidvalidity != 0;
	w->start.uid_end = f->announced;
	if (w->start.was_known) {
		tell(w,
		     w->start.is_restored                     ? WATCH_TOLD_RESTORED
		     : f->uidvalidity == w->start.uidvalidity ? WATCH_TOLD_SHRUNK
							      : WATCH_TOLD_UIDVALIDITY,
		     0);
		f->is_missed = true;
		w->gap.is_unsure |= !f->is_proven && watch_folder_is_watched(f->role);
	}
	f->is_missed |= w->is_behind && !f->is_proven && watch_folder_is_watched(f->role);
	f->is_back = true;
	f->uidvalidity = 0;
	f->held = UINT32_MAX;
	f->view = WATCH_VIEW_BEHIND;
	f->told = f->due = 0;
	watch_again_forget(w, w->about);
	watch_poison_forget(w, w->about);
	w->lowest = w->found = 0;
}

/* RFC 7162 section 3.1.2.1: it only grows, except where a mailbox comes from a backup. */
static bool is_restored(const struct watch *w, const struct watch_folder *f)
{
	return f->uidvalidity == w->start.uidvalidity && w->start.modseq != 0 &&
	       w->start.modseq < f->modseq;
}

static void examined_ok(struct watch *w)
{
	struct watch_folder *f = &w->folders.at[w->about];

	if (w->open != w->about) {
		w->stuck = "folder was not opened";
		return;
	}
	f->is_shut = false;
	if (w->is_untold)
		watch_facts_untold(w);
	w->was_even = w->is_untold = false;
	/* UIDNEXT below what was seen: a mailbox from a backup gives old names to new mails (RFC
	 * 3501 section 2.3.1.1 forbids it), also when as many came again as were lost */
	w->start.is_restored = is_restored(w, f);
	f->modseq = w->start.modseq;
	if (f->uidvalidity == w->start.uidvalidity && f->announced >= f->uid_gated &&
	    !w->start.is_restored)
		go_on(w, f);
	else
		look_back(w, f);
}

/*
 * Where a first look begins: at the oldest mail of the lookback, or after the last mail there is.
 * RFC 9738: a search cut short says nothing of what is below.
 */
static void searched(struct watch *w, bool ok, bool is_short)
{
	struct watch_folder *f = &w->folders.at[w->about];
	uint32_t end = w->uidnext ? w->uidnext - 1 : 0;
	uint32_t blind = end > BLIND_START ? end - BLIND_START : 0;
	uint32_t before = ok && w->lowest ? w->lowest - 1 : ok ? end : blind;

	if (is_short && blind < before)
		before = blind;
	f->due = w->found ? w->found : end > before ? end - before : 0;
	if (f->due > w->exists)
		f->due = w->exists;
	w->start.uid_before = before;
	if (w->start.is_restored && before < w->start.uid_end)
		w->start.uid_end = before;
	w->work = WATCH_WORK_START_READY;
}

/* ---- the ends of the others ---- */

/* NOOP was answered: what it did not tell is not there. */
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
	if (w->untold)
		return; /* what it does not tell may be there all the same */
	if (f->view == WATCH_VIEW_EVEN)
		watch_facts_prove(w, w->open, w->sent_us);
	else if (f->view == WATCH_VIEW_BEHIND)
		f->shown_us = w->sent_us;
}

static void heard_proven(struct watch *w, const struct imap_event *ev)
{
	if (w->state != WATCH_STATE_PROVING && w->state != WATCH_STATE_IDLE_PROVING)
		return;
	watch_sweep_answered(w, ev->proven.refused);
	if (ev->proven.is_alive)
		nooped(w);
	else
		w->stuck = "noop refused";
	if (w->state == WATCH_STATE_IDLE_PROVING)
		enter(w, WATCH_STATE_IDLE_ASKED);
}

static void heard_message(struct watch *w, const struct imap_event *ev)
{
	if (w->state != WATCH_STATE_FETCHING)
		return;
	w->count++;
	if (ev->message.uid > w->uid_seen)
		w->uid_seen = ev->message.uid;
}

static void failed(struct watch *w, enum watch_state was, uint64_t now_ms)
{
	switch (was) {
	case WATCH_STATE_EXAMINING:
		w->open = WATCH_FOLDERS;
		if (w->about != 0)
			watch_sweep_refused(w, w->about);
		else
			w->stuck = "the inbox cannot be opened";
		break;
	case WATCH_STATE_SEARCHING:
		w->gap.is_unsure |= watch_folder_is_watched(w->folders.at[w->about].role);
		searched(w, false, false);
		break;
	case WATCH_STATE_FETCHING:
		watch_fetch_failed(w, now_ms);
		break;
	case WATCH_STATE_IDLE_ASKED:
	case WATCH_STATE_IDLING:
	case WATCH_STATE_IDLE_ENDING:
	case WATCH_STATE_IDLE_PROVING:
		w->has_idle = false;
		watch_sweep_unasked(w);
		break;
	case WATCH_STATE_LISTING:
		if (!w->has_list_status)
			w->stuck = "folders cannot be listed";
		w->has_list_status = false;
		break;
	case WATCH_STATE_NOTIFYING:
		w->has_notify = false;
		break;
	case WATCH_STATE_PROVING:
	case WATCH_STATE_NOOPING:
		w->stuck = "noop refused";
		break;
	case WATCH_STATE_UNREADY:
	case WATCH_STATE_FREE:
	case WATCH_STATE_LEAVING:
		break;
	}
}

static void succeeded(struct watch *w, enum watch_state was, const struct imap_event *ev,
		      uint64_t now_ms)
{
	switch (was) {
	case WATCH_STATE_LISTING:
		watch_sweep_list_over(w, w->has_list_status, now_ms);
		break;
	case WATCH_STATE_EXAMINING:
		examined_ok(w);
		break;
	case WATCH_STATE_SEARCHING:
		searched(w, true, ev->done.is_short);
		break;
	case WATCH_STATE_FETCHING:
		watch_fetch_done(w);
		break;
	case WATCH_STATE_NOOPING:
		nooped(w);
		break;
	case WATCH_STATE_UNREADY:
	case WATCH_STATE_FREE:
	case WATCH_STATE_NOTIFYING:
	case WATCH_STATE_PROVING:
	case WATCH_STATE_IDLE_ASKED:
	case WATCH_STATE_IDLING:
	case WATCH_STATE_IDLE_PROVING:
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
	bool is_ok = outcome_ok(&ev->done.verdict->outcome);
	bool was_fetch = was == WATCH_STATE_FETCHING;

	/* The driver's own FETCH of a part: not ours. */
	if (ev->done.command == IMAP_COMMAND_FETCH_PART)
		return;
	if (was == WATCH_STATE_LEAVING || was == WATCH_STATE_UNREADY)
		return;
	enter(w, WATCH_STATE_FREE);
	/* RFC 9738: the server told a part of the window only. */
	if (was_fetch && is_ok && ev->done.is_short && w->uid_to != w->uid_from)
		watch_fetch_shrink(w, &w->folders.at[w->about], w->window / 2);
	/* A mail told in a way that we do not understand is as good as refused. */
	else if (is_ok && !(was_fetch && ev->done.lost))
		succeeded(w, was, ev, now_ms);
	else if (was_fetch && is_for_now(ev->done.verdict))
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
			watch_sweep_listed(w, &ev->folder);
		else
			watch_sweep_relist(w, now_ms); /* RFC 5465 section 5.4: made or renamed */
		break;
	case IMAP_EV_EXAMINED:
		if (w->state == WATCH_STATE_EXAMINING)
			heard_examined(w, ev, now_us);
		break;
	case IMAP_EV_LOWEST_UID:
		w->lowest = ev->lowest.uid;
		w->found = ev->lowest.found;
		break;
	case IMAP_EV_MESSAGE:
		heard_message(w, ev);
		break;
	case IMAP_EV_STATUS:
		watch_sweep_counted(w, ev, now_ms);
		break;
	case IMAP_EV_EXISTS:
		heard_exists(w, ev->exists.count, now_us);
		break;
	case IMAP_EV_EXPUNGE:
		heard_expunge(w, ev->expunge.seq, ev->expunge.exists);
		break;
	case IMAP_EV_VANISHED:
		heard_vanished(w, ev);
		break;
	case IMAP_EV_IDLING:
		if (w->state == WATCH_STATE_IDLE_ASKED)
			enter(w, WATCH_STATE_IDLING);
		break;
	case IMAP_EV_PROVEN:
		heard_proven(w, ev);
		break;
	case IMAP_EV_NOTIFY_OVER:
		w->has_notify = false;
		watch_sweep_relist(w, now_ms);
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
	case IMAP_EV_ALERT:
	case IMAP_EV_ODD:
		break;
	}
}
