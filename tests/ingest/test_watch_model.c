/*
 * The watcher against a model of a server, in thousands of random interleavings:
 * mails arrive and vanish at any moment, EXISTS is pushed early, late or only with
 * the next command, commands take their time, connections are cut, UIDVALIDITY
 * changes.  Whatever the order, nothing may be passed over and no proof may be false.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "ingest/watch.h"

#define MAILS   1500
#define FOLDERS 2
#define STEPS   1500
#define PROOF   20000
#define DAY_US  (INT64_C(86400) * 1000000)

struct mail {
	unsigned folder;
	uint32_t uid;
	int64_t came_us;
	bool is_gone;
	bool is_seen;    /* in the view of the session */
	bool is_told;    /* in the FETCH or batch under way */
	bool is_durable; /* transaction 1 of a batch that held it */
};

struct view { /* what the session has been told of the open folder: mails by sequence number */
	size_t mail[MAILS];
	uint32_t n;
};

struct world {
	struct rand_gen g;
	struct watch w;
	struct mail mails[MAILS];
	size_t n_mails;
	uint32_t uidnext[FOLDERS], uidvalidity[FOLDERS];
	unsigned open; /* FOLDERS: none */
	struct view view;
	struct watch_order order;
	bool is_busy, is_idling, is_connected;
	bool has_idle, has_uidnext;
	bool has_junk, junk_goes; /* it is there; it goes and comes */
	uint64_t now_ms;
	int64_t now_us;
	struct watch_batch batch;
	enum { WORK_NONE, WORK_BATCH, WORK_GATED } work;
	struct watch_start start;
	bool has_start;
	struct { /* the database */
		bool is_there;
		uint32_t uidvalidity, uid_gated, uid_ingested;
		char id[37];
	} row[FOLDERS];
	unsigned seed, proofs;
	int64_t proven_us[FOLDERS];
};

static const char *const raws[] = { "INBOX", "Bulk Mail" };

