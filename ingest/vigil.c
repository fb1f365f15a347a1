#include "ingest/vigil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/ledger.h"

static void on_ledger(void *owner);
static void on_intake(void *owner);

#define POLL_MS 30000  /* where the server has no IDLE */
#define KEEP_MS 120000 /* no command for so long while mails are worked on: NOOP */

struct vigil {
	struct vigil_params p;
	struct watch watch;
	struct backlog backlog;
	struct ledger ledger;
	struct imap_session *session; /* NULL: none is ready */
	struct intake *intake;        /* the batch that is filled or worked on */
	struct intake *gone;          /* a message whose mail is gone */
	enum { VIGIL_FILL_EMPTY, VIGIL_FILL_WHOLE, VIGIL_FILL_TOO_MANY } fill;
	enum { VIGIL_PART_NONE, VIGIL_PART_ASKED, VIGIL_PART_CAME } part;
	unsigned skipped;  /* of the watcher's, told so far */
	uint32_t part_uid; /* a mail whose part the server would not give */
	unsigned part_tries;
	uint64_t part_since_ms;
	bool is_gap_open;
	enum vigil_trouble trouble;
	struct imap_verdict verdict;
	char gone_message[FOLDER_UUID];
};

struct vigil *vigil_open(const struct vigil_params *p)
{
	struct vigil *v = mem_new(sizeof(*v));
	const struct provider_row *row = p->provider ? p->provider : provider_find(TEXT("generic"));
	const struct watch_params wp = {
		.lookback_s = (int64_t)(p->lookback_ms / 1000),
		.proof_ms = p->proof_ms ? p->proof_ms : row->proof_s * UINT64_C(1000),
		.poll_ms = POLL_MS,
		.keep_ms = KEEP_MS,
	};

	v->p = *p;
	watch_init(&v->watch, &wp);
	backlog_init(&v->backlog);
	const struct ledger_params lp = {
		.pg = p->pg,
		.log = p->log,
		.lease = p->lease,
		.watch = &v->watch,
		.backlog = &v->backlog,
		.owner = v,
		.on_step = on_ledger,
	};

	ledger_init(&v->ledger, &lp);
	return v;
}

void vigil_drop(struct vigil *v)
{
	if (!v)
		return;
	vigil_end(v);
	ledger_clear(&v->ledger);
	watch_clear(&v->watch);
	backlog_clear(&v->backlog);
	free(v);
}

int vigil_load(struct vigil *v)
{
	v->trouble = VIGIL_SOUND;
	return ledger_load(&v->ledger);
}

bool vigil_is_loading(const struct vigil *v)
{
	return v->ledger.load.tx.state != PG_TX_IDLE;
}

bool vigil_is_loaded(const struct vigil *v)
{
	return v->ledger.is_loaded;
}

static void on_ledger(void *owner)
{
	struct vigil *v = owner;

	if (v->ledger.is_fenced)
		v->trouble = VIGIL_FENCED;
	v->p.on_step(v->p.owner);
}

void vigil_recheck(struct vigil *v, const char *folder, int64_t uidvalidity, int64_t uid)
{
	/* Refusals need no care: too many are told again, the look back finds unknown ones. */
	(void)watch_again(&v->watch, folder, (uint32_t)uidvalidity, (uint32_t)uid);
}

/* Messages left half done are looked at again. */
static void feed_backlog(struct vigil *v)
{
	for (size_t i = 0; i < v->backlog.n; i++)
		(void)watch_again(&v->watch, v->backlog.at[i].folder,
				  (uint32_t)v->backlog.at[i].uidvalidity,
				  (uint32_t)v->backlog.at[i].uid);
}

/* ---- begin and end ---- */

void vigil_begin(struct vigil *v, struct imap_session *s, uint64_t caps, uint64_t now_ms)
{
	v->session = s;
	v->trouble = VIGIL_SOUND;
	v->part = VIGIL_PART_NONE;
	watch_ready(&v->watch, caps, now_ms);
	feed_backlog(v);
}

