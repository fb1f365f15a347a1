#include "ingest/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"
#include "db/arrival.h"
#include "ingest/intake_set.h"
#include "ingest/intake_verdict.h"

static void on_found(struct arrival_find *q);
static void on_late(struct arrival_keep *q, int64_t uid);
static void on_kept(struct arrival_keep *q);
static void on_was(struct arrival_close *q, int64_t uid, enum arrival_was was);
static void on_closed(struct arrival_close *q);
static void on_settled(struct arrival_settle *q);
static void on_rechecked(struct arrival_recheck *q);

#define FIND_DIGESTS   2000 /* in one look-up: 140 KB on the wire */
#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS   (10 * 1000)
#define REFUSALS_PLAIN 3 /* after so many, texts go as plain ASCII */

/* What we are waiting for, in life order. */
#define INTAKE_STATES(X)                                                                           \
	X(FILLING, "mails")                                                                        \
	X(STEPPING, "nothing")                                                                     \
	X(FINDING, "look-up")                                                                      \
	X(CLOSING, "gate transaction")                                                             \
	X(KEEPING, "digests")                                                                      \
	X(READING, "a part of a mail")                                                             \
	X(SETTLING, "event transaction")                                                           \
	X(RECHECKED, "recheck")                                                                    \
	X(RETRYING, "another try")                                                                 \
	X(OVER, "nothing more")                                                                    \
	X(FENCED, "its owner, the lease is lost")                                                  \
	X(STALE, "its owner, the folder is another")

enum intake_state {
#define INTAKE_STATE(name, words) INTAKE_##name,
	INTAKE_STATES(INTAKE_STATE)
#undef INTAKE_STATE
};

static const char *const state_words[] = {
#define INTAKE_STATE(name, words) words,
	INTAKE_STATES(INTAKE_STATE)
#undef INTAKE_STATE
};

/* How far the watermarks of the batch are. */
enum intake_mark { MARK_NONE, MARK_GATED, MARK_INGESTED };

struct intake {
	struct intake_params p;
	struct intake_batch batch;
	struct intake_mail_place place;
	enum intake_state state;
	enum intake_mark mark, mark_sent;
	struct intake_set set;
	size_t found_upto; /* mails before this one are in the look-up under way */
	size_t settling;   /* the mail under way */
	unsigned n_events, refusals;
	struct backoff retry;
	uint64_t retry_at_ms;
	struct arrival_find find;
	struct arrival_keep keep;
	struct arrival_close close;
	struct arrival_settle settle;
	struct arrival_recheck recheck;
};

static void found(struct intake *in);
static void step(struct intake *in);

static void enter(struct intake *in, enum intake_state state)
{
	in->state = state;
}

/* ---- calls in ---- */

struct intake *intake_open(const struct intake_params *p)
{
	struct intake *in = mem_new(sizeof(*in));

	in->p = *p;
	backoff_init(&in->retry, RETRY_FIRST_MS, RETRY_MAX_MS, 0);
	enter(in, INTAKE_FILLING);
	return in;
}

void intake_drop(struct intake *in)
{
	if (!in)
		return;
	arrival_find_clear(&in->find);
	pg_tx_cancel(&in->keep.tx);
	pg_tx_cancel(&in->close.tx);
	pg_tx_cancel(&in->settle.tx);
	pg_tx_cancel(&in->recheck.tx);
	intake_set_clear(&in->set);
	free(in);
}

bool intake_told(struct intake *in, const struct imap_message *told, int64_t now_us)
{
	struct intake_mail *m = intake_set_find(&in->set, told->uid);

	if (!m)
		m = intake_set_add(&in->set, told->uid);
	if (!m)
		return false;
	intake_mail_told(m, told);
	m->detected_us = now_us;
	return true;
}

bool intake_is_whole(const struct intake *in)
{
	return intake_set_is_whole(&in->set);
}

void intake_gone(struct intake *in, const struct folder_pending *p)
{
	intake_mail_gone(intake_set_add(&in->set, (uint32_t)p->uid), p);
}

