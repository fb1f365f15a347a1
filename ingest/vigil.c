#include "ingest/vigil_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/vigil_note.h"

static void on_ledger(void *owner);

#define POLL_MS 30000  /* where the server has no IDLE */
#define KEEP_MS 120000 /* no command for so long while mails are worked on: NOOP */

struct vigil *vigil_open(const struct vigil_params *p)
{
	struct vigil *v = mem_new(sizeof(*v));
	const struct provider_row *row = p->provider ? p->provider : provider_find(TEXT("generic"));
	const struct watch_params wp = {
		.lookback_s = (int64_t)(p->lookback_ms / 1000),
		.proof_ms = p->proof_ms ? p->proof_ms : row->proof_s * UINT64_C(1000),
		.sweep_ms = p->sweep_ms ? p->sweep_ms : row->sweep_s * UINT64_C(1000),
		.poll_ms = POLL_MS,
		.keep_ms = KEEP_MS,
		.watches_all = row->watches_all,
	};

	v->p = *p;
	watch_init(&v->watch, &wp);
	backlog_init(&v->backlog);
	const struct ledger_params lp = {
		.pg = p->pg,
		.gather = p->gather,
		.log = p->log,
		.lease = &v->p.lease,
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
	free(v->verdict);
	free(v->deadly);
	free(v);
}

int vigil_load(struct vigil *v)
{
	v->trouble = VIGIL_SOUND;
	return ledger_load(&v->ledger);
}

bool vigil_go_on(struct vigil *v, int64_t now_us)
{
	if (!ledger_go_on(&v->ledger, now_us))
		return false;
	v->trouble = VIGIL_SOUND;
	return true;
}

bool vigil_is_loading(const struct vigil *v)
{
	return ledger_is_loading(&v->ledger);
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
	if (!v->ledger.is_loaded)
		return; /* it will be read with everything */
	/* Refusals need no care: too many are told again, the look back finds unknown ones.  But it
	 * may lie in a folder that is not watched. */
	(void)watch_again(&v->watch, folder, (uint32_t)uidvalidity, (uint32_t)uid);
	if (watch_folder_is_unknown(&v->watch.folders, folder))
		ledger_reload(&v->ledger, folder, clock_mono_ms());
}

/* ---- begin and end ---- */

void vigil_begin(struct vigil *v, struct imap_session *s, uint64_t caps, uint64_t now_ms)
{
	v->session = s;
	v->trouble = VIGIL_SOUND;
	v->part = VIGIL_PART_NONE;
	watch_ready(&v->watch, caps, now_ms, clock_unix_us());
	vigil_batch_feed(v);
}

/* Something is on its way to the rows, or half done, or the rows are not what we took them for. */
static bool is_uncertain(const struct vigil *v)
{
	return v->intake || v->gone || v->part != VIGIL_PART_NONE ||
	       v->watch.work != WATCH_WORK_NONE || v->backlog.n > 0 || v->trouble == VIGIL_FENCED ||
	       v->trouble == VIGIL_STALE;
}

void vigil_end(struct vigil *v)
{
	if (is_uncertain(v))
		ledger_doubt(&v->ledger);
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
	watch_move(&v->watch, caps, now_ms);
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
	ledger_gap_open(&v->ledger);
}

bool vigil_progress(const struct vigil *v, struct vigil_progress *ret)
{
	return v->session && vigil_note_progress(&v->watch, ret);
}

bool vigil_take_note(struct vigil *v, const char **ret_code, char ret_words[VIGIL_NOTE])
{
	struct watch_told told;

	if (v->n_deadly > 0)
		told = v->deadly[--v->n_deadly];
	else if (!watch_take_told(&v->watch, &told))
		return false;
	*ret_code = vigil_note_code(told.kind);
	vigil_note_words(&v->watch, &told, ret_words);
	log_warn(v->p.log, "imap.odd_mailbox", "what=%s role=%s uid=%u", *ret_code,
		 watch_folder_role_name(v->watch.folders.at[told.folder].role), told.uid);
	return true;
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
	if (!v->verdict)
		v->verdict = mem_new(sizeof(*v->verdict));
	*v->verdict = *verdict;
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
		vigil_batch_told(v, &ev->message, now_us);
	if (ev->kind == IMAP_EV_PART && v->intake && v->part == VIGIL_PART_ASKED) {
		v->part = VIGIL_PART_CAME;
		if (ev->part.is_nil)
			intake_part_gone(v->intake);
		else
			intake_part(v->intake, ev->part.uid, ev->part.section, ev->part.data);
	}
	if (ev->kind == IMAP_EV_DONE && ends_session(ev->done.verdict, ev->done.command))
		refused(v, ev->done.verdict);
	if (ev->kind == IMAP_EV_PROVEN &&
	    (!ev->proven.is_alive || ends_session(ev->proven.verdict, IMAP_COMMAND_PROOF)))
		refused(v, ev->proven.verdict);
	watch_heard(&v->watch, ev, now_ms, now_us);
	/* What ends the session says nothing about the mail: it is asked for in the next one. */
	if (ev->kind != IMAP_EV_DONE || v->trouble != VIGIL_SOUND)
		return;
	if (ev->done.command == IMAP_COMMAND_FETCH_PART)
		heard_part_done(v, ev, now_ms);
	else if (ev->done.command == IMAP_COMMAND_FETCH_HEADERS && v->watch.work == WATCH_WORK_NONE)
		vigil_batch_drop(
			v); /* the watcher makes nothing of it: refused, or nothing there */
}

/* Only a row whose mails have the names that it knows has a history to go on from (RFC 7162). */
static int examine(struct vigil *v, const struct watch_folder *f, uint64_t now_ms)
{
	const struct imap_known known = {
		.uidvalidity = f->uidvalidity,
		.uid_from = f->uid_gated < UINT32_MAX ? f->uid_gated + 1 : UINT32_MAX,
		.modseq = f->modseq,
	};
	bool is_known = f->uidvalidity && f->modseq;

	return imap_session_examine(v->session, text_of(f->raw), is_known ? &known : NULL, now_ms);
}

static int carry_out(struct vigil *v, const struct watch_order *o, uint64_t now_ms)
{
	switch (o->kind) {
	case WATCH_ORDER_LIST:
		return imap_session_list(v->session, now_ms);
	case WATCH_ORDER_LIST_STATUS:
		return imap_session_list_status(v->session, now_ms);
	case WATCH_ORDER_NOTIFY:
		return imap_session_notify(v->session, now_ms);
	case WATCH_ORDER_EXAMINE:
		return examine(v, &v->watch.folders.at[o->folder], now_ms);
	case WATCH_ORDER_SEARCH:
		return imap_session_search_since(v->session, o->since_unix_s, now_ms);
	case WATCH_ORDER_FETCH:
		return imap_session_fetch_headers(v->session, o->uid_from, o->uid_to, now_ms);
	case WATCH_ORDER_PROOF:
		return imap_session_proof(v->session, o->side, o->n_sides, now_ms);
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
	if (r == -EBUSY || r == -EOPNOTSUPP) {
		watch_cannot(&v->watch, &o, r == -EBUSY, now_ms);
	} else if (r) {
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
	vigil_batch_act(v, now_ms);
	ledger_act(&v->ledger, now_ms);
	if (v->trouble == VIGIL_SOUND && !v->watch.stuck)
		next_command(v, now_ms, now_us);
	if (v->watch.stuck && v->trouble == VIGIL_SOUND) {
		struct imap_verdict verdict = { outcome_of(BLAME_REFUSED, v->watch.stuck, TEXT("")),
						IMAP_REMEDY_SKIP, 0 };

		refused(v, &verdict);
	}
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
	return v->verdict;
}

bool vigil_is_live(const struct vigil *v)
{
	return v->session && watch_is_live(&v->watch);
}

bool vigil_has_opened(const struct vigil *v)
{
	return v->session && watch_has_opened(&v->watch);
}

const char *vigil_waiting_for(const struct vigil *v)
{
	if (v->intake && v->watch.work != WATCH_WORK_NONE)
		return intake_waiting_for(v->intake);
	return watch_state_words(&v->watch);
}
