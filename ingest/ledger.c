#include "ingest/ledger.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static void on_row(struct folder_load *q, const struct folder_row *f);
static void on_pending(struct folder_load *q, const struct folder_pending *p);
static void on_recheck(struct folder_load *q, const struct folder_recheck *r);
static void on_loaded(struct folder_load *q);
static void on_ensured(struct folder_ensure *q);
static void on_role(struct folder_role *q);
static void on_ingested(struct arrival_close *q);

#define RETRY_MS 500 /* of a row's transaction that failed */

void ledger_init(struct ledger *l, const struct ledger_params *p)
{
	*l = (struct ledger){ .p = *p, .ensure_at_ms = UINT64_MAX, .told_us = INT64_MIN };
}

void ledger_end(struct ledger *l)
{
	pg_tx_cancel(&l->ensure.tx);
	l->ensure_at_ms = UINT64_MAX;
	l->has_roles = false;
	memset(l->lags, 0, sizeof(l->lags));
}

void ledger_clear(struct ledger *l)
{
	ledger_end(l);
	pg_tx_cancel(&l->load.tx);
	pg_tx_cancel(&l->role.tx);
	pg_tx_cancel(&l->ingested.tx);
}

static void answered(struct ledger *l, bool fenced)
{
	l->is_fenced |= fenced;
	l->p.on_step(l->p.owner);
}

/* ---- what is known from before ---- */

int ledger_load(struct ledger *l)
{
	l->is_loaded = false;
	backlog_clear(l->p.backlog);
	l->load.folder = on_row;
	l->load.pending = on_pending;
	l->load.recheck = on_recheck;
	l->load.done = on_loaded;
	return folder_load_start(l->p.pg, &l->load, &l->p.lease);
}

static void on_row(struct folder_load *q, const struct folder_row *f)
{
	struct ledger *l = container_of(q, struct ledger, load);
	const struct watch_folder_known k = {
		.folder = f->folder,
		.raw = text_of(f->wire_name),
		.name = text_of(f->name),
		.role = watch_folder_role_of(f->role),
		.uidvalidity = (uint32_t)f->uidvalidity,
		.uid_gated = (uint32_t)f->uid_gated,
		.uid_ingested = (uint32_t)f->uid_ingested,
	};

	watch_know(l->p.watch, &k);
}

static void on_pending(struct folder_load *q, const struct folder_pending *p)
{
	backlog_add(container_of(q, struct ledger, load)->p.backlog, p);
}

static void on_recheck(struct folder_load *q, const struct folder_recheck *r)
{
	/* Refusals need no care: too many are told again, unknown ones are found by the look back.
	 */
	(void)watch_again(container_of(q, struct ledger, load)->p.watch, r->folder,
			  (uint32_t)r->uidvalidity, (uint32_t)r->uid);
}

static void on_loaded(struct folder_load *q)
{
	struct ledger *l = container_of(q, struct ledger, load);

	l->is_loaded = outcome_ok(&q->outcome);
	answered(l, q->fenced);
}

/* ---- rows ---- */

static void start_ensure(struct ledger *l)
{
	const struct watch_folder *f = &l->p.watch->folders.at[l->start.folder];
	int r = folder_ensure_start(l->p.pg, &l->ensure, &l->p.lease, text_of(f->raw),
				    text_of(f->name), watch_folder_role_name(f->role),
				    l->start.uidvalidity, l->start.uid_before, l->start.uid_end,
				    on_ensured);

	l->ensure_at_ms = r ? clock_mono_ms() + RETRY_MS : UINT64_MAX;
}

static void take_start(struct ledger *l)
{
	const struct watch_folder *f;

	if (!watch_take_start(l->p.watch, &l->start))
		return;
	f = &l->p.watch->folders.at[l->start.folder];
	if (l->start.was_known)
		log_warn(l->p.log, "imap.uidvalidity", "role=%s now=%u",
			 watch_folder_role_name(f->role), l->start.uidvalidity);
	start_ensure(l);
}

static void on_ensured(struct folder_ensure *q)
{
	struct ledger *l = container_of(q, struct ledger, ensure);

	if (outcome_ok(&q->outcome))
		watch_started(l->p.watch, q->folder, (uint32_t)q->uid_gated,
			      (uint32_t)q->uid_ingested);
	else
		l->ensure_at_ms = clock_mono_ms() + RETRY_MS;
	answered(l, q->fenced);
}

