#include "ingest/intake_ask.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/arrival_group.h"
#include "ingest/intake_own.h"
#include "ingest/intake_verdict.h"

static void on_taken(struct recheck_take *q);
static void on_found(struct arrival_find *q);
static void on_late(struct arrival_keep *q, int64_t uid);
static void on_kept(struct arrival_keep *q);
static void on_noted(struct sent_seen *q);
static void on_was(struct arrival_close *q, int64_t uid, enum arrival_was was);
static void on_closed(struct arrival_close *q);
static void on_begun(struct attempt_begin *q);
static void on_settled(struct arrival_settle *q);
static void on_ended(struct attempt_end *q);
static void on_rechecked(struct recheck_done *q);

#define FIND_DIGESTS  2000 /* ids, and as many names, in one look-up: 140 KB on the wire each */
#define SENT_MAILS    32   /* own copies in one transaction */
#define ATTEMPT_TRIES 2    /* processes that may work on a mail */
#define GLANCE_TRIES  3    /* and so many that may look at what it names without the MIME library */

/* ---- mails that are looked at again ---- */

static struct recheck_mail again_of(const struct intake *in)
{
	return (struct recheck_mail){ in->batch.folder, in->batch.uidvalidity,
				      in->batch.again_uid };
}

void intake_ask_take(struct intake *in)
{
	const struct recheck_mail m = again_of(in);

	intake_started(in,
		       recheck_take_start(in->p.pg, &in->take, &in->p.lease, &m,
					  /* is_gone= */ in->set.n == 0, on_taken),
		       INTAKE_TAKING);
}

/*
 * The mail is gone, and an outbound that was registered since is named by it: that
 * somebody answered is all that is left to tell.  It may be told twice, when the mail turns up
 * in another folder under a trace that we do not have.
 */
static void on_taken(struct recheck_take *q)
{
	struct intake *in = container_of(q, struct intake, take);

	if (intake_went_well(in, &q->outcome, q->fenced)) {
		in->is_taken = true;
		if (q->n_found > 0)
			intake_mail_lost(intake_set_add(&in->set, (uint32_t)in->batch.again_uid),
					 &in->place, q->found, q->n_found, q->seen_us);
		recheck_take_clear(q);
		intake_enter(in, INTAKE_STEPPING);
	}
	intake_go_on(in);
}

void intake_ask_recheck(struct intake *in)
{
	const struct recheck_mail m = again_of(in);

	intake_started(in,
		       recheck_done_start(in->p.pg, &in->recheck, &in->p.lease, &m, on_rechecked),
		       INTAKE_RECHECKED);
}

static void on_rechecked(struct recheck_done *q)
{
	struct intake *in = container_of(q, struct intake, recheck);

	if (intake_went_well(in, &q->outcome, q->fenced)) {
		in->mark = MARK_INGESTED;
		intake_enter(in, INTAKE_STEPPING);
	}
	intake_go_on(in);
}

/* ---- whom do they concern? ---- */

static void found(struct intake *in)
{
	intake_set_found(&in->set, &in->place, in->find.found, in->find.n_found, in->found_upto);
	arrival_find_clear(&in->find);
	intake_enter(in, INTAKE_STEPPING);
}

void intake_ask_find(struct intake *in)
{
	size_t room = in->set.n * INTAKE_SET_KEYS;
	size_t max = room < FIND_DIGESTS ? room : FIND_DIGESTS;
	cleanup_free uint8_t(*ids)[ARRIVAL_DIGEST] = mem_new(max * sizeof(*ids));
	cleanup_free uint8_t(*names)[ARRIVAL_DIGEST] = mem_new(max * sizeof(*names));
	struct arrival_keys keys = { ids, 0, names, 0 };

	intake_set_keys(&in->set, &in->place, &keys, max, &in->found_upto);
	if (keys.n_ids + keys.n_names == 0)
		found(in); /* they name nothing */
	else if (in->p.gather)
		intake_started(
			in,
			arrival_group_find(in->p.gather, &in->find, &in->p.lease, &keys, on_found),
			INTAKE_FINDING);
	else
		intake_started(in,
			       arrival_find_start(in->p.pg, &in->find, in->p.lease.workspace, &keys,
						  on_found),
			       INTAKE_FINDING);
}