#define must(w, c)                                                                                 \
	do {                                                                                       \
		if (!(c))                                                                          \
			fail_msg("seed %u at %llu ms: %s", (w)->seed,                              \
				 (unsigned long long)(w)->now_ms, #c);                             \
	} while (0)

static uint64_t below(struct world *w, uint64_t n)
{
	return rand_gen_below(&w->g, n);
}

static void pass_time(struct world *w, uint64_t ms)
{
	w->now_ms += ms;
	w->now_us += (int64_t)ms * 1000;
}

static void say(struct world *w, const struct imap_event *ev)
{
	watch_heard(&w->w, ev, w->now_ms, w->now_us);
}

/* ---- the server ---- */

static void arrive(struct world *w, unsigned folder, int64_t came_us)
{
	if (w->n_mails == MAILS || (folder == 1 && !w->has_junk))
		return;
	if (below(w, 40) == 0)
		w->uidnext[folder] += (uint32_t)below(w, 5000); /* gaps */
	w->mails[w->n_mails++] =
		(struct mail){ .folder = folder, .uid = w->uidnext[folder]++, .came_us = came_us };
}

/* Tell the session what changed in the open folder: some of the arrivals, all of them, and what is
 * gone. */
static void sync_view(struct world *w, bool all, bool with_expunge)
{
	uint32_t before = w->view.n;

	if (w->open == FOLDERS)
		return;
	for (uint32_t i = 0; with_expunge && i < w->view.n;) {
		if (!w->mails[w->view.mail[i]].is_gone) {
			i++;
			continue;
		}
		memmove(&w->view.mail[i], &w->view.mail[i + 1],
			(w->view.n - i - 1) * sizeof(w->view.mail[0]));
		w->view.n--;
		before--;
		say(w, &(struct imap_event){ .kind = IMAP_EV_EXPUNGE,
					     .expunge = { i + 1, w->view.n } });
	}
	for (size_t i = 0; i < w->n_mails; i++) {
		if (w->mails[i].folder != w->open || w->mails[i].is_gone || w->mails[i].is_seen)
			continue;
		if (!all && below(w, 3) == 0)
			break; /* the rest is announced another time: UIDs are in order */
		w->mails[i].is_seen = true;
		w->view.mail[w->view.n++] = i;
	}
	if (w->view.n != before || below(w, 30) == 0) /* some servers repeat themselves */
		say(w, &(struct imap_event){ .kind = IMAP_EV_EXISTS, .exists.count = w->view.n });
}

static void over(struct world *w, enum imap_command command, bool ok)
{
	const struct imap_verdict good = { OUTCOME_OK, IMAP_REMEDY_NONE, 0 };
	const struct imap_verdict bad = { { BLAME_REFUSED, "refused", "" }, IMAP_REMEDY_SKIP, 0 };

	w->is_busy = w->is_idling = false;
	say(w, &(struct imap_event){ .kind = IMAP_EV_DONE,
				     .done = { command, ok ? &good : &bad, 0 } });
}

static void do_list(struct world *w)
{
	for (unsigned i = 0; i < FOLDERS; i++) {
		struct imap_event ev = { .kind = IMAP_EV_FOLDER };

		ev.folder = (struct imap_folder){ .name = text_of(raws[i]),
						  .raw = text_of(raws[i]),
						  .is_selectable = true };
		ev.folder.role = i ? IMAP_ROLE_JUNK : IMAP_ROLE_INBOX;
		if (i == 0 || w->has_junk)
			say(w, &ev);
	}
	over(w, IMAP_COMMAND_LIST, true);
}

static unsigned folder_of(const struct world *w, unsigned at)
{
	return strcmp(w->w.folders.at[at].raw, raws[0]) == 0 ? 0 : 1;
}

static void do_examine(struct world *w)
{
	struct imap_event ev = { .kind = IMAP_EV_EXAMINED };
	unsigned f = folder_of(w, w->order.folder);

	w->open = f == 0 || w->has_junk ? f : FOLDERS;
	w->view.n = 0;
	if (w->open == FOLDERS) {
		over(w, IMAP_COMMAND_EXAMINE, false);
		return;
	}
	for (size_t i = 0; i < w->n_mails; i++) {
		w->mails[i].is_seen = w->mails[i].folder == f && !w->mails[i].is_gone;
		if (w->mails[i].is_seen)
			w->view.mail[w->view.n++] = i;
	}
	ev.examined.uidvalidity = w->uidvalidity[f];
	ev.examined.uidnext = w->has_uidnext ? w->uidnext[f] : 0;
	ev.examined.exists = w->view.n;
	say(w, &ev);
	over(w, IMAP_COMMAND_EXAMINE, true);
}

static void do_search(struct world *w)
{
	struct imap_event ev = { .kind = IMAP_EV_LOWEST_UID };

	for (uint32_t i = 0; i < w->view.n; i++) {
		const struct mail *m = &w->mails[w->view.mail[i]];

		if (m->came_us / 1000000 >= w->order.since_unix_s &&
		    (!ev.lowest.uid || m->uid < ev.lowest.uid))
			ev.lowest.uid = m->uid;
	}
	say(w, &ev);
	over(w, IMAP_COMMAND_SEARCH, true);
}

static void do_fetch(struct world *w)
{
	static const struct imap_body nothing;

	if (below(w, 2))
		sync_view(w, below(w, 2),
			  false); /* RFC 3501 section 7.4.1: no EXPUNGE during FETCH */
	for (size_t i = 0; i < w->n_mails; i++)
		w->mails[i].is_told = false;
	for (uint32_t i = 0; i < w->view.n; i++) {
		struct mail *m = &w->mails[w->view.mail[i]];
		struct imap_event ev = { .kind = IMAP_EV_MESSAGE };

		if (m->uid < w->order.uid_from || m->uid > w->order.uid_to)
			continue;
		ev.message = (struct imap_message){ .uid = m->uid,
						    .has = IMAP_HAS_HEADER,
						    .body = &nothing };
		m->is_told = true;
		say(w, &ev);
	}
	if (below(w, 2))
		sync_view(w, below(w, 2), false);
	over(w, IMAP_COMMAND_FETCH_HEADERS, true);
}

static void do_status(struct world *w)
{
	unsigned f = folder_of(w, w->order.folder);
	struct imap_event ev = { .kind = IMAP_EV_STATUS };

	must(w, f != w->open);
	ev.status.raw = text_of(raws[f]);
	ev.status.uidnext = w->has_uidnext ? w->uidnext[f] : 0;
	ev.status.uidvalidity = w->uidvalidity[f];
	if (f && !w->has_junk) {
		over(w, IMAP_COMMAND_STATUS, false);
		return;
	}
	say(w, &ev);
	over(w, IMAP_COMMAND_STATUS, below(w, 20) != 0);
}

static void serve(struct world *w)
{
	switch (w->order.kind) {
	case WATCH_ORDER_LIST:
		do_list(w);
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
	case WATCH_ORDER_STATUS:
		do_status(w);
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
		sync_view(w, below(w, 2), true);
		over(w, IMAP_COMMAND_IDLE, true);
		break;
	case WATCH_ORDER_LOGOUT:
		break;
	}
}

/* ---- the driver ---- */

static void connect_anew(struct world *w)
{
	for (unsigned i = 0; i < FOLDERS; i++) {
		const struct watch_folder_known k = {
			.folder = w->row[i].id,
			.raw = text_of(raws[i]),
			.name = text_of(raws[i]),
			.role = i ? IMAP_ROLE_JUNK : IMAP_ROLE_INBOX,
			.uidvalidity = w->row[i].uidvalidity,
			.uid_gated = w->row[i].uid_gated,
			.uid_ingested = w->row[i].uid_ingested,
		};

		if (w->row[i].is_there)
			watch_know(&w->w, &k);
	}
	w->is_busy = w->is_idling = w->has_start = false;
	w->open = FOLDERS;
	w->work = WORK_NONE;
	watch_ready(&w->w, w->has_idle ? IMAP_CAP(IDLE) : 0, w->now_ms);
}

static void cut(struct world *w)
{
	watch_unready(&w->w);
	connect_anew(w);
}

/* Everything that was there before the instant is durable, unless it vanished before anybody could
 * see it. */
static void check_proof(struct world *w, unsigned f, int64_t us)
{
	for (size_t i = 0; i < w->n_mails; i++) {
		const struct mail *m = &w->mails[i];

		if (m->folder == f && m->came_us < us && !m->is_gone &&
		    m->came_us >= w->now_us - 13 * DAY_US)
			must(w, m->is_durable);
	}
	w->proofs++;
	if (us > w->proven_us[f])
		w->proven_us[f] = us;
}

static void check_watermark(struct world *w, unsigned f)
{
	for (size_t i = 0; i < w->n_mails; i++) {
		const struct mail *m = &w->mails[i];

		if (m->folder == f && m->uid <= w->row[f].uid_gated && !m->is_gone &&
		    m->came_us >= w->now_us - 13 * DAY_US)
			must(w, m->is_durable);
	}
}

static void gate(struct world *w)
{
	unsigned f = folder_of(w, w->batch.folder);

	for (size_t i = 0; i < w->n_mails; i++)
		if (w->mails[i].is_told && w->mails[i].folder == f)
			w->mails[i].is_durable = true;
	if (w->batch.purpose == WATCH_ARRIVED) {
		must(w, w->batch.uid_to >= w->row[f].uid_gated);
		w->row[f].uid_gated = w->batch.uid_to;
		check_watermark(w, f);
		if (w->batch.proof_us != INT64_MIN)
			check_proof(w, f, w->batch.proof_us);
	}
	watch_gated(&w->w);
	w->work = WORK_GATED;
}

static void worked(struct world *w)
{
	unsigned f = folder_of(w, w->batch.folder);

	if (w->batch.purpose == WATCH_ARRIVED)
		w->row[f].uid_ingested = w->row[f].uid_gated;
	watch_worked(&w->w);
	w->work = WORK_NONE;
}

static void write_row(struct world *w)
{
	unsigned f = folder_of(w, w->start.folder);

	if (!w->row[f].is_there || w->row[f].uidvalidity != w->start.uidvalidity ||
	    w->row[f].uid_gated > w->start.uid_end)
		w->row[f].uid_gated = w->row[f].uid_ingested = w->start.uid_before;
	w->row[f].is_there = true;
	w->row[f].uidvalidity = w->start.uidvalidity;
	snprintf(w->row[f].id, sizeof(w->row[f].id), "folder-%u", f);
	w->has_start = false;
	watch_started(&w->w, w->row[f].id, w->row[f].uid_gated, w->row[f].uid_ingested);
}

static void take_facts(struct world *w)
{
	struct watch_proof p;

	if (w->work == WORK_NONE && watch_take_batch(&w->w, &w->batch))
		w->work = WORK_BATCH;
	if (watch_take_start(&w->w, &w->start))
		w->has_start = true;
	while (watch_take_proof(&w->w, &p))
		check_proof(w, folder_of(w, p.folder), p.proof_us);
}

static void drive(struct world *w)
{
	struct watch_order o;

	take_facts(w);
	if (w->is_busy && !w->is_idling)
		return;
	if (!watch_next(&w->w, w->now_ms, w->now_us, &o))
		return;
	must(w, !w->is_busy || o.kind == WATCH_ORDER_END_IDLE);
	must(w, o.kind != WATCH_ORDER_FETCH || o.uid_from <= o.uid_to);
	w->order = o;
	w->is_busy = true;
	w->is_idling = false;
}

/* ---- the play ---- */

static void new_uidvalidity(struct world *w, unsigned f)
{
	w->uidvalidity[f]++;
	w->uidnext[f] = 1;
	for (size_t i = 0; i < w->n_mails; i++) {
		if (w->mails[i].folder != f || w->mails[i].is_gone)
			continue;
		w->mails[i].uid = w->uidnext[f]++;
	}
	cut(w); /* RFC 3501 section 2.3.1.1: never within a session */
}

/* Somebody removes the folder for junk with all that is in it, or the first mail for it makes it
 * anew. */
static void junk_goes_or_comes(struct world *w)
{
	if (w->open == 1)
		return; /* what a server does with it then is its own affair */
	w->has_junk = !w->has_junk;
	for (size_t i = 0; i < w->n_mails; i++)
		w->mails[i].is_gone |= w->mails[i].folder == 1;
	w->uidvalidity[1]++;
	w->uidnext[1] = 1;
}

static void step(struct world *w, bool is_quiet)
{
	uint64_t what = below(w, 100);

	pass_time(w, below(w, 30));
	if (what < 12 && !is_quiet)
		arrive(w, below(w, 4) == 0, w->now_us);
	else if (what < 14 && !is_quiet)
		for (uint64_t n = below(w, 120); n > 0; n--)
			arrive(w, below(w, 4) == 0, w->now_us);
	else if (what < 18 && !is_quiet && w->n_mails)
		w->mails[below(w, w->n_mails)].is_gone = true;
	else if (what == 18 && !is_quiet && below(w, 4) == 0)
		cut(w);
	else if (what == 19 && w->junk_goes && below(w, 10) == 0 && !is_quiet)
		junk_goes_or_comes(w);
	else if (what == 19 && !is_quiet && below(w, 20) == 0)
		new_uidvalidity(w, (unsigned)below(w, 2));
	else if (what < 25)
		pass_time(w, below(w, 8000));
	else if (what < 45 && w->is_idling)
		sync_view(w, below(w, 2), below(w, 2));
	else if (what < 70 && w->is_busy && !w->is_idling)
		serve(w);
	else if (what < 78 && w->work == WORK_BATCH)
		gate(w);
	else if (what < 86 && w->work == WORK_GATED)
		worked(w);
	else if (what < 90 && w->has_start)
		write_row(w);
	else
		drive(w);
}

static void play(unsigned seed, bool has_idle, bool has_uidnext, bool junk_goes)
{
	static struct world w;
	const struct watch_params p = {
		.lookback_s = 14 * 86400, .proof_ms = PROOF, .poll_ms = PROOF, .keep_ms = 60000
	};
	unsigned missing = 0;

	memset(&w, 0, sizeof(w));
	w.seed = seed;
	w.has_idle = has_idle;
	w.has_uidnext = has_uidnext;
	w.has_junk = true;
	w.junk_goes = junk_goes;
	w.now_ms = 1000;
	w.now_us = INT64_C(1700000000) * 1000000;
	rand_gen_seed(&w.g, seed + 1);
	watch_init(&w.w, &p);
	for (unsigned f = 0; f < FOLDERS; f++) {
		w.uidnext[f] = 1 + (uint32_t)below(&w, 3000);
		w.uidvalidity[f] = 7 + f;
	}
	for (uint64_t n = below(&w, 300); n > 0;
	     n--) /* what was there before: half of it older than the lookback */
		arrive(&w, below(&w, 2) != 0, w.now_us - (n > 100 ? 30 : 10) * DAY_US);
	connect_anew(&w);
	for (unsigned i = 0; i < STEPS; i++)
		step(&w, false);
	if (!w.has_junk)
		junk_goes_or_comes(&w);
	for (unsigned i = 0; i < 4 * STEPS; i++)
		step(&w, true);
	for (size_t i = 0; i < w.n_mails; i++)
		missing += !w.mails[i].is_durable && !w.mails[i].is_gone &&
			   w.mails[i].came_us > w.now_us - 13 * DAY_US;
	must(&w, missing == 0);
	must(&w, watch_is_live(&w.w));
	must(&w, w.proofs > 10);
	must(&w, w.now_us - w.proven_us[0] < 4 * PROOF * INT64_C(1000));
	must(&w, w.now_us - w.proven_us[1] < 4 * PROOF * INT64_C(1000));
	watch_clear(&w.w);
}

static void nothing_is_passed_over(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 60; seed++)
		play(seed, true, true, false);
}

static void nor_without_idle(void **state)
{
	(void)state;
	for (unsigned seed = 1000; seed < 1020; seed++)
		play(seed, false, true, false);
}

/* RFC 3501 section 6.3.1: "if this is missing, the client can not make any assumptions". */
static void nor_without_uidnext(void **state)
{
	(void)state;
	for (unsigned seed = 2000; seed < 2020; seed++)
		play(seed, seed % 2, false, false);
}

static void nor_in_a_folder_that_comes_and_goes(void **state)
{
	(void)state;
	for (unsigned seed = 3000; seed < 3020; seed++)
		play(seed, true, true, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_passed_over),
		cmocka_unit_test(nor_without_idle),
		cmocka_unit_test(nor_without_uidnext),
		cmocka_unit_test(nor_in_a_folder_that_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
