#include "ingest/watch_sweep.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ingest/watch_again.h"
#include "ingest/watch_facts.h"
#include "ingest/watch_plan.h"
#include "ingest/watch_poison.h"

#define ASK_MOST 8 /* swept folders in one PROOF */

/* ---- the list ---- */

void watch_sweep_list_begin(struct watch *w)
{
	watch_folder_list_begin(&w->folders);
	sweep_list_begin(&w->sweep);
}

void watch_sweep_listed(struct watch *w, const struct imap_folder *l)
{
	watch_folder_listed(&w->folders, l, w->p.watches_all);
	sweep_listed(&w->sweep, l);
}

/*
 * Nobody's reply is there: drafts are our user's own, the rest are views of mails
 * that lie elsewhere (RFC 6154).  Where all mail is watched, only what is outside of
 * it is left.
 */
static bool is_idle_folder(const struct watch *w, enum imap_role role)
{
	if (w->folders.at[0].role == IMAP_ROLE_ALL)
		return role != IMAP_ROLE_TRASH;
	return role == IMAP_ROLE_DRAFTS || role == IMAP_ROLE_FLAGGED ||
	       role == IMAP_ROLE_IMPORTANT || role == IMAP_ROLE_ALL;
}

/* What its counters say; asked: they answer a command of ours. */
static void compare(struct watch *w, unsigned at, uint32_t uidvalidity, uint32_t uidnext,
		    bool was_asked)
{
	struct watch_folder *f = &w->folders.at[at];
	bool moved = uidnext - 1 != f->uid_gated || uidvalidity != f->uidvalidity;

	if (at == w->open)
		return; /* its own responses know better */
	/* RFC 3501 section 6.3.10; some servers leave UIDNEXT out: then only EXAMINE can tell */
	if (was_asked)
		f->view = uidnext && !moved ? WATCH_VIEW_EVEN : WATCH_VIEW_MOVED;
	else if (uidnext &&
		 (uidnext - 1 != f->uid_gated || (uidvalidity && uidvalidity != f->uidvalidity)))
		f->view = WATCH_VIEW_MOVED;
}

/* Of the open folder the counters are a second opinion (RFC 5819). */
static void compare_open(struct watch *w, const struct sweep_folder *l)
{
	struct watch_folder *f = &w->folders.at[0];

	if (w->open != 0 || f->view != WATCH_VIEW_EVEN || l->uidvalidity != f->uidvalidity ||
	    l->uidnext <= f->uid_gated + 1)
		return;
	f->view = WATCH_VIEW_MOVED;
	watch_facts_untold(w);
}

static void swap_first(struct watch *w, unsigned with)
{
	watch_again_moved(w, 0, with);
	watch_poison_moved(w, 0, with);
	if (w->dead_folder == 0 || w->dead_folder == with)
		w->dead_to = 0;
	if (w->open == 0 || w->open == with)
		w->open = w->open ? 0 : with;
}

/* How each is looked at, on this connection. */
static void say_how(struct watch *w)
{
	for (unsigned i = 0; i < w->folders.n; i++) {
		bool is_pushed = i == 0 ? w->has_idle : w->has_notify;

		if (w->folders.at[i].is_there && watch_folder_is_watched(w->folders.at[i].role))
			w->folders.at[i].by = is_pushed ? WATCH_FOLDER_PUSH : WATCH_FOLDER_POLL;
	}
}

/* What this connection does not have is not known any more. */
static void forget_gone(struct watch *w)
{
	for (unsigned i = 0; i < w->folders.n; i++) {
		struct watch_folder *f = &w->folders.at[i];

		if (f->is_here)
			continue;
		f->view = WATCH_VIEW_NONE;
		f->is_proven = false;
		f->proven_us = INT64_MIN;
		watch_again_forget(w, i);
	}
}

