#include "ingest/intake_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/intake_ask.h"

#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS   (10 * 1000)
#define REFUSALS_PLAIN 3 /* after so many, texts go as plain ASCII */

static const char *const state_words[] = {
#define INTAKE_STATE(name, words) words,
	INTAKE_STATES(INTAKE_STATE)
#undef INTAKE_STATE
};

static void step(struct intake *in);

void intake_enter(struct intake *in, enum intake_state state)
{
	in->state = state;
}

/* ---- calls in ---- */

struct intake *intake_open(const struct intake_params *p)
{
	struct intake *in = mem_new(sizeof(*in));

	in->p = *p;
	backoff_init(&in->retry, RETRY_FIRST_MS, RETRY_MAX_MS, 0);
	intake_enter(in, INTAKE_FILLING);
	return in;
}

void intake_drop(struct intake *in)
{
	if (!in)
		return;
	intake_ask_cancel(in);
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
	if (in->p.is_careful)
		intake_mail_held(m, told);
	else
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
		.folder = in->batch.folder,
		.uidvalidity = b->uidvalidity,
		.key = in->p.key,
		.authserv = in->p.authserv,
		.text_max = in->p.text_max,
		.opens_answers = in->p.opens_answers,
	};
	for (size_t i = 0; i < in->set.n; i++) {
		struct intake_mail *m = &in->set.at[i];

		if (m->state != INTAKE_MAIL_NEW && m->state != INTAKE_MAIL_UNREAD)
			continue;
		if (b->noticed_us != INT64_MIN && b->noticed_us < m->detected_us)
			m->detected_us = b->noticed_us;
		m->is_recovered = b->is_recovered;
		m->is_last_look = b->is_again;
		if (m->state == INTAKE_MAIL_NEW)
			intake_mail_begin(m, &in->place);
	}
	intake_enter(in, INTAKE_STEPPING);
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

unsigned intake_set_asides(const struct intake *in, const uint32_t **ret)
{
	*ret = in->set_asides;
	return in->n_set_aside;
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
	intake_enter(in, INTAKE_STEPPING);
	step(in);
}

/* ---- parts ---- */

/* The mail whose part is wanted: what may concern somebody before texts whose gates are closed. */
static struct intake_mail *reader(const struct intake *in)
{
	static const enum intake_mail_state order[] = { INTAKE_MAIL_CUT, INTAKE_MAIL_INSIDE,
							INTAKE_MAIL_GATED };
	struct intake_mail *m = NULL;

	for (size_t i = 0; i < countof(order) && !m; i++)
		m = intake_set_first(&in->set, order[i]);
	return m;
}

bool intake_wants(const struct intake *in, struct intake_want *ret)
{
	const struct intake_mail *m = in->state == INTAKE_READING ? reader(in) : NULL;
	const struct mime_pick_item *item = m ? intake_mail_wants(m) : NULL;

	if (!item)
		return false;
	*ret = (struct intake_want){ m->uid, text_of(item->section), (uint32_t)item->max_bytes,
				     m->state != INTAKE_MAIL_GATED };
	return true;
}

static void part_is_here(struct intake *in, struct text bytes)
{
	struct intake_mail *m = reader(in);
	bool was_cut = m->state == INTAKE_MAIL_CUT;

	intake_mail_part(m, bytes);
	if (was_cut && m->is_head_cut)
		log_error(in->p.log, "intake.header_cut", "uid=%lu read=%lu what=%s",
			  (unsigned long)m->uid, (unsigned long)bytes.len,
			  "ids that stand further down are not known");
	intake_enter(in, INTAKE_STEPPING);
	step(in);
}

void intake_part(struct intake *in, uint32_t uid, struct text section, struct text data)
{
	struct intake_want want;

	if (intake_wants(in, &want) && want.uid == uid && text_ieq(want.section, section))
		part_is_here(in, data.at ? data : TEXT(""));
}

void intake_part_gone(struct intake *in)
{
	if (in->state == INTAKE_READING)
		part_is_here(in, (struct text){ NULL, 0 });
}

/* ---- the steps ---- */

