#include "ingest/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/folder_row.h"
#include "ingest/ledger_rows.h"

static void on_ensured(struct folder_ensure *q);
static void on_marked(struct arrival_close *q);
static void on_gap(struct gap_close *q);
static void on_looked(struct folder_look *q);

#define RETRY_MS 500 /* of a transaction that failed */
#define NEVER    UINT64_MAX

struct ledger_ensure {
	struct folder_ensure q;
	struct ledger *ledger;
	enum watch_folder_by by; /* as the row is to say */
};
struct ledger_mark {
	struct arrival_close q;
	struct ledger *ledger;
};
struct ledger_gap {
	struct gap_close q;
	struct ledger *ledger;
};
struct ledger_look {
	struct folder_look q;
	struct ledger *ledger;
};

void ledger_init(struct ledger *l, const struct ledger_params *p)
{
	*l = (struct ledger){
		.p = *p, .retry_ms = NEVER, .blind_from_us = INT64_MIN, .told_us = INT64_MIN
	};
}

static void drop_ensure(struct ledger *l)
{
	if (l->ensure)
		folder_row_ensure_cancel(&l->ensure->q);
	free(l->ensure);
	l->ensure = NULL;
}

void ledger_doubt(struct ledger *l)
{
	l->is_doubtful = true;
}

void ledger_end(struct ledger *l)
{
	/* What was sent may be written or not, and nobody tells us any more. */
	if (l->ensure || l->gap)
		ledger_doubt(l);
	drop_ensure(l);
	l->retry_ms = NEVER;
	if (l->gap)
		pg_tx_cancel(&l->gap->q.tx);
	free(l->gap);
	l->gap = NULL;
	l->blind = LEDGER_BLIND_UNJUDGED;
}

void ledger_clear(struct ledger *l)
{
	ledger_end(l);
	ledger_rows_drop(l);
	if (l->mark)
		pg_tx_cancel(&l->mark->q.tx);
	if (l->look)
		folder_row_look_cancel(&l->look->q);
	free(l->mark);
	free(l->look);
	recall_clear(&l->recall);
	l->mark = NULL;
	l->look = NULL;
}

static void answered(struct ledger *l, bool fenced)
{
	l->is_fenced |= fenced;
	l->p.on_step(l->p.owner);
}

static void retry(struct ledger *l)
{
	uint64_t at = clock_mono_ms() + RETRY_MS;

	if (at < l->retry_ms)
		l->retry_ms = at;
}

/* ---- what is known from before ---- */

/* Nobody opens a gap before two proofs are missing. */
bool ledger_go_on(struct ledger *l, int64_t now_us)
{
	const struct watch *w = l->p.watch;
	int64_t certain_us = 2 * (int64_t)w->p.proof_ms * 1000;

	if (!l->is_loaded || l->is_doubtful || l->load || w->has_gap || l->p.backlog->n > 0 ||
	    l->told_us == INT64_MIN || now_us - l->told_us > certain_us)
		return false;
	l->blind_from_us = w->since_us;
	return true;
}

int ledger_load(struct ledger *l)
{
	l->is_loaded = false;
	backlog_clear(l->p.backlog);
	return ledger_rows_read(l, false);
}

bool ledger_is_loading(const struct ledger *l)
{
	return l->load != NULL;
}

void ledger_reload(struct ledger *l, const char *folder, uint64_t now_ms)
{
	/* Of the rest the worker tells again, and so does the backlog. */
	if (!l->load && watch_folder_has_place(&l->p.watch->folders) &&
	    recall_may(&l->recall, folder, now_ms))
		(void)ledger_rows_read(l, true);
}

/* ---- rows ---- */

/* At least so often it is looked at, as far as we know. */
static int64_t every_s(const struct ledger *l, enum watch_folder_by by)
{
	const struct watch_params *p = &l->p.watch->p;

	if (by == WATCH_FOLDER_UNSAID)
		return 0;
	return (int64_t)(((by == WATCH_FOLDER_SWEEP ? p->sweep_ms : p->proof_ms) + 999) / 1000);
}