void vigil_end(struct vigil *v)
{
	v->session = NULL;
	intake_drop(v->intake);
	intake_drop(v->gone);
	v->intake = v->gone = NULL;
	v->fill = VIGIL_FILL_EMPTY;
	ledger_end(&v->ledger);
	watch_unready(&v->watch);
}

void vigil_leave(struct vigil *v)
{
	watch_leave(&v->watch);
}

bool vigil_is_quiet(const struct vigil *v)
{
	return v->trouble == VIGIL_SOUND && !v->intake && !v->gone && v->part == VIGIL_PART_NONE &&
	       watch_is_quiet(&v->watch);
}

void vigil_move(struct vigil *v, struct imap_session *s, uint64_t caps, uint64_t now_ms)
{
	v->session = s;
	watch_ready(&v->watch, caps, now_ms);
	feed_backlog(v);
}

void vigil_probe(struct vigil *v)
{
	watch_probe(&v->watch);
}

int64_t vigil_proven_us(const struct vigil *v)
{
	return watch_proven_us(&v->watch);
}

void vigil_gap_open(struct vigil *v)
{
	v->is_gap_open = true;
}

bool vigil_progress(const struct vigil *v, char ret[VIGIL_PROGRESS])
{
	(void)v;
	ret[0] = '\0';
	return false;
}

bool vigil_take_note(struct vigil *v, const char **ret_code, char ret_words[VIGIL_NOTE])
{
	(void)v;
	*ret_code = NULL;
	ret_words[0] = '\0';
	return false;
}

/* ---- batches ---- */

static struct intake *new_intake(struct vigil *v)
{
	const struct intake_params p = {
		.pg = v->p.pg,
		.log = v->p.log,
		.lease = v->p.lease,
		.address = v->p.address,
		.key = v->p.key,
		.text_max = v->p.text_max,
		.rand = v->p.rand,
		.owner = v,
		.on_step = on_intake,
	};

	return intake_open(&p);
}

static void on_intake(void *owner)
{
	struct vigil *v = owner;

	v->p.on_step(v->p.owner);
}

static void heard_message(struct vigil *v, const struct imap_message *told, int64_t now_us)
{
	/* Flags that changed while we fetched parts are no mail that was asked for. */
	if (v->watch.state != WATCH_STATE_FETCHING)
		return;
	if (!v->intake) {
		v->intake = new_intake(v);
		v->fill = VIGIL_FILL_WHOLE;
	}
	if (!intake_told(v->intake, told, now_us))
		v->fill = VIGIL_FILL_TOO_MANY;
}

static void drop_intake(struct vigil *v)
{
	intake_drop(v->intake);
	v->intake = NULL;
	v->fill = VIGIL_FILL_EMPTY;
}

static void begin_batch(struct vigil *v, const struct watch_batch *b)
{
	const struct watch_folder *f = &v->watch.folders.at[b->folder];
	const struct folder_pending *p = NULL;
	struct intake_batch batch = {
		.folder_role = watch_folder_role_name(f->role),
		.uidvalidity = f->uidvalidity,
		.uid_to = b->purpose == WATCH_ARRIVED ? b->uid_to : 0,
		.proof_us = b->proof_us,
		.noticed_us = b->noticed_us,
		.holds_back = backlog_has(&v->backlog, f->folder),
	};

	(void)snprintf(batch.folder, sizeof(batch.folder), "%s", f->folder);
	if (!v->intake)
		v->intake = new_intake(v);
	if (b->purpose == WATCH_AGAIN) {
		p = backlog_find(&v->backlog, f->folder, f->uidvalidity, b->uid_to);
		batch.is_again = true;
		batch.again_uid = b->uid_to;
		batch.is_recovered = !p || p->recovered;
		batch.noticed_us = p ? p->detected_at_us : INT64_MIN;
		if (p && !b->count)
			intake_gone(v->intake, p);
	}
	if (batch.holds_back)
		ledger_lags(&v->ledger, b->folder);
	intake_run(v->intake, &batch);
}