bool intake_went_well(struct intake *in, const struct outcome *o, bool fenced)
{
	if (fenced) {
		intake_enter(in, INTAKE_FENCED);
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
	intake_enter(in, INTAKE_RETRYING);
	return false;
}

void intake_started(struct intake *in, int r, enum intake_state state)
{
	struct outcome o;

	intake_enter(in, state);
	if (r == 0)
		return;
	o = outcome_of(r == -ENOBUFS || r == -ESHUTDOWN ? BLAME_NET : BLAME_US,
		       "transaction not started", text_of(strerror(-r)));
	intake_went_well(in, &o, false);
}

/* Is there anything left of this kind of work? */
static bool is_left(const struct intake *in, enum intake_mail_state from, enum intake_mail_state to)
{
	return intake_set_has(&in->set, from, to);
}

/*
 * Transaction 1 is next: gates that can be closed are closed before anything is
 * fetched; a watermark moves when nothing that it would pass is open.
 */
static bool wants_close(const struct intake *in)
{
	if (is_left(in, INTAKE_MAIL_MATCHED, INTAKE_MAIL_MATCHED))
		return true;
	if (!in->batch.uid_to || intake_set_is_open(&in->set))
		return false;
	return in->mark < MARK_GATED ||
	       (in->mark < MARK_INGESTED && !is_left(in, INTAKE_MAIL_GATED, INTAKE_MAIL_READ));
}

/* A part is wanted: of a mail that may concern somebody, or of one whose gate is closed. */
static bool wants_part(const struct intake *in)
{
	return is_left(in, INTAKE_MAIL_CUT, INTAKE_MAIL_INSIDE) ||
	       (is_left(in, INTAKE_MAIL_GATED, INTAKE_MAIL_GATED) &&
		!is_left(in, INTAKE_MAIL_STRANGER, INTAKE_MAIL_OWN));
}

/*
 * Is it to be written down before a part of it reaches the MIME library?  A mail
 * that arrived, whose gate is closed, leaves its message pending if we die; that is enough, but
 * for the second time, for one that looks dangerous, and for one without a message.  One attempt
 * stands at a time: who dies of a mail leaves no trace at its neighbours.
 */
static bool wants_attempt(const struct intake *in, const struct intake_mail *m)
{
	if (in->attempted == m->uid)
		return false;
	return m->state != INTAKE_MAIL_GATED || in->batch.is_again || m->is_suspicious;
}

static void read_next(struct intake *in)
{
	struct intake_mail *m = reader(in);

	if (wants_attempt(in, m))
		intake_ask_attempt(in, m);
	else
		intake_enter(in, INTAKE_READING);
}

/* The next thing to do, from what is there. */
static void step_once(struct intake *in)
{
	struct intake_mail *m;

	if (in->batch.is_again && !in->is_taken)
		intake_ask_take(in);
	else if ((m = intake_set_first(&in->set, INTAKE_MAIL_UNREAD)))
		intake_ask_attempt(in, m);
	else if (is_left(in, INTAKE_MAIL_NEW, INTAKE_MAIL_NEW))
		intake_ask_find(in);
	else if (wants_close(in))
		intake_ask_close(in, intake_set_is_open(&in->set));
	else if (wants_part(in))
		read_next(in);
	else if (is_left(in, INTAKE_MAIL_STRANGER, INTAKE_MAIL_STRANGER))
		intake_ask_keep(in);
	else if (is_left(in, INTAKE_MAIL_OWN, INTAKE_MAIL_OWN))
		intake_ask_sent(in);
	else if ((m = intake_set_first(&in->set, INTAKE_MAIL_READ)))
		intake_ask_settle(in, m);
	else if (in->attempted)
		intake_ask_end(in);
	else if (in->mark < MARK_INGESTED && in->batch.is_again)
		intake_ask_recheck(in);
	else
		intake_enter(in, INTAKE_OVER);
}

static void step(struct intake *in)
{
	while (in->state == INTAKE_STEPPING)
		step_once(in);
}

void intake_go_on(struct intake *in)
{
	step(in);
	in->p.on_step(in->p.owner);
}