void intake_run(struct intake *in, const struct intake_batch *b)
{
	in->batch = *b;
	in->place = (struct intake_mail_place){
		.workspace = in->p.lease.workspace,
		.inbox = in->p.lease.inbox,
		.address = in->p.address,
		.folder_role = b->folder_role,
		.key = in->p.key,
		.text_max = in->p.text_max,
	};
	for (size_t i = 0; i < in->set.n; i++) {
		struct intake_mail *m = &in->set.at[i];

		if (m->state != INTAKE_MAIL_NEW)
			continue;
		if (b->noticed_us != INT64_MIN && b->noticed_us < m->detected_us)
			m->detected_us = b->noticed_us;
		m->is_recovered = b->is_recovered;
		m->is_last_look = b->is_again;
		intake_mail_begin(m, &in->place);
	}
	enter(in, INTAKE_STEPPING);
	step(in);
}

bool intake_is_gated(const struct intake *in)
{
	return in->mark >= MARK_GATED;
}

bool intake_is_over(const struct intake *in)
{
	return in->state == INTAKE_OVER;
}

bool intake_is_fenced(const struct intake *in)
{
	return in->state == INTAKE_FENCED;
}

bool intake_is_stale(const struct intake *in)
{
	return in->state == INTAKE_STALE;
}

unsigned intake_events(const struct intake *in)
{
	return in->n_events;
}

const char *intake_waiting_for(const struct intake *in)
{
	return state_words[in->state];
}

uint64_t intake_deadline(const struct intake *in)
{
	return in->state == INTAKE_RETRYING ? in->retry_at_ms : UINT64_MAX;
}

void intake_tick(struct intake *in, uint64_t now_ms)
{
	if (in->state != INTAKE_RETRYING || now_ms < in->retry_at_ms)
		return;
	enter(in, INTAKE_STEPPING);
	step(in);
}

/* ---- parts ---- */

/* The mail whose part is wanted: reports that may concern somebody before texts whose gates are
 * closed. */
static struct intake_mail *reader(const struct intake *in)
{
	struct intake_mail *m = intake_set_first(&in->set, INTAKE_MAIL_REPORT);

	return m ? m : intake_set_first(&in->set, INTAKE_MAIL_GATED);
}

bool intake_wants(const struct intake *in, struct intake_want *ret)
{
	const struct intake_mail *m = in->state == INTAKE_READING ? reader(in) : NULL;
	const struct mime_pick_item *item = m ? intake_mail_wants(m) : NULL;

	if (!item)
		return false;
	*ret = (struct intake_want){ m->uid, text_of(item->section), (uint32_t)item->max_bytes,
				     m->state == INTAKE_MAIL_REPORT };
	return true;
}

void intake_part(struct intake *in, uint32_t uid, struct text section, struct text data)
{
	struct intake_want want;

	if (!intake_wants(in, &want) || want.uid != uid || !text_ieq(want.section, section))
		return;
	intake_mail_part(reader(in), data.at ? data : TEXT(""));
	enter(in, INTAKE_STEPPING);
	step(in);
}

void intake_part_gone(struct intake *in)
{
	if (in->state != INTAKE_READING)
		return;
	intake_mail_part(reader(in), (struct text){ NULL, 0 });
	enter(in, INTAKE_STEPPING);
	step(in);
}

/* ---- the steps ---- */

/* The answer came; may we go on?  Else the same step is tried again, or it is over. */
static bool went_well(struct intake *in, const struct outcome *o, bool fenced)
{
	if (fenced) {
		enter(in, INTAKE_FENCED);
		return false;
	}
	if (outcome_ok(o)) {
		backoff_lived(&in->retry, 0);
		in->refusals = 0;
		return true;
	}
	/* PostgreSQL was there and said no: a text it cannot take must not hold up the inbox for
	 * ever. */
	if (o->blame == BLAME_US && ++in->refusals == REFUSALS_PLAIN)
		intake_set_plain(&in->set);
	if (o->blame == BLAME_US || o->blame == BLAME_AUTH)
		log_error(in->p.log, "intake.refused", "waiting_for=%s blame=%s what=%s",
			  state_words[in->state], outcome_blame_name(o->blame), o->what);
	in->retry_at_ms = clock_mono_ms() + backoff_failed(&in->retry, in->p.rand);
	enter(in, INTAKE_RETRYING);
	return false;
}

/* A start that failed is an answer too. */
static void started(struct intake *in, int r, enum intake_state state)
{
	struct outcome o;

	enter(in, state);
	if (r == 0)
		return;
	o = outcome_of(r == -ENOBUFS || r == -ESHUTDOWN ? BLAME_NET : BLAME_US,
		       "transaction not started", text_of(strerror(-r)));
	went_well(in, &o, false);
}