static void start_ensure(struct ledger *l)
{
	const struct watch_folder *f = &l->p.watch->folders.at[l->start.folder];
	const struct folder_begin b = {
		.wire_name = f->raw,
		.name = f->name,
		.role = watch_folder_role_name(f->role),
		.seen_by = watch_folder_by_name(f->by),
		.seen_every_s = every_s(l, f->by),
		.uidvalidity = l->start.uidvalidity,
		.uid_before = l->start.uid_before,
		.uid_end = l->start.uid_end,
	};
	int r;

	drop_ensure(l);
	l->ensure = mem_new(sizeof(*l->ensure));
	l->ensure->ledger = l;
	l->ensure->by = f->by;
	r = folder_row_ensure_start(l->p.pg, l->p.gather, &l->ensure->q, l->p.lease, &b,
				    on_ensured);
	if (r) {
		drop_ensure(l);
		retry(l);
	}
}

static void take_start(struct ledger *l)
{
	bool is_new = watch_take_start(l->p.watch, &l->start);

	/* The one before failed: the watcher still waits for it. */
	if (is_new || (l->p.watch->work == WATCH_WORK_START && !l->ensure))
		start_ensure(l);
}

static void ensured(struct ledger *l, const struct ledger_ensure *e)
{
	struct watch_folder *f = &l->p.watch->folders.at[l->start.folder];

	watch_started(l->p.watch, e->q.folder, (uint32_t)e->q.uid_gated,
		      (uint32_t)e->q.uid_ingested);
	if (e->by != WATCH_FOLDER_UNSAID)
		f->row_by = e->by;
}

static void on_ensured(struct folder_ensure *q)
{
	struct ledger *l = container_of(q, struct ledger_ensure, q)->ledger;
	bool fenced = q->fenced;

	if (outcome_ok(&q->outcome))
		ensured(l, l->ensure);
	else
		retry(l);
	drop_ensure(l);
	answered(l, fenced);
}

/* The role that the row is to have: of a folder that the server has no more it would hold the
 * inbox's watermark for ever. */
static enum imap_role role_now(const struct watch_folder *f)
{
	if (f->is_there || !watch_folder_is_watched(f->row_role))
		return f->is_there ? f->role : f->row_role;
	return IMAP_ROLE_NONE;
}

/* LIST said other of it than the row does, or it is looked at in another way. */
static bool is_news(const struct watch_folder *f)
{
	return role_now(f) != f->row_role || (f->is_here && f->by != f->row_by);
}

/* When everything is proven, once per connection and folder: whatever is restored is older than
 * that. */
static bool is_counted_anew(const struct ledger *l, struct watch_folder *f)
{
	if (!watch_is_live(l->p.watch) || !f->is_proven || f->is_counted || f->modseq > INT64_MAX)
		return false;
	f->is_counted = true;
	return f->modseq != f->row_modseq;
}

static void adopt(struct ledger *l, struct watch_folder *f)
{
	bool is_swept = !watch_folder_is_watched(role_now(f));

	if (!f->is_there && watch_folder_is_watched(f->row_role))
		log_warn(l->p.log, "imap.folder_gone", "role=%s",
			 watch_folder_role_name(f->row_role));
	f->row_role = role_now(f);
	/* One that is gone is not looked at, as far as we know. */
	f->row_by = f->is_here ? (is_swept ? WATCH_FOLDER_SWEEP : f->by) : WATCH_FOLDER_UNSAID;
	f->by = f->row_by;
}