static void on_found(struct arrival_find *q)
{
	struct intake *in = container_of(q, struct intake, find);

	if (intake_went_well(in, &q->outcome, false))
		found(in);
	intake_go_on(in);
}

/* ---- nobody ---- */

void intake_ask_keep(struct intake *in)
{
	size_t n;
	cleanup_free struct arrival_trace *traces = intake_set_traces(&in->set, &in->place, &n);

	intake_started(in,
		       arrival_keep_start(in->p.pg, &in->keep, &in->p.lease, in->batch.folder,
					  in->batch.uidvalidity, traces, n, on_late, on_kept),
		       INTAKE_KEEPING);
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

	if (intake_went_well(in, &q->outcome, q->fenced)) {
		intake_set_kept(&in->set);
		intake_enter(in, INTAKE_STEPPING);
	}
	intake_go_on(in);
}

/* ---- the inbox itself sent them ---- */

void intake_ask_sent(struct intake *in)
{
	cleanup_free struct intake_own *owns = mem_new(SENT_MAILS * sizeof(*owns));
	cleanup_free struct sent_item *items = mem_new(SENT_MAILS * sizeof(*items));
	size_t n = 0;

	for (size_t i = 0; i < in->set.n && n < SENT_MAILS; i++)
		if (in->set.at[i].state == INTAKE_MAIL_OWN) {
			intake_own_of(&in->set.at[i], &in->place, &owns[n]);
			items[n] = owns[n].item;
			n++;
		}
	in->noted = n;
	intake_started(in,
		       sent_seen_start(in->p.pg, &in->sent, &in->p.lease, in->batch.folder,
				       in->batch.uidvalidity, in->batch.folder_role,
				       in->p.manual_grace_ms, items, n, on_noted),
		       INTAKE_NOTING);
}

static void on_noted(struct sent_seen *q)
{
	struct intake *in = container_of(q, struct intake, sent);

	if (intake_went_well(in, &q->outcome, q->fenced)) {
		for (size_t i = 0; i < in->set.n && in->noted > 0; i++)
			if (in->set.at[i].state == INTAKE_MAIL_OWN) {
				intake_mail_settled(&in->set.at[i]);
				in->noted--;
			}
		intake_enter(in, INTAKE_STEPPING);
	}
	intake_go_on(in);
}

/* ---- transaction 1 ---- */

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

void intake_ask_close(struct intake *in, bool is_open)
{
	struct arrival_mark mark = mark_of(in, NULL);
	size_t n;
	cleanup_free struct arrival_item *items = intake_set_items(&in->set, &n);

	const struct arrival_mark *moved = is_open || !in->batch.uid_to ? NULL : &mark;
	int r;

	if (is_open)
		in->mark_sent = MARK_NONE;
	r = in->p.gather
		    ? arrival_group_close(in->p.gather, &in->close, &in->p.lease, in->batch.folder,
					  in->batch.uidvalidity, items, n, moved, on_was, on_closed)
		    : arrival_close_start(in->p.pg, &in->close, &in->p.lease, in->batch.folder,
					  in->batch.uidvalidity, items, n, moved, on_was,
					  on_closed);
	intake_started(in, r, INTAKE_CLOSING);
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

	if (intake_went_well(in, &q->outcome, q->fenced)) {
		if (in->mark_sent > in->mark)
			in->mark = in->mark_sent;
		intake_enter(in, q->moved ? INTAKE_STEPPING : INTAKE_STALE);
	}
	intake_go_on(in);
}

/* ---- attempts ---- */

void intake_ask_attempt(struct intake *in, struct intake_mail *m)
{
	const struct attempt_what what = {
		.folder = in->batch.folder,
		.uidvalidity = in->batch.uidvalidity,
		.uid = m->uid,
		.message = m->message[0] ? m->message : NULL,
		.is_of_headers = m->state == INTAKE_MAIL_UNREAD,
		.leave_above = m->state == INTAKE_MAIL_UNREAD ? ATTEMPT_TRIES + GLANCE_TRIES : 0,
		.done = in->attempted,
	};

	in->working = (size_t)(m - in->set.at);
	intake_started(in,
		       attempt_begin_start(in->p.pg, &in->attempt, &in->p.lease, &what, on_begun),
		       INTAKE_BEGINNING);
}