static void take_batch(struct vigil *v, uint64_t now_ms)
{
	struct watch_batch b;

	while (watch_take_batch(&v->watch, &b)) {
		bool is_whole = !v->intake || intake_is_whole(v->intake);
		bool is_too_much = v->fill == VIGIL_FILL_TOO_MANY;

		if (is_whole && !is_too_much) {
			begin_batch(v, &b);
			return;
		}
		drop_intake(v);
		if (is_too_much)
			watch_refetch(&v->watch);
		else
			watch_refuse(&v->watch, now_ms);
	}
}

/* The message that this mail had left is settled. */
static void settled_again(struct vigil *v)
{
	const struct watch_batch *b = &v->watch.batch;
	const struct watch_folder *f = &v->watch.folders.at[b->folder];
	const struct folder_pending *p =
		backlog_find(&v->backlog, f->folder, f->uidvalidity, b->uid_to);

	if (b->purpose != WATCH_AGAIN || !p)
		return;
	backlog_remove(&v->backlog, p);
	ledger_lags(&v->ledger, b->folder);
}

static bool check(struct vigil *v, const struct intake *in)
{
	if (intake_is_fenced(in))
		v->trouble = VIGIL_FENCED;
	else if (intake_is_stale(in))
		v->trouble = VIGIL_STALE;
	return v->trouble == VIGIL_SOUND;
}

static void look_at_intake(struct vigil *v)
{
	if (!v->intake || v->watch.work == WATCH_WORK_NONE || !check(v, v->intake))
		return;
	if (intake_is_gated(v->intake))
		watch_gated(&v->watch);
	if (!intake_is_over(v->intake))
		return;
	watch_gated(&v->watch);
	watch_worked(&v->watch);
	settled_again(v);
	drop_intake(v);
	feed_backlog(v);
}

/* ---- messages whose mail is gone ---- */

/* It was under a UIDVALIDITY, or in a folder, that is no more; the look back has not settled it. */
static const struct folder_pending *orphan(const struct vigil *v)
{
	for (size_t i = 0; i < v->backlog.n; i++) {
		const struct folder_pending *p = &v->backlog.at[i];
		unsigned at = watch_folder_find(&v->watch.folders, p->folder);

		if (at == WATCH_FOLDERS || !v->watch.folders.at[at].is_here ||
		    v->watch.folders.at[at].uidvalidity != p->uidvalidity)
			return p;
	}
	return NULL;
}

static void gone_is_settled(struct vigil *v)
{
	for (size_t i = 0; i < v->backlog.n; i++) {
		unsigned at = watch_folder_find(&v->watch.folders, v->backlog.at[i].folder);

		if (strcmp(v->backlog.at[i].message, v->gone_message) != 0)
			continue;
		backlog_remove(&v->backlog, &v->backlog.at[i]);
		if (at != WATCH_FOLDERS)
			ledger_lags(&v->ledger, at);
		return;
	}
}

static void look_at_gone(struct vigil *v)
{
	const struct folder_pending *p;
	struct intake_batch batch = { .proof_us = INT64_MIN,
				      .noticed_us = INT64_MIN,
				      .is_again = true };

	if (v->gone && (!check(v, v->gone) || !intake_is_over(v->gone)))
		return;
	if (v->gone) {
		intake_drop(v->gone);
		v->gone = NULL;
		gone_is_settled(v);
	}
	p = watch_is_live(&v->watch) ? orphan(v) : NULL;
	if (!p)
		return;
	(void)snprintf(batch.folder, sizeof(batch.folder), "%s", p->folder);
	(void)snprintf(v->gone_message, sizeof(v->gone_message), "%s", p->message);
	batch.folder_role = watch_folder_role_name(watch_folder_role_of(p->role));
	batch.uidvalidity = p->uidvalidity;
	batch.again_uid = p->uid;
	v->gone = new_intake(v);
	intake_gone(v->gone, p);
	intake_run(v->gone, &batch);
}

bool vigil_has_proofs(const struct vigil *v)
{
	return ledger_has_proof(&v->ledger);
}

size_t vigil_take_proofs(struct vigil *v, struct folder_proof *ret, size_t max)
{
	return max > 0 && ledger_take_proof(&v->ledger, ret);
}

/* ---- commands ---- */