void watch_sweep_list_over(struct watch *w, bool is_counted, uint64_t now_ms)
{
	unsigned with = watch_folder_list_over(&w->folders);

	if (with)
		swap_first(w, with);
	forget_gone(w);
	for (uint32_t i = 0; i < w->sweep.n; i++) {
		const struct sweep_folder *l = &w->sweep.at[i];
		unsigned at = watch_folder_of_raw(&w->folders, text_of(l->raw));

		if (at == WATCH_FOLDERS || !w->folders.at[at].is_here) {
			if (is_idle_folder(w, l->role))
				sweep_ignore(&w->sweep, i);
			continue;
		}
		if (is_counted && l->has_counts && at > 0) {
			compare(w, at, l->uidvalidity, l->uidnext, true);
			if (w->folders.at[at].view == WATCH_VIEW_EVEN && at != w->open)
				watch_facts_prove(w, at, w->sent_us);
		} else if (is_counted && l->has_counts) {
			compare_open(w, l);
		}
		sweep_drop(&w->sweep, i);
	}
	if (w->sweep.beyond && w->lists == 0)
		w->tell = (struct watch_told){ WATCH_TOLD_TOO_MANY, 0, w->sweep.beyond };
	sweep_list_over(&w->sweep);
	say_how(w);
	w->has_listed = true;
	w->lists++;
	w->listed_ms = now_ms;
	w->list_due_ms = now_ms + w->p.sweep_ms;
}

void watch_sweep_relist(struct watch *w, uint64_t now_ms)
{
	uint64_t soon = w->listed_ms + WATCH_RELIST_MS;

	if (soon < now_ms)
		soon = now_ms;
	if (soon < w->list_due_ms)
		w->list_due_ms = soon;
}

/* ---- counters ---- */

static bool is_asked(const struct watch *w, bool is_swept, uint32_t at)
{
	for (unsigned i = 0; i < w->n_asked; i++)
		if (w->asked[i].is_swept == is_swept && w->asked[i].at == at)
			return true;
	return false;
}

void watch_sweep_counted(struct watch *w, const struct imap_event *ev, uint64_t now_ms)
{
	uint32_t uidvalidity = ev->status.uidvalidity, uidnext = ev->status.uidnext;
	bool is_empty = ev->status.has_messages && !ev->status.messages;
	unsigned at = watch_folder_of_raw(&w->folders, ev->status.raw);
	uint32_t swept;

	if (w->state == WATCH_STATE_LISTING) {
		sweep_counted(&w->sweep, ev->status.raw, uidvalidity, uidnext, is_empty);
		return;
	}
	if (at != WATCH_FOLDERS && w->folders.at[at].is_here) {
		compare(w, at, uidvalidity, uidnext, is_asked(w, false, at));
		return;
	}
	swept = sweep_find(&w->sweep, ev->status.raw);
	if (swept < w->sweep.n && is_asked(w, true, swept))
		sweep_counted(&w->sweep, ev->status.raw, uidvalidity, uidnext, is_empty);
	else if (swept < w->sweep.n && w->sweep.at[swept].todo != SWEEP_DONE)
		return; /* it is to be looked at anyway */
	else if (sweep_is_news(&w->sweep, ev->status.raw, uidvalidity, uidnext))
		watch_sweep_relist(w, now_ms);
}

static void ask(struct watch *w, struct watch_order *ret, bool is_swept, uint32_t at,
		const char *raw)
{
	w->asked[w->n_asked++] = (struct watch_asked){ is_swept, at };
	ret->side[ret->n_sides++] = text_of(raw);
}

void watch_sweep_ask(struct watch *w, struct watch_order *ret)
{
	unsigned most = w->budget < ASK_MOST ? w->budget : ASK_MOST;

	watch_sweep_unasked(w);
	w->asked = mem_new(IMAP_PROOF_SIDES * sizeof(*w->asked));
	for (unsigned i = 1; i < w->folders.n; i++)
		if (w->folders.at[i].is_here && w->folders.at[i].view == WATCH_VIEW_NONE &&
		    w->folders.at[i].uidvalidity)
			ask(w, ret, false, i, w->folders.at[i].raw);
	/* What moved is visited before more is asked. */
	if (sweep_has(&w->sweep, SWEEP_VISIT))
		return;
	for (uint32_t i = sweep_next(&w->sweep, SWEEP_ASK, 0);
	     i < w->sweep.n && most > 0 && ret->n_sides < IMAP_PROOF_SIDES;
	     i = sweep_next(&w->sweep, SWEEP_ASK, i + 1), most--) {
		ask(w, ret, true, i, w->sweep.at[i].raw);
		w->budget--;
	}
}