static void start_find(struct intake *in)
{
	cleanup_free uint8_t(*digests)[ARRIVAL_DIGEST] = mem_new(FIND_DIGESTS * sizeof(*digests));
	size_t n = intake_set_ids(&in->set, &in->place, digests, FIND_DIGESTS, &in->found_upto);

	if (n > 0)
		started(in,
			arrival_find_start(in->p.pg, &in->find, in->p.lease.workspace, digests, n,
					   on_found),
			INTAKE_FINDING);
	else
		found(in); /* they name nothing */
}

static void start_keep(struct intake *in)
{
	size_t n;
	cleanup_free struct arrival_trace *traces = intake_set_traces(&in->set, &in->place, &n);

	started(in,
		arrival_keep_start(in->p.pg, &in->keep, &in->p.lease, in->batch.folder,
				   in->batch.uidvalidity, traces, n, on_late, on_kept),
		INTAKE_KEEPING);
}

/* Is there anything left of this kind of work? */
static bool is_left(const struct intake *in, enum intake_mail_state from, enum intake_mail_state to)
{
	return intake_set_has(&in->set, from, to);
}

/* The watermark that goes with the next transaction; `but` is settled by it. */
static struct arrival_mark mark_of(struct intake *in, const struct intake_mail *but)
{
	struct arrival_mark m = {
		.folder = in->batch.folder,
		.uidvalidity = in->batch.uidvalidity,
		.uid_gated = in->batch.uid_to,
		.gated_at_us = in->batch.proof_us,
		.ingested_at_us = INT64_MIN,
	};
	bool all = intake_set_is_over(&in->set, but);

	in->mark_sent = all ? MARK_INGESTED : MARK_GATED;
	if (all && !in->batch.holds_back) {
		m.uid_ingested = in->batch.uid_to;
		m.ingested_at_us = in->batch.proof_us;
	}
	return m;
}

/* Transaction 1: the gates of what is known to concern somebody; the watermark, when nothing is
 * left to find out. */
static void start_close(struct intake *in)
{
	size_t n;
	cleanup_free struct arrival_item *items = intake_set_items(&in->set, &n);
	bool is_open = is_left(in, INTAKE_MAIL_NEW, INTAKE_MAIL_NEW) ||
		       is_left(in, INTAKE_MAIL_REPORT, INTAKE_MAIL_STRANGER);
	struct arrival_mark mark = mark_of(in, NULL);

	if (is_open)
		in->mark_sent = MARK_NONE;
	started(in,
		arrival_close_start(in->p.pg, &in->close, &in->p.lease, in->batch.folder,
				    in->batch.uidvalidity, items, n,
				    is_open || !in->batch.uid_to ? NULL : &mark, on_was, on_closed),
		INTAKE_CLOSING);
}

/* Transaction 2 of one mail, and with the last one the other watermark. */
static void start_settle(struct intake *in, struct intake_mail *m)
{
	struct intake_verdict v;
	struct arrival_mark mark = mark_of(in, m);
	bool moves = in->batch.uid_to && in->mark_sent == MARK_INGESTED;
	int r = intake_verdict_of(m, &in->place, clock_unix_us(), &v);

	in->settling = (size_t)(m - in->set.at);
	if (r == 0)
		r = arrival_settle_start(in->p.pg, &in->settle, &in->p.lease, &v.v,
					 moves ? &mark : NULL, on_settled);
	intake_verdict_clear(&v);
	started(in, r, INTAKE_SETTLING);
}

static void start_recheck(struct intake *in)
{
	started(in,
		arrival_recheck_start(in->p.pg, &in->recheck, &in->p.lease, in->batch.folder,
				      in->batch.uidvalidity, in->batch.again_uid, on_rechecked),
		INTAKE_RECHECKED);
}

/*
 * Transaction 1 is next: gates that can be closed are closed before anything is
 * fetched; a watermark moves when nothing that it would pass is open.
 */
static bool wants_close(struct intake *in)
{
	if (is_left(in, INTAKE_MAIL_MATCHED, INTAKE_MAIL_MATCHED))
		return true;
	if (!in->batch.uid_to || is_left(in, INTAKE_MAIL_REPORT, INTAKE_MAIL_STRANGER))
		return false;
	return in->mark < MARK_GATED ||
	       (in->mark < MARK_INGESTED && !is_left(in, INTAKE_MAIL_GATED, INTAKE_MAIL_READ));
}