/*
 * What a refused command means here.  A server that cannot do one thing is
 * lived with; one that is throttled, sends us away, or does not understand us
 * when it matters, is left.
 */
static bool ends_session(const struct imap_verdict *v, enum imap_command command)
{
	bool matters = command == IMAP_COMMAND_EXAMINE || command == IMAP_COMMAND_FETCH_HEADERS;

	switch (v->remedy) {
	case IMAP_REMEDY_NONE:
	case IMAP_REMEDY_SKIP:
		return false;
	case IMAP_REMEDY_OURS:
		return matters;
	case IMAP_REMEDY_RETRY:
	case IMAP_REMEDY_WAIT:
	case IMAP_REMEDY_FRESH_TOKEN:
	case IMAP_REMEDY_USER:
	case IMAP_REMEDY_ADMIN:
		return true;
	}
	return true;
}

static void refused(struct vigil *v, const struct imap_verdict *verdict)
{
	v->verdict = *verdict;
	v->trouble = VIGIL_REFUSED;
}

/*
 * A part was refused: asked for again in other sessions, as headers are.  What was
 * said can be done without, since the gates are closed; not so, whether the mail
 * concerns anybody.
 */
static bool is_given_up(struct vigil *v, uint64_t now_ms)
{
	struct intake_want want;

	if (!intake_wants(v->intake, &want))
		return true;
	if (v->part_uid != want.uid) {
		v->part_tries = 0;
		v->part_since_ms = now_ms;
	}
	v->part_uid = want.uid;
	return ++v->part_tries >= WATCH_TRIES &&
	       (!want.decides || now_ms - v->part_since_ms >= WATCH_GIVE_UP_MS);
}

static void heard_part_done(struct vigil *v, const struct imap_event *ev, uint64_t now_ms)
{
	const struct imap_verdict odd = {
		outcome_of(BLAME_PEER, "a part was not understood", TEXT("")), IMAP_REMEDY_SKIP, 0
	};
	bool came = v->part == VIGIL_PART_CAME;
	bool is_ok = outcome_ok(&ev->done.verdict->outcome);

	v->part = VIGIL_PART_NONE;
	if (came || !v->intake)
		return;
	if ((!is_ok || ev->done.lost) && !is_given_up(v, now_ms)) {
		refused(v, is_ok ? &odd : ev->done.verdict);
		return;
	}
	if (!is_ok || ev->done.lost)
		log_error(v->p.log, "imap.part_skipped", "uid=%u why=%s", v->part_uid,
			  "the server does not give it");
	intake_part_gone(v->intake);
}

void vigil_heard(struct vigil *v, const struct imap_event *ev, uint64_t now_ms, int64_t now_us)
{
	if (ev->kind == IMAP_EV_MESSAGE)
		heard_message(v, &ev->message, now_us);
	if (ev->kind == IMAP_EV_PART && v->intake && v->part == VIGIL_PART_ASKED) {
		v->part = VIGIL_PART_CAME;
		if (ev->part.is_nil)
			intake_part_gone(v->intake);
		else
			intake_part(v->intake, ev->part.uid, ev->part.section, ev->part.data);
	}
	if (ev->kind == IMAP_EV_DONE && ends_session(ev->done.verdict, ev->done.command))
		refused(v, ev->done.verdict);
	watch_heard(&v->watch, ev, now_ms, now_us);
	/* What ends the session says nothing about the mail: it is asked for in the next one. */
	if (ev->kind != IMAP_EV_DONE || v->trouble != VIGIL_SOUND)
		return;
	if (ev->done.command == IMAP_COMMAND_FETCH_PART)
		heard_part_done(v, ev, now_ms);
	else if (ev->done.command == IMAP_COMMAND_FETCH_HEADERS && v->watch.work == WATCH_WORK_NONE)
		drop_intake(v); /* the watcher makes nothing of it: refused, or nothing there */
}

