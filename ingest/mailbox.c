#include "ingest/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/keyed.h"
#include "base/mem.h"
#include "ingest/imap/imap_text.h"
#include "ingest/mailbox_inside.h"

static void on_told(void *owner);
static void on_vigil(void *owner);
static void on_timer(struct timer *t);
static void on_closed(struct timer *t);

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS   (5 * 60 * 1000)
#define SURVIVE_MS     (60 * 1000)
#define LONGEST_MS     (UINT64_C(24) * 3600 * 1000) /* of what a server may ask for */
#define NEVER          UINT64_MAX

static const char *const state_names[] = {
#define MAILBOX_STATE(name, word, wait) word,
	MAILBOX_STATES(MAILBOX_STATE)
#undef MAILBOX_STATE
};
static const char *const state_waits[] = {
#define MAILBOX_STATE(name, word, wait) wait,
	MAILBOX_STATES(MAILBOX_STATE)
#undef MAILBOX_STATE
};

/* ---- what is asked about it ---- */

const char *mailbox_state_name(enum mailbox_state s)
{
	return state_names[s];
}

enum mailbox_state mailbox_state_of(const struct mailbox *m)
{
	return m->state;
}

bool mailbox_is_live(const struct mailbox *m)
{
	return m->state == MAILBOX_WATCHING && vigil_is_live(m->vigil);
}

const char *mailbox_inbox(const struct mailbox *m)
{
	return m->inbox;
}

int64_t mailbox_epoch(const struct mailbox *m)
{
	return m->lease.epoch;
}

const char *mailbox_waiting_for(const struct mailbox *m)
{
	if (m->state == MAILBOX_WATCHING)
		return vigil_waiting_for(m->vigil);
	if (m->state == MAILBOX_ENTERING && m->entry)
		return entry_waiting_for(m->entry);
	return state_waits[m->state];
}

/* ---- open and drop ---- */

/* Where it is reached; the address itself never changes, others borrow it. */
static void copy_row(struct mailbox *m, const struct lease_inbox *row)
{
	free(m->host);
	free(m->login_name);
	m->host = mem_text(row->imap_host);
	m->login_name = mem_text(row->login_name);
	m->port = (uint16_t)row->imap_port;
	m->security = strcmp(row->imap_security, "tls") == 0 ? CONN_TLS : CONN_STARTTLS;
	if (m->p->is_clear)
		m->security = CONN_CLEAR;
}

static void open_vigil(struct mailbox *m)
{
	const struct vigil_params vp = {
		.pg = m->p->pg,
		.log = &m->log,
		.lease = m->lease,
		.address = m->address,
		.key = &m->key,
		.rand = m->p->rand,
		.provider = m->row,
		.lookback_ms = m->p->lookback_ms,
		.proof_ms = m->p->proof_ms,
		.text_max = m->p->text_max,
		.opens_answers = m->p->opens_answers,
		.manual_grace_ms = m->p->manual_grace_ms,
		.gather = m->p->gather,
		.is_bereft = m->is_bereft,
		.owner = m,
		.on_step = on_vigil,
	};

	m->vigil = vigil_open(&vp);
}

/* Its server asked whoever watched it before to stay away: so do we, and it can be taken over
 * without a connection. */
static void be_patient(struct mailbox *m, uint64_t wait_ms)
{
	uint64_t now_ms = clock_mono_ms();

	m->patient_ms = now_ms + (wait_ms < LONGEST_MS ? wait_ms : LONGEST_MS);
	m->state = m->lease.epoch ? MAILBOX_BACKING_OFF : MAILBOX_STANDBY;
	m->wake_ms = m->lease.epoch ? m->patient_ms : now_ms;
	mailbox_arm(m);
}

struct mailbox *mailbox_open(const struct mailbox_params *p, void *owner,
			     const struct lease_inbox *row)
{
	struct mailbox *m = mem_new(sizeof(*m));

	m->p = p;
	m->owner = owner;
	m->row = provider_table_find(p->providers, text_of(row->provider));
	log_child(&m->log, p->log, "inbox=%s", row->inbox);
	memcpy(m->workspace, row->workspace, strnlen(row->workspace, sizeof(m->workspace) - 1));
	memcpy(m->inbox, row->inbox, strnlen(row->inbox, sizeof(m->inbox) - 1));
	m->lease = (struct folder_lease){ m->workspace, m->inbox, row->epoch };
	m->is_bereft = row->epoch && row->is_bereft; /* a standby's predecessor lives */
	m->address = mem_text(row->address);
	copy_row(m, row);
	keyed_workspace_key(p->digest_master, text_of(m->workspace), &m->key);
	backoff_init(&m->backoff, p->retry_first_ms ? p->retry_first_ms : RETRY_FIRST_MS,
		     RETRY_MAX_MS, SURVIVE_MS);
	renewal_init(&m->renewal, p->retry_first_ms);
	standing_init(&m->standing, p->pg, p->gather, &m->lease, m->address, m, on_told);
	m->wake_ms = NEVER;
	timer_open(&m->timer, p->loop, on_timer);
	if (row->epoch)
		open_vigil(m);
	m->state = MAILBOX_WAITING;
	if (row->retry_in_ms > 0)
		be_patient(m, (uint64_t)row->retry_in_ms);
	return m;
}