static void set_aside(struct intake *in, struct intake_mail *m, int tries)
{
	in->set_asides[in->n_set_aside++] = m->uid;
	log_error(in->p.log, "intake.set_aside", "uid=%lu message=%s of=%s tries=%d",
		  (unsigned long)m->uid, m->message, intake_mail_state_name(m->state), tries);
	if (m->state == INTAKE_MAIL_UNREAD && tries > ATTEMPT_TRIES + GLANCE_TRIES)
		intake_mail_give_up(m);
	else
		intake_mail_set_aside(m, &in->place);
}

static void on_begun(struct attempt_begin *q)
{
	struct intake *in = container_of(q, struct intake, attempt);
	struct intake_mail *m = &in->set.at[in->working];

	if (intake_went_well(in, &q->outcome, q->fenced)) {
		in->attempted = m->uid;
		if (q->tries > ATTEMPT_TRIES) {
			set_aside(in, m, q->tries);
		} else if (m->state == INTAKE_MAIL_UNREAD) {
			intake_mail_read(m);
			intake_mail_begin(m, &in->place);
		}
		intake_enter(in, INTAKE_STEPPING);
	}
	intake_go_on(in);
}

void intake_ask_end(struct intake *in)
{
	intake_started(in,
		       attempt_end_start(in->p.pg, &in->ended, &in->p.lease, in->batch.folder,
					 in->batch.uidvalidity, in->attempted, on_ended),
		       INTAKE_ENDING);
}

static void on_ended(struct attempt_end *q)
{
	struct intake *in = container_of(q, struct intake, ended);

	if (intake_went_well(in, &q->outcome, q->fenced)) {
		in->attempted = 0;
		intake_enter(in, INTAKE_STEPPING);
	}
	intake_go_on(in);
}

/* ---- transaction 2 ---- */

void intake_ask_settle(struct intake *in, struct intake_mail *m)
{
	struct intake_verdict v;
	struct arrival_mark mark = mark_of(in, m);
	bool moves = in->batch.uid_to && in->mark_sent == MARK_INGESTED;
	int r = intake_verdict_of(m, &in->place, clock_unix_us(), &v);

	in->working = (size_t)(m - in->set.at);
	if (r == 0 && in->p.gather && !in->is_alone)
		r = arrival_group_settle(in->p.gather, &in->settle, &in->p.lease, &v.v,
					 moves ? &mark : NULL, on_settled);
	else if (r == 0)
		r = arrival_settle_start(in->p.pg, &in->settle, &in->p.lease, &v.v,
					 moves ? &mark : NULL, on_settled);
	intake_verdict_clear(&v);
	intake_started(in, r, INTAKE_SETTLING);
}

static void on_settled(struct arrival_settle *q)
{
	struct intake *in = container_of(q, struct intake, settle);
	struct intake_mail *m = &in->set.at[in->working];

	in->is_alone = q->outcome.blame == BLAME_REFUSED;
	if (intake_went_well(in, &q->outcome, q->fenced)) {
		intake_mail_settled(m);
		in->n_events += q->was_new;
		if (in->mark_sent > in->mark && in->batch.uid_to)
			in->mark = in->mark_sent;
		if (q->was_new)
			pg_notify(in->p.pg, "replyd_event");
		log_info(in->p.log, "reply.ingested", "message=%s new=%d ms=%lld", m->message,
			 q->was_new, (long long)((clock_unix_us() - m->detected_us) / 1000));
		intake_enter(in, q->moved ? INTAKE_STEPPING : INTAKE_STALE);
	}
	intake_go_on(in);
}

void intake_ask_cancel(struct intake *in)
{
	recheck_take_clear(&in->take);
	arrival_find_clear(&in->find);
	pg_tx_cancel(&in->keep.tx);
	pg_tx_cancel(&in->sent.tx);
	pg_tx_cancel(&in->close.tx);
	gather_cancel(&in->close.ask);
	pg_tx_cancel(&in->attempt.tx);
	pg_tx_cancel(&in->settle.tx);
	gather_cancel(&in->settle.ask);
	pg_tx_cancel(&in->ended.tx);
	pg_tx_cancel(&in->recheck.tx);
}