static int carry_out(struct vigil *v, const struct watch_order *o, uint64_t now_ms)
{
	struct text raw = o->folder < WATCH_FOLDERS && v->watch.folders.at[o->folder].raw
				  ? text_of(v->watch.folders.at[o->folder].raw)
				  : TEXT("");

	switch (o->kind) {
	case WATCH_ORDER_LIST:
		return imap_session_list(v->session, now_ms);
	case WATCH_ORDER_EXAMINE:
		return imap_session_examine(v->session, raw, /* known= */ NULL, now_ms);
	case WATCH_ORDER_SEARCH:
		return imap_session_search_since(v->session, o->since_unix_s, now_ms);
	case WATCH_ORDER_FETCH:
		return imap_session_fetch_headers(v->session, o->uid_from, o->uid_to, now_ms);
	case WATCH_ORDER_STATUS:
		return imap_session_status(v->session, raw, now_ms);
	case WATCH_ORDER_NOOP:
		return imap_session_noop(v->session, now_ms);
	case WATCH_ORDER_IDLE:
		return imap_session_idle(v->session, now_ms);
	case WATCH_ORDER_END_IDLE:
		return imap_session_end_idle(v->session, now_ms);
	case WATCH_ORDER_LOGOUT:
		return imap_session_logout(v->session, now_ms);
	}
	return 0;
}

static void next_command(struct vigil *v, uint64_t now_ms, int64_t now_us)
{
	struct intake_want want;
	struct watch_order o;
	int r = 0;

	if (v->part != VIGIL_PART_NONE)
		return;
	if (v->intake && v->watch.state == WATCH_STATE_FREE && intake_wants(v->intake, &want)) {
		r = imap_session_fetch_part(v->session, want.uid, want.section, want.max_bytes,
					    now_ms);
		v->part = r ? VIGIL_PART_NONE : VIGIL_PART_ASKED;
		if (r)
			intake_part_gone(v->intake);
		return;
	}
	if (watch_next(&v->watch, now_ms, now_us, &o))
		r = carry_out(v, &o, now_ms);
	if (r) {
		struct imap_verdict verdict = { outcome_of(BLAME_US, watch_order_name(o.kind),
							   text_of(strerror(-r))),
						IMAP_REMEDY_OURS, 0 };

		refused(v, &verdict);
	}
}

void vigil_act(struct vigil *v, uint64_t now_ms, int64_t now_us)
{
	if (v->intake)
		intake_tick(v->intake, now_ms);
	if (v->gone)
		intake_tick(v->gone, now_ms);
	if (!v->session || v->trouble != VIGIL_SOUND)
		return;
	take_batch(v, now_ms);
	look_at_intake(v);
	look_at_gone(v);
	ledger_act(&v->ledger, now_ms);
	if (v->watch.skipped != v->skipped) {
		v->skipped = v->watch.skipped;
		log_error(v->p.log, "imap.mail_skipped", "uid=%u why=%s", v->watch.bad_uid,
			  "the server does not give it");
	}
	if (v->watch.stuck && v->trouble == VIGIL_SOUND) {
		struct imap_verdict verdict = { outcome_of(BLAME_REFUSED, v->watch.stuck, TEXT("")),
						IMAP_REMEDY_SKIP, 0 };

		refused(v, &verdict);
	}
	if (v->trouble == VIGIL_SOUND)
		next_command(v, now_ms, now_us);
}

uint64_t vigil_deadline(const struct vigil *v)
{
	uint64_t at = ledger_deadline(&v->ledger), other;

	if (v->intake && (other = intake_deadline(v->intake)) < at)
		at = other;
	if (v->gone && (other = intake_deadline(v->gone)) < at)
		at = other;
	if (v->session && v->part == VIGIL_PART_NONE && (other = watch_deadline(&v->watch)) < at)
		at = other;
	return at;
}

enum vigil_trouble vigil_trouble(const struct vigil *v)
{
	return v->trouble;
}

const struct imap_verdict *vigil_verdict(const struct vigil *v)
{
	return &v->verdict;
}

bool vigil_is_live(const struct vigil *v)
{
	return v->session && watch_is_live(&v->watch);
}

const char *vigil_waiting_for(const struct vigil *v)
{
	if (v->intake && v->watch.work != WATCH_WORK_NONE)
		return intake_waiting_for(v->intake);
	return watch_state_words(&v->watch);
}