void mailbox_drop(struct mailbox *m)
{
	if (!m || m->is_closing)
		return;
	m->is_closing = true;
	mailbox_life_close(m);
	farewell_drop(m->farewell);
	m->farewell = NULL;
	standing_clear(&m->standing);
	chronicle_clear(&m->notes);
	vigil_drop(m->vigil);
	m->vigil = NULL;
	secret_clear(&m->key);
	timer_drop(&m->timer, on_closed);
}

static void on_closed(struct timer *t)
{
	struct mailbox *m = container_of(t, struct mailbox, timer);

	free(m->address);
	free(m->host);
	free(m->login_name);
	free(m);
}

/* ---- the pump ---- */

void mailbox_arm(struct mailbox *m)
{
	const uint64_t all[] = {
		m->wake_ms,
		m->state == MAILBOX_WATCHING ? renewal_deadline(&m->renewal) : NEVER,
		m->entry ? entry_deadline(m->entry) : NEVER,
		m->line ? line_deadline(m->line) : NEVER,
		m->farewell ? farewell_deadline(m->farewell) : NEVER,
		m->vigil ? vigil_deadline(m->vigil) : NEVER,
		standing_deadline(&m->standing),
	};
	uint64_t at = NEVER;

	for (size_t i = 0; i < countof(all); i++)
		if (all[i] < at)
			at = all[i];
	timer_at(&m->timer, at);
}

void mailbox_look(struct mailbox *m)
{
	struct standing_now now = { .waiting_for = mailbox_waiting_for(m) };
	struct vigil_progress p;

	if (m->state == MAILBOX_WATCHING && vigil_progress(m->vigil, &p)) {
		now.done = p.done;
		now.of = p.of;
	}
	standing_look(&m->standing, &now, clock_mono_ms());
}

/* The audit: which commands this inbox was ever sent.  New ones are told as they come, all of a
 * session when it is over. */
static bool has_commands(const struct mailbox *m)
{
	return m->verbs || line_verbs(m->line) & ~m->told_verbs;
}

static void tell_commands(struct mailbox *m)
{
	uint32_t verbs = m->verbs | line_verbs(m->line);
	char words[TIMELINE_WORDS];

	if (!has_commands(m))
		return;
	m->verbs = 0;
	m->told_verbs |= verbs;
	imap_text_verbs(verbs, words, sizeof(words));
	chronicle_add(&m->notes, TIMELINE_COMMANDS, clock_unix_us(), words);
}

void mailbox_pump(struct mailbox *m)
{
	if (m->is_closing)
		return;
	if (m->state != MAILBOX_LOST)
		mailbox_life_step(m);
	if (m->state == MAILBOX_WATCHING)
		mailbox_watch_step(m);
	if (m->is_closing) /* lost in one of these steps: its owner has dropped it, and may be gone
			    */
		return;
	if (!standing_is(&m->standing, "live"))
		mailbox_look(m);
	mailbox_arm(m);
	if (!m->p->on_note)
		chronicle_clear(&m->notes);
	else if (chronicle_has(&m->notes) || has_commands(m))
		m->p->on_note(m->owner);
}

static void on_told(void *owner)
{
	struct mailbox *m = owner;

	if (m->standing.is_fenced)
		mailbox_life_lost(m, "fenced");
	else
		mailbox_pump(m);
}

static void on_vigil(void *owner)
{
	mailbox_pump(owner);
}

static void tick(struct mailbox *m, uint64_t now_ms)
{
	standing_tick(&m->standing, now_ms);
	if (m->farewell && farewell_is_late(m->farewell, now_ms)) {
		farewell_drop(m->farewell);
		m->farewell = NULL;
	}
	if (now_ms >= m->wake_ms) {
		m->wake_ms = NEVER;
		if (m->state == MAILBOX_BACKING_OFF || m->state == MAILBOX_HELD)
			mailbox_life_enter(m, MAILBOX_WAITING);
		else if (m->state == MAILBOX_STANDBY && !m->entry)
			m->p->on_standby(m->owner);
	}
	if (m->entry)
		entry_tick(m->entry, now_ms);
	if (m->line && !line_tick(m->line, now_ms))
		mailbox_watch_stalled(m);
	if (m->state == MAILBOX_WATCHING)
		mailbox_watch_renew(m, now_ms);
}