void watch_sweep_answered(struct watch *w, uint32_t refused)
{
	for (unsigned i = 0; i < w->n_asked; i++) {
		uint32_t at = w->asked[i].at;
		bool is_refused = refused >> i & 1;

		if (w->asked[i].is_swept) {
			if (at < w->sweep.n && w->sweep.at[at].todo == SWEEP_ASK)
				sweep_done(&w->sweep, at); /* it will be listed again */
		} else if (w->folders.at[at].view == WATCH_VIEW_EVEN && !is_refused) {
			watch_facts_prove(w, at, w->sent_us);
		} else {
			w->folders.at[at].view = WATCH_VIEW_MOVED;
		}
	}
	watch_sweep_unasked(w);
}

void watch_sweep_unasked(struct watch *w)
{
	free(w->asked);
	w->asked = NULL;
	w->n_asked = 0;
}

/* ---- visits ---- */

void watch_sweep_visit(struct watch *w, uint64_t now_ms)
{
	const struct sweep_seen *seen;
	struct watch_folder *f;
	struct text raw;
	uint32_t i;

	if (w->state != WATCH_STATE_FREE || !watch_plan_may_visit(w, now_ms))
		return;
	i = sweep_next(&w->sweep, SWEEP_VISIT, 0);
	raw = text_of(w->sweep.at[i].raw);
	f = watch_folder_visit(&w->folders, raw, text_of(w->sweep.at[i].name));
	if (!f) { /* every place is taken: the next LIST finds it again */
		sweep_done(&w->sweep, i);
		return;
	}
	w->budget -= 2; /* there and back */
	seen = sweep_known(&w->sweep, raw);
	if (f->folder[0] || !seen || !seen->uidvalidity || !seen->uidnext)
		return;
	f->uidvalidity = seen->uidvalidity;
	f->uid_gated = f->uid_ingested = seen->uidnext - 1;
}

static void done(struct watch *w, unsigned folder)
{
	uint32_t i = sweep_find(&w->sweep, text_of(w->folders.at[folder].raw));

	if (i < w->sweep.n)
		sweep_done(&w->sweep, i);
	watch_again_forget(w, folder);
	watch_poison_forget(w, folder);
	watch_folder_leave(&w->folders.at[folder]);
	if (w->open == folder)
		w->open = WATCH_FOLDERS;
}

void watch_sweep_leave(struct watch *w)
{
	uint32_t uid;

	if (w->state != WATCH_STATE_FREE || w->work != WATCH_WORK_NONE)
		return;
	for (unsigned i = 1; i < w->folders.n; i++) {
		const struct watch_folder *f = &w->folders.at[i];

		if (!f->is_here || watch_folder_is_watched(f->role) || f->view != WATCH_VIEW_EVEN ||
		    watch_again_in(w, i, &uid))
			continue;
		sweep_saw(&w->sweep, text_of(f->raw), f->uidvalidity, watch_row_uid(w, i) + 1);
		done(w, i);
	}
}

void watch_sweep_refused(struct watch *w, unsigned folder)
{
	if (watch_folder_is_watched(w->folders.at[folder].role)) {
		/* It cannot be seen on this connection: its watermark stands still and says so. */
		w->folders.at[folder].is_here = false;
		if (!w->folders.at[folder].is_shut)
			w->tell = (struct watch_told){ WATCH_TOLD_SHUT, folder, 0 };
		w->folders.at[folder].is_shut = true;
		watch_again_forget(w, folder);
		return;
	}
	done(w, folder);
}