/* What is to be told of folders that have rows. */
static unsigned what_is_known(struct ledger *l, struct folder_known *ret)
{
	struct watch *w = l->p.watch;
	unsigned n = 0;

	for (unsigned i = 0; i < w->folders.n; i++) {
		struct watch_folder *f = &w->folders.at[i];
		bool is_moved = f->folder[0] && is_counted_anew(l, f);
		bool is_other = f->folder[0] && w->has_listed && is_news(f);

		if (is_other)
			adopt(l, f);
		if (is_moved)
			f->row_modseq = f->modseq;
		if (!is_other && !is_moved)
			continue;
		ret[n++] = (struct folder_known){
			.folder = f->folder,
			.role = watch_folder_role_name(f->row_role),
			.seen_by = watch_folder_by_name(f->row_by),
			.seen_every_s = every_s(l, f->row_by),
			.uidvalidity = f->uidvalidity,
			.highestmodseq = is_moved ? (int64_t)f->modseq : -1,
		};
	}
	return n;
}

/* One at a time; what fails is told again on the next connection. */
static void tell_known(struct ledger *l)
{
	struct folder_known known[WATCH_FOLDERS];
	unsigned n = l->look ? 0 : what_is_known(l, known);

	if (!n)
		return;
	l->look = mem_new(sizeof(*l->look));
	l->look->ledger = l;
	if (folder_row_look_start(l->p.pg, l->p.gather, &l->look->q, l->p.lease, known, n,
				  on_looked) == 0)
		return;
	ledger_doubt(l);
	free(l->look);
	l->look = NULL;
}

static void on_looked(struct folder_look *q)
{
	struct ledger *l = container_of(q, struct ledger_look, q)->ledger;
	bool fenced = q->fenced;

	if (!outcome_ok(&q->outcome))
		ledger_doubt(l);
	free(l->look);
	l->look = NULL;
	answered(l, fenced);
}

/* ---- what was left half done ---- */

static void start_mark(struct ledger *l, unsigned folder)
{
	struct watch_folder *f = &l->p.watch->folders.at[folder];
	uint32_t uid = watch_row_uid(l->p.watch, folder);
	const struct arrival_mark mark = {
		.folder = f->folder,
		.uidvalidity = f->uidvalidity,
		.uid_gated = uid,
		.uid_ingested = uid,
		.gated_at_us = INT64_MIN,
		.ingested_at_us = INT64_MIN,
	};

	/* What fails is written with the next batch of the folder. */
	f->is_lagging = false;
	f->uid_ingested = uid;
	l->mark = mem_new(sizeof(*l->mark));
	l->mark->ledger = l;
	if (arrival_close_start(l->p.pg, &l->mark->q, l->p.lease, f->folder, f->uidvalidity, NULL,
				0, &mark, NULL, on_marked) == 0)
		return;
	free(l->mark);
	l->mark = NULL;
}

/* Nothing is under way and nothing is left half done: what is gated is ingested, in whichever
 * session it was. */
static void catch_up(struct ledger *l)
{
	const struct watch *w = l->p.watch;

	if (l->mark || w->work != WATCH_WORK_NONE)
		return;
	for (unsigned i = 0; i < w->folders.n; i++) {
		const struct watch_folder *f = &w->folders.at[i];

		if (!f->folder[0] || !f->is_here || !f->uidvalidity)
			continue;
		if ((f->is_lagging || f->uid_ingested < watch_row_uid(w, i)) &&
		    !backlog_has(l->p.backlog, f->folder)) {
			start_mark(l, i);
			return;
		}
	}
}

static void on_marked(struct arrival_close *q)
{
	struct ledger *l = container_of(q, struct ledger_mark, q)->ledger;
	bool fenced = q->fenced;

	if (!outcome_ok(&q->outcome))
		ledger_doubt(l);
	free(l->mark);
	l->mark = NULL;
	answered(l, fenced);
}

/* ---- blind time ---- */