static void on_timer(struct timer *t)
{
	struct mailbox *m = container_of(t, struct mailbox, timer);

	if (m->is_closing)
		return;
	tick(m, clock_mono_ms());
	mailbox_pump(m);
}

/* ---- from the worker ---- */

void mailbox_admit(struct mailbox *m)
{
	if (!m->is_closing)
		mailbox_life_admitted(m);
}

void mailbox_begin(struct mailbox *m, int64_t epoch)
{
	if (m->is_closing || m->state != MAILBOX_STANDBY)
		return;
	m->lease.epoch = epoch;
	open_vigil(m);
	chronicle_note(&m->notes, CHRONICLE_HANDOVER, clock_unix_us(), "%s", "");
	if (m->patient_ms > clock_mono_ms()) {
		m->wake_ms = m->patient_ms;
		mailbox_life_enter(m, MAILBOX_BACKING_OFF);
	} else {
		mailbox_life_start_load(m);
	}
	mailbox_arm(m);
}

void mailbox_poke(struct mailbox *m)
{
	if (m->is_closing || (m->state != MAILBOX_BACKING_OFF && m->state != MAILBOX_HELD))
		return;
	m->wake_ms = clock_mono_ms();
	mailbox_arm(m);
}

void mailbox_update(struct mailbox *m, const struct lease_inbox *row)
{
	bool moved;

	if (m->is_closing)
		return;
	moved = strcmp(m->host, row->imap_host) != 0 || m->port != row->imap_port ||
		strcmp(m->login_name, row->login_name) != 0;
	copy_row(m, row);
	/* A right that was refused and came back leaves its word there; this session never ended.
	 */
	if (standing_is(&m->standing, "live") && !row->is_live) {
		standing_forget(&m->standing);
		standing_say(&m->standing, "live", "", TEXT(""), 0);
	}
	/* Consent was given again, and the hint that said so came too early or not at all: whether
	 * the refusal was believed already, or is in doubt. */
	if ((m->state == MAILBOX_HELD || (m->state == MAILBOX_BACKING_OFF && m->pass.doubts > 0)) &&
	    row->token_version > m->pass.version && row->token_version > m->poked_version) {
		m->poked_version = row->token_version;
		moved = true;
	}
	if (!moved)
		return;
	if (m->state == MAILBOX_BACKING_OFF || m->state == MAILBOX_HELD)
		chronicle_note(&m->notes, CHRONICLE_MENDED, clock_unix_us(), "%s", "");
	mailbox_poke(m);
}

/* Act on what was asked for from the loop, not from inside the call that asked. */
static void soon(struct mailbox *m)
{
	m->wake_ms = clock_mono_ms();
	mailbox_arm(m);
}

void mailbox_recheck(struct mailbox *m, const char *folder, int64_t uidvalidity, int64_t uid)
{
	if (m->is_closing || !m->vigil)
		return;
	vigil_recheck(m->vigil, folder, uidvalidity, uid);
	if (m->state == MAILBOX_WATCHING)
		soon(m);
}

void mailbox_probe(struct mailbox *m)
{
	if (m->is_closing || m->state != MAILBOX_WATCHING)
		return;
	vigil_probe(m->vigil);
	soon(m);
}

bool mailbox_provider_down(struct mailbox *m)
{
	static const char words[] =
		"many inboxes of this provider are not let in; it is tried with a few at a time";

	if (m->is_closing || !m->lease.epoch || m->state == MAILBOX_HELD ||
	    m->state == MAILBOX_LOST || mailbox_is_live(m))
		return false;
	mailbox_look(m);
	standing_say_until(&m->standing, "backing_off", "provider_down", text_of(words), 0,
			   m->standing.retry_at_us);
	mailbox_arm(m);
	return true;
}

int64_t mailbox_proven_us(const struct mailbox *m)
{
	return m->vigil ? vigil_proven_us(m->vigil) : INT64_MIN;
}

void mailbox_gap_open(struct mailbox *m)
{
	if (m->is_closing || !m->vigil)
		return;
	vigil_gap_open(m->vigil);
	if (m->state == MAILBOX_WATCHING)
		soon(m);
}

size_t mailbox_take_proofs(struct mailbox *m, struct folder_proof *ret, size_t max)
{
	return m->is_closing || !m->vigil ? 0 : vigil_take_proofs(m->vigil, ret, max);
}

size_t mailbox_take_notes(struct mailbox *m, struct timeline_note *ret, size_t max)
{
	if (m->is_closing)
		return 0;
	tell_commands(m);
	return chronicle_take(&m->notes, m->workspace, m->inbox, ret, max);
}
