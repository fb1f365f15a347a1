#include "tests/ingest/watch_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/watch_poison.h"

static const char *const raws[WORLD_FOLDERS][WORLD_NAMES] = {
	{ "INBOX", "INBOX" },       { "Bulk Mail", "Bulk Mail" }, { "Sent", "Sent" },
	{ "Work", "Archive/Work" }, { "Trash", "Trash" },
};
static const enum imap_role roles[WORLD_FOLDERS] = { IMAP_ROLE_INBOX, IMAP_ROLE_JUNK,
						     IMAP_ROLE_SENT, IMAP_ROLE_NONE,
						     IMAP_ROLE_TRASH };

#define must(w, c)                                                                                 \
	do {                                                                                       \
		if (!(c))                                                                          \
			fail_msg("seed %u at %llu ms: %s", (w)->seed,                              \
				 (unsigned long long)(w)->now_ms, #c);                             \
	} while (0)

uint64_t world_below(struct world *w, uint64_t n)
{
	return rand_gen_below(&w->g, n);
}

void world_pass_time(struct world *w, uint64_t ms)
{
	w->now_ms += ms;
	w->now_us += (int64_t)ms * 1000;
}

static void say(struct world *w, const struct imap_event *ev)
{
	watch_heard(&w->w, ev, w->now_ms, w->now_us);
}

static const char *raw_of(const struct world *w, unsigned folder)
{
	return raws[folder][w->folders[folder].name];
}

/* The folder that has this name, or had it; `ret_name` which of its names. */
static unsigned folder_of(struct text raw, unsigned *ret_name)
{
	for (unsigned f = 0; f < WORLD_FOLDERS; f++)
		for (unsigned n = 0; n < WORLD_NAMES; n++)
			if (text_eq(text_of(raws[f][n]), raw)) {
				*ret_name = n;
				return f;
			}
	fail_msg("a folder that never was");
	return WORLD_FOLDERS;
}

/* By the watcher's index; WORLD_FOLDERS: nothing has this name now. */
static unsigned folder_at(const struct world *w, unsigned at)
{
	unsigned name, f = folder_of(text_of(w->w.folders.at[at].raw), &name);

	return w->folders[f].is_there && w->folders[f].name == name ? f : WORLD_FOLDERS;
}

/* ---- what happens to the mailbox ---- */

static struct imap_event status_of(const struct world *w, unsigned f)
{
	struct imap_event ev = { .kind = IMAP_EV_STATUS };

	ev.status.raw = text_of(raw_of(w, f));
	ev.status.uidnext = w->has_uidnext ? w->folders[f].uidnext : 0;
	ev.status.uidvalidity = w->folders[f].uidvalidity;
	ev.status.has_messages = true;
	for (size_t i = 0; i < w->n_mails; i++)
		ev.status.messages += w->mails[i].folder == f && !w->mails[i].is_gone;
	return ev;
}

static void notify(struct world *w, unsigned f)
{
	if (w->is_notifying && f != w->open && w->n_pushed < countof(w->pushed))
		w->pushed[w->n_pushed++] = status_of(w, f);
}

void world_arrive(struct world *w, unsigned folder, int64_t came_us)
{
	if (w->n_mails == WORLD_MAILS || !w->folders[folder].is_there)
		return;
	if (world_below(w, 40) == 0)
		w->folders[folder].uidnext += (uint32_t)world_below(w, 5000); /* gaps */
	w->mails[w->n_mails++] = (struct world_mail){ .folder = folder,
						      .uid = w->folders[folder].uidnext++,
						      .came_us = came_us,
						      .put_us = w->now_us };
	notify(w, folder);
}

void world_vanish(struct world *w, size_t mail)
{
	w->mails[mail].is_gone = true;
	if (world_below(w, 2))
		notify(w, w->mails[mail].folder);
}

void world_move(struct world *w, size_t mail, unsigned folder)
{
	if (w->mails[mail].is_gone || w->mails[mail].folder == folder)
		return;
	world_vanish(w, mail);
	world_arrive(w, folder, w->mails[mail].came_us);
}

void world_folder_goes_or_comes(struct world *w, unsigned folder)
{
	if (w->open == folder)
		return; /* what a server does with it then is its own affair */
	w->folders[folder].is_there = !w->folders[folder].is_there;
	for (size_t i = 0; i < w->n_mails; i++)
		w->mails[i].is_gone |= w->mails[i].folder == folder;
	w->folders[folder].uidvalidity++;
	w->folders[folder].uidnext = 1;
}

/* It keeps its mails and their UIDs. */
void world_rename(struct world *w)
{
	if (w->open == WORLD_WORK)
		return;
	w->folders[WORLD_WORK].name ^= 1;
	for (size_t i = 0; i < w->n_mails; i++) /* the row of the other name may be behind */
		if (w->mails[i].folder == WORLD_WORK)
			w->mails[i].tells = 0;
}

void world_new_uidvalidity(struct world *w, unsigned f)
{
	w->folders[f].uidvalidity++;
	w->folders[f].uidnext = 1;
	for (size_t i = 0; i < w->n_mails; i++) {
		if (w->mails[i].folder != f || w->mails[i].is_gone)
			continue;
		w->mails[i].uid = w->folders[f].uidnext++;
	}
	world_connect(w); /* RFC 3501 section 2.3.1.1: never within a session */
}

/* ---- what the server says ---- */

/* What changed in the open folder: some of the arrivals, all of them, and what is gone. */
static void sync_view(struct world *w, bool all, bool with_expunge)
{
	uint32_t before = w->n_view;

	if (w->open == WORLD_FOLDERS)
		return;
	for (uint32_t i = 0; with_expunge && i < w->n_view;) {
		if (!w->mails[w->view[i]].is_gone) {
			i++;
			continue;
		}
		memmove(&w->view[i], &w->view[i + 1], (w->n_view - i - 1) * sizeof(w->view[0]));
		w->n_view--;
		before--;
		say(w, &(struct imap_event){ .kind = IMAP_EV_EXPUNGE,
					     .expunge = { i + 1, w->n_view } });
	}
	for (size_t i = 0; i < w->n_mails; i++) {
		if (w->mails[i].folder != w->open || w->mails[i].is_gone || w->mails[i].is_seen)
			continue;
		if (!all && world_below(w, 3) == 0)
			break; /* the rest is announced another time: UIDs are in order */
		w->mails[i].is_seen = true;
		w->view[w->n_view++] = i;
	}
	if (w->n_view != before || world_below(w, 30) == 0) /* some servers repeat themselves */
		say(w, &(struct imap_event){ .kind = IMAP_EV_EXISTS, .exists.count = w->n_view });
}

static void flush(struct world *w)
{
	for (unsigned i = 0; i < w->n_pushed; i++)
		say(w, &w->pushed[i]);
	w->n_pushed = 0;
}

void world_push(struct world *w)
{
	flush(w);
	if (w->is_idling)
		sync_view(w, world_below(w, 2), world_below(w, 2));
}

static void over(struct world *w, enum imap_command command, bool ok)
{
	static const struct imap_verdict good = { OUTCOME_OK, IMAP_REMEDY_NONE, 0 };
	static const struct imap_verdict bad = { { BLAME_REFUSED, "refused", "" },
						 IMAP_REMEDY_SKIP,
						 0 };

	w->is_busy = w->is_idling = false;
	say(w,
	    &(struct imap_event){ .kind = IMAP_EV_DONE,
				  .done = { .command = command, .verdict = ok ? &good : &bad } });
}

/* An answer is on its way: time passes, and mail comes that it does not know of. */
static void travel(struct world *w)
{
	world_pass_time(w, 1 + world_below(w, 200));
	if (!w->is_quiet && world_below(w, 4) == 0)
		world_arrive(w, (unsigned)world_below(w, WORLD_FOLDERS), w->now_us);
	world_pass_time(w, 1 + world_below(w, 200));
}

static void do_list(struct world *w, bool with_counters)
{
	struct imap_event listed[WORLD_FOLDERS], counted[WORLD_FOLDERS];
	unsigned n = 0;

	for (unsigned f = 0; f < WORLD_FOLDERS; f++) {
		if (!w->folders[f].is_there)
			continue;
		listed[n] = (struct imap_event){ .kind = IMAP_EV_FOLDER };
		listed[n].folder = (struct imap_folder){ .name = text_of(raw_of(w, f)),
							 .raw = text_of(raw_of(w, f)),
							 .role = roles[f],
							 .is_selectable = true };
		counted[n++] = status_of(w, f);
	}
	travel(w);
	for (unsigned i = 0; i < n; i++) {
		say(w, &listed[i]);
		if (with_counters)
			say(w, &counted[i]);
	}
	over(w, with_counters ? IMAP_COMMAND_LIST_STATUS : IMAP_COMMAND_LIST, true);
}

static void do_examine(struct world *w)
{
	struct imap_event ev = { .kind = IMAP_EV_EXAMINED };
	unsigned f = folder_at(w, w->order.folder);

	w->open = f;
	w->n_view = 0;
	if (f == WORLD_FOLDERS) {
		over(w, IMAP_COMMAND_EXAMINE, false);
		return;
	}
	for (size_t i = 0; i < w->n_mails; i++) {
		w->mails[i].is_seen = w->mails[i].folder == f && !w->mails[i].is_gone;
		if (w->mails[i].is_seen)
			w->view[w->n_view++] = i;
	}
	ev.examined.uidvalidity = w->folders[f].uidvalidity;
	ev.examined.uidnext = w->has_uidnext ? w->folders[f].uidnext : 0;
	ev.examined.exists = w->n_view;
	travel(w);
	say(w, &ev);
	over(w, IMAP_COMMAND_EXAMINE, true);
}

static void do_search(struct world *w)
{
	struct imap_event ev = { .kind = IMAP_EV_LOWEST_UID };

	for (uint32_t i = 0; i < w->n_view; i++) {
		const struct world_mail *m = &w->mails[w->view[i]];

		if (m->came_us / 1000000 < w->order.since_unix_s)
			continue;
		ev.lowest.found++;
		if (!ev.lowest.uid || m->uid < ev.lowest.uid)
			ev.lowest.uid = m->uid;
	}
	say(w, &ev);
	over(w, IMAP_COMMAND_SEARCH, true);
}

static bool is_asked(const struct world *w, const struct world_mail *m)
{
	return m->uid >= w->order.uid_from && m->uid <= w->order.uid_to;
}

static void do_fetch(struct world *w)
{
	static const struct imap_body nothing;
	bool is_refused = false;

	if (world_below(w, 2)) /* RFC 3501 section 7.4.1: no EXPUNGE during FETCH */
		sync_view(w, world_below(w, 2), false);
	for (size_t i = 0; i < w->n_mails; i++)
		w->mails[i].is_told = false;
	for (uint32_t i = 0; i < w->n_view; i++) {
		struct world_mail *m = &w->mails[w->view[i]];
		struct imap_event ev = { .kind = IMAP_EV_MESSAGE };

		if (!is_asked(w, m))
			continue;
		if (m->is_deadly) {
			world_connect(w);
			return;
		}
		is_refused |= m->is_refused;
		if (is_refused)
			break;
		ev.message = (struct imap_message){ .uid = m->uid,
						    .has = IMAP_HAS_HEADER,
						    .body = &nothing };
		m->is_told = true;
		say(w, &ev);
	}
	if (world_below(w, 2))
		sync_view(w, world_below(w, 2), false);
	over(w, IMAP_COMMAND_FETCH_HEADERS, !is_refused);
}

static void do_proof(struct world *w)
{
	static const struct imap_verdict good = { OUTCOME_OK, IMAP_REMEDY_NONE, 0 };
	struct imap_event ev = { .kind = IMAP_EV_PROVEN }, status[IMAP_PROOF_SIDES];
	unsigned name, f, n = 0;

	sync_view(w, true, true);
	for (unsigned i = 0; i < w->order.n_sides; i++) {
		f = folder_of(text_of(w->side[i]), &name);
		must(w, f != w->open);
		if (!w->folders[f].is_there || w->folders[f].name != name ||
		    world_below(w, 20) == 0)
			ev.proven.refused |= 1u << i;
		else
			status[n++] = status_of(w, f);
	}
	travel(w);
	for (unsigned i = 0; i < n; i++)
		say(w, &status[i]);
	ev.proven.is_alive = true;
	ev.proven.verdict = &good;
	say(w, &ev);
	if (!w->is_proof_in_idle)
		over(w, IMAP_COMMAND_PROOF, true);
	w->order.kind = WATCH_ORDER_IDLE; /* it goes on, if it was one */
}

static void do_notify(struct world *w)
{
	w->is_notifying = true;
	for (unsigned f = 0; f < WORLD_FOLDERS; f++)
		if (w->folders[f].is_there)
			notify(w, f);
	flush(w);
	over(w, IMAP_COMMAND_NOTIFY, true);
}

void world_serve(struct world *w)
{
	flush(w);
	switch (w->order.kind) {
	case WATCH_ORDER_LIST:
	case WATCH_ORDER_LIST_STATUS:
		do_list(w, w->order.kind == WATCH_ORDER_LIST_STATUS);
		break;
	case WATCH_ORDER_NOTIFY:
		do_notify(w);
		break;
	case WATCH_ORDER_EXAMINE:
		do_examine(w);
		break;
	case WATCH_ORDER_SEARCH:
		do_search(w);
		break;
	case WATCH_ORDER_FETCH:
		do_fetch(w);
		break;
	case WATCH_ORDER_PROOF:
		do_proof(w);
		break;
	case WATCH_ORDER_NOOP:
		sync_view(w, true, true);
		over(w, IMAP_COMMAND_NOOP, true);
		break;
	case WATCH_ORDER_IDLE:
		if (!w->is_idling)
			say(w, &(struct imap_event){ .kind = IMAP_EV_IDLING });
		w->is_idling = true;
		break;
	case WATCH_ORDER_END_IDLE:
		sync_view(w, world_below(w, 2), true);
		over(w, IMAP_COMMAND_IDLE, true);
		break;
	case WATCH_ORDER_LOGOUT:
		break;
	}
}

/* ---- the driver ---- */

static uint64_t caps_of(const struct world *w)
{
	return (w->has_idle ? IMAP_CAP(IDLE) : 0) | (w->has_notify ? IMAP_CAP(NOTIFY) : 0) |
	       (w->has_list_status ? IMAP_CAP(LIST_STATUS) : 0);
}

static void new_session(struct world *w)
{
	w->is_busy = w->is_idling = w->has_start = w->is_notifying = false;
	w->n_pushed = 0;
	w->open = WORLD_FOLDERS;
	w->work = WORLD_WORK_NONE;
}

void world_connect(struct world *w)
{
	watch_unready(&w->w);
	for (unsigned f = 0; f < WORLD_FOLDERS; f++) {
		for (unsigned n = 0; n < WORLD_NAMES; n++) {
			const struct world_row *row = &w->rows[f][n];
			const struct watch_folder_known k = {
				.folder = row->id,
				.raw = text_of(raws[f][n]),
				.name = text_of(raws[f][n]),
				.role = roles[f],
				.uidvalidity = row->uidvalidity,
				.uid_gated = row->uid_gated,
				.uid_ingested = row->uid_ingested,
			};

			if (row->is_there && watch_folder_is_watched(roles[f]))
				watch_know(&w->w, &k);
			else if (row->is_there)
				sweep_saw(&w->w.sweep, k.raw, k.uidvalidity, k.uid_gated + 1);
		}
	}
	watch_know_proof(&w->w, w->proven_us, false);
	new_session(w);
	watch_ready(&w->w, caps_of(w), w->now_ms, w->now_us);
}

void world_take_over(struct world *w)
{
	if (!watch_is_quiet(&w->w))
		return;
	new_session(w);
	watch_move(&w->w, caps_of(w), w->now_ms);
}

/* The watcher says so; it asks again. */
static bool is_set_aside(const struct world *w, const struct world_mail *m)
{
	unsigned at = watch_folder_of_raw(&w->w.folders, text_of(raw_of(w, m->folder)));

	return at != WATCH_FOLDERS && watch_poison_has(&w->w, at, m->uid);
}

/* It came into a folder that is looked at, not before the time that is looked back to. */
static bool counts(const struct world *w, const struct world_mail *m)
{
	return !m->is_gone && !m->is_refused && !m->is_deadly && !is_set_aside(w, m) &&
	       (m->came_us >= w->now_us - 13 * WORLD_DAY_US || m->came_us > w->absent_us);
}

/* Everything that was there before the instant is durable, unless it vanished before anybody could
 * see it. */
static void check_proof(struct world *w, int64_t us)
{
	for (size_t i = 0; i < w->n_mails; i++) {
		const struct world_mail *m = &w->mails[i];
		unsigned at = watch_folder_of_raw(&w->w.folders, text_of(raw_of(w, m->folder)));

		if (!watch_folder_is_judged(roles[m->folder]) || at == WATCH_FOLDERS ||
		    !w->w.folders.at[at].is_there)
			continue; /* a folder made since the last LIST */
		if (counts(w, m) && m->put_us < us)
			must(w, m->is_durable);
	}
	must(w, us > w->proven_us);
	w->proofs++;
	w->proven_us = us;
}

static void check_watermark(struct world *w, unsigned f)
{
	const struct world_row *row = &w->rows[f][w->folders[f].name];

	for (size_t i = 0; i < w->n_mails; i++) {
		const struct world_mail *m = &w->mails[i];

		if (m->folder == f && m->uid <= row->uid_gated && counts(w, m))
			must(w, m->is_durable);
	}
}

void world_gate(struct world *w)
{
	unsigned f = folder_at(w, w->batch.folder);
	struct world_row *row = &w->rows[f][w->folders[f].name];

	for (size_t i = 0; i < w->n_mails; i++) {
		struct world_mail *m = &w->mails[i];

		if (!m->is_told || m->folder != f)
			continue;
		m->is_durable = true;
		m->tells += w->batch.purpose == WATCH_ARRIVED;
		must(w, m->tells <= 1 || w->skipped);
	}
	if (w->batch.purpose == WATCH_ARRIVED) {
		must(w, w->batch.uid_row >= row->uid_gated || w->skipped);
		if (row->uid_gated < w->batch.uid_row)
			row->uid_gated = w->batch.uid_row;
		check_watermark(w, f);
	}
	watch_gated(&w->w);
	w->work = WORLD_WORK_GATED;
}

void world_worked(struct world *w)
{
	watch_worked(&w->w);
	w->work = WORLD_WORK_NONE;
}

void world_write_row(struct world *w)
{
	unsigned f = folder_at(w, w->start.folder);
	struct world_row *row;

	if (f == WORLD_FOLDERS) { /* renamed meanwhile: the row is of its old name */
		world_connect(w);
		return;
	}
	row = &w->rows[f][w->folders[f].name];
	if (!row->is_there || row->uidvalidity != w->start.uidvalidity ||
	    row->uid_gated > w->start.uid_end) {
		row->uid_gated = row->uid_ingested = w->start.uid_before;
		for (size_t i = 0; i < w->n_mails; i++)
			if (w->mails[i].folder == f)
				w->mails[i].tells = 0;
	}
	row->is_there = true;
	row->uidvalidity = w->start.uidvalidity;
	snprintf(row->id, sizeof(row->id), "folder-%u-%u", f, w->folders[f].name);
	w->has_start = false;
	watch_started(&w->w, row->id, row->uid_gated, row->uid_ingested);
}

static void take_facts(struct world *w)
{
	struct watch_told told;
	int64_t us;

	if (w->work == WORLD_WORK_NONE && watch_take_batch(&w->w, &w->batch))
		w->work = WORLD_WORK_BATCH;
	if (watch_take_start(&w->w, &w->start))
		w->has_start = true;
	if (watch_is_live(&w->w) && watch_take_proof(&w->w, &us))
		check_proof(w, us);
	if (watch_take_told(&w->w, &told))
		w->skipped += told.kind == WATCH_TOLD_SET_ASIDE;
}

void world_drive(struct world *w)
{
	struct watch_order o;

	take_facts(w);
	if (w->is_busy && !w->is_idling)
		return;
	if (!watch_next(&w->w, w->now_ms, w->now_us, &o)) {
		must(w, w->is_busy || w->work || w->has_start || w->w.stuck ||
				watch_deadline(&w->w) > w->now_ms);
		if (w->w.stuck)
			world_connect(w);
		return;
	}
	must(w, !w->is_busy || o.kind == WATCH_ORDER_END_IDLE || o.kind == WATCH_ORDER_PROOF);
	must(w, o.kind != WATCH_ORDER_FETCH || o.uid_from <= o.uid_to);
	for (unsigned i = 0; i < o.n_sides; i++)
		snprintf(w->side[i], sizeof(w->side[i]), "%.*s", TEXT_ARG(o.side[i]));
	w->order = o;
	w->is_proof_in_idle = o.kind == WATCH_ORDER_PROOF && w->is_idling;
	w->is_busy = true;
	w->is_idling = false;
}

unsigned world_missing(const struct world *w)
{
	unsigned missing = 0;

	for (size_t i = 0; i < w->n_mails; i++)
		missing += counts(w, &w->mails[i]) && !w->mails[i].is_durable;
	return missing;
}