static void start_gap(struct ledger *l)
{
	const struct watch *w = l->p.watch;
	int64_t to_us = watch_proven_us(w);
	const struct gap_facts facts = {
		.blind_from_us = l->blind_from_us == INT64_MIN ? to_us : l->blind_from_us,
		.blind_to_us = to_us,
		.replayed = w->gap.replayed,
		.vanished = w->gap.vanished,
		.skipped = w->gap.skipped,
		.verified = !w->gap.is_unsure && !w->gap.skipped,
		.tolerated_ms = (int64_t)watch_tolerated_ms(w),
		/* rotation knows better, if it was there */
		.cause = l->was_whole ? "network" : "worker_gone",
	};

	l->gap = mem_new(sizeof(*l->gap));
	l->gap->ledger = l;
	l->blind = LEDGER_BLIND_CLOSING;
	if (gap_close_start(l->p.pg, &l->gap->q, l->p.lease, &facts, on_gap) == 0)
		return;
	free(l->gap);
	l->gap = NULL;
	retry(l);
}

/* Everything is seen again: was it long? */
static void judge_blind(struct ledger *l)
{
	const struct watch *w = l->p.watch;
	int64_t tolerated_us = (int64_t)watch_tolerated_ms(w) * 1000;
	bool was_seen = l->blind_from_us != INT64_MIN;

	if (l->gap || l->blind == LEDGER_BLIND_OVER || !watch_is_whole(w) ||
	    watch_proven_us(w) == INT64_MIN)
		return;
	if (w->has_gap || l->blind == LEDGER_BLIND_CLOSING ||
	    (was_seen && watch_proven_us(w) - l->blind_from_us > tolerated_us))
		start_gap(l);
	else
		l->blind = LEDGER_BLIND_OVER;
	l->was_whole = true;
}

static void on_gap(struct gap_close *q)
{
	struct ledger *l = container_of(q, struct ledger_gap, q)->ledger;
	bool fenced = q->fenced;

	if (outcome_ok(&q->outcome)) {
		l->blind = LEDGER_BLIND_OVER;
		l->p.watch->has_gap = false;
		if (q->was_gap)
			log_info(l->p.log, "imap.gap_closed", "replayed=%u vanished=%u skipped=%u",
				 l->p.watch->gap.replayed, l->p.watch->gap.vanished,
				 l->p.watch->gap.skipped);
	} else {
		retry(l);
	}
	free(l->gap);
	l->gap = NULL;
	answered(l, fenced);
}

void ledger_gap_open(struct ledger *l)
{
	if (l->gap)
		return; /* it is being closed */
	l->p.watch->has_gap = true;
	if (l->blind != LEDGER_BLIND_OVER)
		return; /* it will be judged with everything */
	/* All was seen meanwhile, in a session that is proven: nothing is made up. */
	l->p.watch->gap = (struct watch_gap){ 0 };
	l->blind_from_us = INT64_MIN;
	l->blind = LEDGER_BLIND_UNJUDGED;
}

/* ---- proofs ---- */

bool ledger_has_proof(const struct ledger *l)
{
	return watch_is_live(l->p.watch) && watch_proven_us(l->p.watch) > l->told_us;
}

static bool has_backlog(const struct ledger *l)
{
	for (unsigned i = 0; i < l->p.watch->folders.n; i++)
		if (l->p.watch->folders.at[i].is_here &&
		    backlog_has(l->p.backlog, l->p.watch->folders.at[i].folder))
			return true;
	return false;
}

bool ledger_take_proof(struct ledger *l, struct folder_proof *ret)
{
	if (!ledger_has_proof(l))
		return false;
	l->told_us = watch_proven_us(l->p.watch);
	*ret = (struct folder_proof){
		.epoch = l->p.lease->epoch,
		.gated_at_us = l->told_us,
		.ingested_at_us = has_backlog(l) ? INT64_MIN : l->told_us,
		.interval_s = (int64_t)((l->p.watch->p.proof_ms + 999) / 1000),
	};
	(void)snprintf(ret->inbox, sizeof(ret->inbox), "%s", l->p.lease->inbox);
	return true;
}

void ledger_act(struct ledger *l, uint64_t now_ms)
{
	if (now_ms < l->retry_ms && l->retry_ms != NEVER)
		return;
	l->retry_ms = NEVER;
	take_start(l);
	tell_known(l);
	catch_up(l);
	judge_blind(l);
}

uint64_t ledger_deadline(const struct ledger *l)
{
	return l->retry_ms;
}