/* The role that the row is to have: of a folder that the server has no more it would hold the
 * inbox's watermark for ever. */
static enum imap_role role_now(const struct watch_folder *f)
{
	if (f->is_here || !watch_folder_is_watched(f->row_role))
		return f->is_here ? f->role : f->row_role;
	return IMAP_ROLE_NONE;
}

/* What LIST said of folders that have rows. */
static void write_roles(struct ledger *l)
{
	bool is_busy = l->role.tx.state == PG_TX_QUEUED || l->role.tx.state == PG_TX_SENT;

	if (!l->p.watch->has_listed)
		l->has_roles = false;
	if (is_busy || l->has_roles || !l->p.watch->has_listed)
		return;
	for (unsigned i = 0; i < l->p.watch->folders.n; i++) {
		struct watch_folder *f = &l->p.watch->folders.at[i];

		if (!f->folder[0] || role_now(f) == f->row_role)
			continue;
		if (!f->is_here)
			log_warn(l->p.log, "imap.folder_gone", "role=%s",
				 watch_folder_role_name(f->row_role));
		f->row_role = role_now(f);
		/* one at a time; what fails is told again on the next connection */
		(void)folder_role_start(l->p.pg, &l->role, &l->p.lease, f->folder,
					watch_folder_role_name(f->row_role), "", 0, on_role);
		return;
	}
	l->has_roles = true;
}

static void on_role(struct folder_role *q)
{
	answered(container_of(q, struct ledger, role), q->fenced);
}

/* ---- what was left half done ---- */

void ledger_lags(struct ledger *l, unsigned folder)
{
	l->lags[folder] = true;
}

static void start_ingested(struct ledger *l, unsigned folder)
{
	struct watch_folder *f = &l->p.watch->folders.at[folder];
	const struct arrival_mark mark = {
		.folder = f->folder,
		.uidvalidity = f->uidvalidity,
		.uid_gated = f->uid_gated,
		.uid_ingested = f->uid_gated,
		.gated_at_us = INT64_MIN,
		.ingested_at_us = INT64_MIN,
	};

	/* What fails is written with the next batch of the folder. */
	l->lags[folder] = false;
	f->uid_ingested = f->uid_gated;
	(void)arrival_close_start(l->p.pg, &l->ingested, &l->p.lease, f->folder, f->uidvalidity,
				  NULL, 0, &mark, NULL, on_ingested);
}

/* Nothing is under way and nothing is left half done: what is gated is ingested, in whichever
 * session it was. */
static void catch_up(struct ledger *l)
{
	bool is_busy = l->ingested.tx.state == PG_TX_QUEUED || l->ingested.tx.state == PG_TX_SENT;

	if (is_busy || l->p.watch->work != WATCH_WORK_NONE)
		return;
	for (unsigned i = 0; i < l->p.watch->folders.n; i++) {
		const struct watch_folder *f = &l->p.watch->folders.at[i];

		bool lags = l->lags[i] || f->uid_ingested < f->uid_gated;

		if (lags && f->is_here && f->uidvalidity && !backlog_has(l->p.backlog, f->folder)) {
			start_ingested(l, i);
			return;
		}
	}
}

static void on_ingested(struct arrival_close *q)
{
	answered(container_of(q, struct ledger, ingested), q->fenced);
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
		.epoch = l->p.lease.epoch,
		.gated_at_us = l->told_us,
		.ingested_at_us = has_backlog(l) ? INT64_MIN : l->told_us,
		.interval_s = (int64_t)((l->p.watch->p.proof_ms + 999) / 1000),
	};
	(void)snprintf(ret->inbox, sizeof(ret->inbox), "%s", l->p.lease.inbox);
	return true;
}

void ledger_act(struct ledger *l, uint64_t now_ms)
{
	if (now_ms >= l->ensure_at_ms)
		start_ensure(l);
	take_start(l);
	write_roles(l);
	catch_up(l);
}

uint64_t ledger_deadline(const struct ledger *l)
{
	return l->ensure_at_ms;
}