/* A part is wanted, of a report that may concern somebody, or of a mail whose gate is closed. */
static bool wants_part(struct intake *in)
{
	return is_left(in, INTAKE_MAIL_REPORT, INTAKE_MAIL_REPORT) ||
	       (is_left(in, INTAKE_MAIL_GATED, INTAKE_MAIL_GATED) &&
		!is_left(in, INTAKE_MAIL_STRANGER, INTAKE_MAIL_STRANGER));
}

/* The next thing to do, from what is there. */
static void step_once(struct intake *in)
{
	struct intake_mail *m;

	if (is_left(in, INTAKE_MAIL_NEW, INTAKE_MAIL_NEW))
		start_find(in);
	else if (wants_close(in))
		start_close(in);
	else if (wants_part(in))
		enter(in, INTAKE_READING);
	else if (is_left(in, INTAKE_MAIL_STRANGER, INTAKE_MAIL_STRANGER))
		start_keep(in);
	else if ((m = intake_set_first(&in->set, INTAKE_MAIL_READ)))
		start_settle(in, m);
	else if (in->mark < MARK_INGESTED && in->batch.is_again)
		start_recheck(in);
	else
		enter(in, INTAKE_OVER);
}

static void step(struct intake *in)
{
	while (in->state == INTAKE_STEPPING)
		step_once(in);
}

/* ---- answers ---- */

/* Every answer ends here: go on, and tell the owner, who may drop us. */
static void go_on(struct intake *in)
{
	step(in);
	in->p.on_step(in->p.owner);
}

static void found(struct intake *in)
{
	intake_set_found(&in->set, &in->place, in->find.found, in->find.n_found, in->found_upto);
	arrival_find_clear(&in->find);
	enter(in, INTAKE_STEPPING);
}

static void on_found(struct arrival_find *q)
{
	struct intake *in = container_of(q, struct intake, find);

	if (went_well(in, &q->outcome, false))
		found(in);
	go_on(in);
}

static void on_late(struct arrival_keep *q, int64_t uid)
{
	struct intake *in = container_of(q, struct intake, keep);
	struct intake_mail *m = intake_set_find(&in->set, (uint32_t)uid);

	if (m && m->state == INTAKE_MAIL_STRANGER)
		intake_mail_kept(m, true);
}

static void on_kept(struct arrival_keep *q)
{
	struct intake *in = container_of(q, struct intake, keep);

	if (went_well(in, &q->outcome, q->fenced)) {
		intake_set_kept(&in->set);
		enter(in, INTAKE_STEPPING);
	}
	go_on(in);
}

static void on_was(struct arrival_close *q, int64_t uid, enum arrival_was was)
{
	struct intake *in = container_of(q, struct intake, close);
	struct intake_mail *m = intake_set_find(&in->set, (uint32_t)uid);
	int64_t now_us = clock_unix_us();

	if (!m || m->state != INTAKE_MAIL_MATCHED)
		return;
	intake_mail_gated(m, was, now_us);
	log_info(in->p.log, "reply.gated", "message=%s role=%s was=%d ms=%lld", m->message,
		 in->batch.folder_role, (int)was, (long long)((now_us - m->detected_us) / 1000));
}

static void on_closed(struct arrival_close *q)
{
	struct intake *in = container_of(q, struct intake, close);

	if (went_well(in, &q->outcome, q->fenced)) {
		if (in->mark_sent > in->mark)
			in->mark = in->mark_sent;
		enter(in, q->moved ? INTAKE_STEPPING : INTAKE_STALE);
	}
	go_on(in);
}

static void on_settled(struct arrival_settle *q)
{
	struct intake *in = container_of(q, struct intake, settle);
	struct intake_mail *m = &in->set.at[in->settling];

	if (went_well(in, &q->outcome, q->fenced)) {
		intake_mail_settled(m);
		in->n_events += q->was_new;
		if (in->mark_sent > in->mark && in->batch.uid_to)
			in->mark = in->mark_sent;
		if (q->was_new)
			pg_notify(in->p.pg, "replyd_event");
		log_info(in->p.log, "reply.ingested", "message=%s new=%d ms=%lld", m->message,
			 q->was_new, (long long)((clock_unix_us() - m->detected_us) / 1000));
		enter(in, q->moved ? INTAKE_STEPPING : INTAKE_STALE);
	}
	go_on(in);
}

static void on_rechecked(struct arrival_recheck *q)
{
	struct intake *in = container_of(q, struct intake, recheck);

	if (went_well(in, &q->outcome, q->fenced)) {
		in->mark = MARK_INGESTED;
		enter(in, INTAKE_STEPPING);
	}
	go_on(in);
}
