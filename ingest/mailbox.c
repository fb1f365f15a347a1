/*
 * The life of one inbox in a worker: admitted, its rows loaded, a credential asked
 * for, connected, logged in, watched; then again from the start, sooner or later
 * as the plight of its last connection says.  Before an access token ends, the next
 * one is asked for while the old connection still watches.
 *
 * house: long, one state machine with the calls that drive it
 */
#include "ingest/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/io/timer.h"
#include "base/keyed.h"
#include "base/mem.h"
#include "ingest/line.h"
#include "ingest/pass.h"
#include "ingest/plight.h"
#include "ingest/standing.h"
#include "ingest/vigil.h"

static void on_answer(void *owner, const struct token_answer *a);
static void on_line(void *owner);
static void on_over(void *owner, const struct outcome *why);
static void on_step(void *owner);
static void on_timer(struct timer *t);
static void on_told(void *owner);
static void on_closed(struct timer *t);
static void pump(struct mailbox *m);

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS   (5 * 60 * 1000)
#define SURVIVE_MS     (60 * 1000)
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

struct mailbox {
	struct mailbox_params p;
	enum mailbox_state state;
	bool is_closing;
	struct log log;
	char workspace[LEASE_UUID], inbox[LEASE_UUID];
	char *address, *host, *login_name;
	uint16_t port;
	enum conn_security security;
	struct folder_lease lease;
	struct secret key; /* of the workspace */
	struct timer timer;
	struct standing standing;
	struct vigil *vigil;
	struct pass pass;
	int64_t poked_version; /* of the credential that last woke a held inbox */
	struct line *line;     /* NULL: not connected */
	struct backoff backoff;
	uint64_t wake_ms;  /* of the states that wait for time */
	uint64_t since_ms; /* when the session became ready */
	bool was_live;     /* the log said so of this session */
};

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
	return m->line ? line_waiting_for(m->line) : state_waits[m->state];
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
	if (m->p.is_clear)
		m->security = CONN_CLEAR;
}

struct mailbox *mailbox_open(const struct mailbox_params *p, const struct lease_inbox *row)
{
	struct mailbox *m = mem_new(sizeof(*m));

	m->p = *p;
	log_child(&m->log, p->log, "inbox=%s", row->inbox);
	memcpy(m->workspace, row->workspace, strnlen(row->workspace, sizeof(m->workspace) - 1));
	memcpy(m->inbox, row->inbox, strnlen(row->inbox, sizeof(m->inbox) - 1));
	m->lease = (struct folder_lease){ m->workspace, m->inbox, row->epoch };
	m->address = mem_text(row->address);
	copy_row(m, row);
	keyed_workspace_key(p->digest_master, text_of(m->workspace), &m->key);
	backoff_init(&m->backoff, p->retry_first_ms ? p->retry_first_ms : RETRY_FIRST_MS,
		     RETRY_MAX_MS, SURVIVE_MS);
	standing_init(&m->standing, p->pg, &m->lease, m->address, m, on_told);
	m->wake_ms = NEVER;
	pass_init(&m->pass, p->tokens, m->workspace, m->inbox, m, on_answer);
	timer_open(&m->timer, p->loop, on_timer);
	const struct vigil_params vp = {
		.pg = p->pg,
		.log = &m->log,
		.lease = m->lease,
		.address = m->address,
		.key = &m->key,
		.rand = p->rand,
		.provider = provider_table_find(p->providers, text_of(row->provider)),
		.lookback_ms = p->lookback_ms,
		.proof_ms = p->proof_ms,
		.text_max = p->text_max,
		.owner = m,
		.on_step = on_step,
	};

	m->vigil = vigil_open(&vp);
	m->state = MAILBOX_WAITING;
	return m;
}

/* The connection and all that hangs on it. */
static void close_session(struct mailbox *m)
{
	vigil_end(m->vigil);
	line_drop(m->line);
	m->line = NULL;
	pass_over(&m->pass);
}

void mailbox_drop(struct mailbox *m)
{
	if (!m || m->is_closing)
		return;
	m->is_closing = true;
	close_session(m);
	pass_clear(&m->pass);
	standing_clear(&m->standing);
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

/* ---- states ---- */

static void arm(struct mailbox *m)
{
	const uint64_t all[] = {
		m->wake_ms,
		m->pass.renew_ms,
		m->line ? line_deadline(m->line) : NEVER,
		vigil_deadline(m->vigil),
		standing_deadline(&m->standing),
	};
	uint64_t at = NEVER;

	for (size_t i = 0; i < countof(all); i++)
		if (all[i] < at)
			at = all[i];
	timer_at(&m->timer, at);
}

static bool is_attempt(enum mailbox_state s)
{
	return s == MAILBOX_LOADING || s == MAILBOX_ASKING || s == MAILBOX_CONNECTING ||
	       s == MAILBOX_LOGGING_IN;
}

static void enter(struct mailbox *m, enum mailbox_state state)
{
	enum mailbox_state was = m->state;

	m->state = state;
	if (is_attempt(was) && !is_attempt(state))
		m->p.on_settled(m->p.owner);
	if (state == MAILBOX_WAITING)
		m->p.on_want(m->p.owner);
}

static void wait_until(struct mailbox *m, enum mailbox_state state, uint64_t wait_ms)
{
	m->wake_ms = clock_mono_ms() + wait_ms;
	enter(m, state);
	arm(m);
}

static void lost(struct mailbox *m)
{
	if (m->state == MAILBOX_LOST)
		return;
	close_session(m);
	m->wake_ms = NEVER;
	enter(m, MAILBOX_LOST);
	m->p.on_lost(m->p.owner, "fenced");
}

static void on_told(void *owner)
{
	struct mailbox *m = owner;

	if (m->standing.is_fenced)
		lost(m);
	else
		arm(m);
}

static void start_ask(struct mailbox *m);

/* The one place where a failure becomes what follows from it. */
static void suffer(struct mailbox *m, const struct plight *p, const struct outcome *told)
{
	const struct outcome why = *told; /* it may go with the connection */
	const char *waiting_for = mailbox_waiting_for(m);
	uint64_t lived_ms = m->state == MAILBOX_WATCHING ? clock_mono_ms() - m->since_ms : 0;
	bool was_login = m->state == MAILBOX_LOGGING_IN;
	uint64_t wait_ms = p->wait_ms;
	int64_t refused = 0;

	backoff_lived(&m->backoff, lived_ms);
	close_session(m);
	if (p->kind != PLIGHT_HOLD) {
		uint64_t back_ms = backoff_failed(&m->backoff, m->p.rand);

		wait_ms = back_ms > wait_ms ? back_ms : wait_ms;
	}
	log_warn(&m->log, p->kind == PLIGHT_HOLD ? "imap.held" : "imap.over",
		 "blame=%s what=%s said=%s reason=%s waiting_for=%s retry_ms=%llu",
		 outcome_blame_name(why.blame), why.what, why.said, p->reason, waiting_for,
		 p->kind == PLIGHT_FRESH ? 0ULL : (unsigned long long)wait_ms);
	if (p->kind == PLIGHT_FRESH) {
		pass_refused(&m->pass);
		start_ask(m);
		return;
	}
	/* A fresh credential was refused: only a later one is worth a try, and somebody must be
	 * told. */
	if (p->kind == PLIGHT_HOLD && was_login && strcmp(p->state, "reauth_required") == 0) {
		refused = m->pass.version;
		pass_refused(&m->pass);
	}
	standing_say(&m->standing, p->state, p->reason, text_of(why.said[0] ? why.said : why.what),
		     refused);
	wait_until(m, p->kind == PLIGHT_HOLD ? MAILBOX_HELD : MAILBOX_BACKING_OFF, wait_ms);
}

/* ---- admission and loading ---- */

static void start_load(struct mailbox *m)
{
	m->wake_ms = NEVER;
	enter(m, MAILBOX_LOADING);
	if (vigil_load(m->vigil))
		wait_until(m, MAILBOX_BACKING_OFF, backoff_failed(&m->backoff, m->p.rand));
}

void mailbox_admit(struct mailbox *m)
{
	if (!m->is_closing && m->state == MAILBOX_WAITING)
		start_load(m);
}

static void loaded(struct mailbox *m)
{
	if (vigil_trouble(m->vigil) == VIGIL_FENCED) {
		lost(m);
	} else if (!vigil_is_loaded(m->vigil)) {
		wait_until(m, MAILBOX_BACKING_OFF, backoff_failed(&m->backoff, m->p.rand));
	} else {
		if (!m->standing.state)
			standing_say(&m->standing, "connecting", "", TEXT(""), 0);
		start_ask(m);
	}
}

/* ---- token ---- */

static void start_connect(struct mailbox *m);

static void start_ask(struct mailbox *m)
{
	const struct outcome none =
		outcome_of(BLAME_NET, "token", TEXT("the token desk does not answer"));
	struct plight p = plight_of_token(&none, "");

	if (pass_is_fresh(&m->pass, clock_unix_s())) {
		start_connect(m);
		return;
	}
	enter(m, MAILBOX_ASKING);
	if (pass_ask(&m->pass))
		suffer(m, &p, &none);
}

/* While the session goes on: the next token, before this one ends.  If none comes, the session ends
 * by itself. */
static void renewed(struct mailbox *m)
{
	if (m->pass.state == PASS_FRESH)
		vigil_leave(m->vigil);
	else
		pass_later(&m->pass, clock_mono_ms());
	pump(m);
}

static void on_answer(void *owner, const struct token_answer *a)
{
	struct mailbox *m = owner;
	struct plight p;

	if (m->state == MAILBOX_WATCHING) {
		renewed(m);
		return;
	}
	if (m->is_closing || m->state != MAILBOX_ASKING)
		return;
	if (outcome_ok(&a->outcome)) {
		start_connect(m);
		return;
	}
	p = plight_of_token(&a->outcome, a->reason);
	suffer(m, &p, &a->outcome);
}

/* ---- connection ---- */

static void start_connect(struct mailbox *m)
{
	const struct line_params lp = {
		.loop = m->p.loop,
		.tls = m->p.tls,
		.policy = m->p.policy,
		.host = m->host,
		.port = m->port,
		.security = m->security,
		.user = m->login_name,
		.credential = &m->pass.secret,
		.is_password = m->pass.is_password,
		.idle_renew_ms = m->p.idle_renew_ms,
		.rawlog_dir = m->p.rawlog_dir,
		.inbox = m->inbox,
		.owner = m,
		.on_step = on_line,
		.on_over = on_over,
	};
	const struct plight p = { PLIGHT_RETRY, "backing_off", "bad_host", RETRY_MAX_MS };
	int r;

	enter(m, MAILBOX_CONNECTING);
	r = line_open(&lp, &m->line);
	if (r) {
		const struct outcome o = outcome_of(BLAME_US, "host name", text_of(strerror(-r)));

		suffer(m, &p, &o);
	}
}

static void on_line(void *owner)
{
	struct mailbox *m = owner;

	if (m->state == MAILBOX_CONNECTING)
		enter(m, MAILBOX_LOGGING_IN);
	pump(m);
}

static void on_over(void *owner, const struct outcome *why)
{
	struct plight p = plight_of_conn(why);

	suffer(owner, &p, why);
}

/* ---- the session ---- */

static void ready(struct mailbox *m, const struct imap_event *ev)
{
	m->since_ms = clock_mono_ms();
	m->was_live = false;
	pass_used(&m->pass, clock_unix_s(), m->since_ms);
	if (!m->standing.state || strcmp(m->standing.state, "live") != 0)
		standing_say(&m->standing, "catching_up", "", TEXT(""), 0);
	enter(m, MAILBOX_WATCHING);
	vigil_begin(m->vigil, line_session(m->line), ev->ready.caps, m->since_ms);
}

static void session_over(struct mailbox *m, const struct imap_verdict *v)
{
	struct plight p = plight_of_imap(v, m->pass.refused_version != 0, m->pass.is_password);

	/* A planned change: the next credential is here. */
	if (m->state == MAILBOX_WATCHING && m->pass.state == PASS_FRESH) {
		close_session(m);
		log_info(&m->log, "imap.renewed", "version=%lld", (long long)m->pass.version);
		start_load(m);
		return;
	}
	suffer(m, &p, &v->outcome);
}

/* One event.  false: the session is over. */
static bool heard(struct mailbox *m, const struct imap_event *ev)
{
	struct imap_verdict over;

	if (ev->kind == IMAP_EV_BYE || ev->kind == IMAP_EV_FAILED) {
		over = *ev->over.verdict; /* it goes with the session */
		session_over(m, &over);
		return false;
	}
	if (ev->kind == IMAP_EV_READY)
		ready(m, ev);
	else if (ev->kind == IMAP_EV_ALERT)
		log_warn(&m->log, "imap.alert", "waiting_for=%s", mailbox_waiting_for(m));
	else if (ev->kind == IMAP_EV_ODD)
		log_debug(&m->log, "imap.odd", "bytes=%zu", ev->odd.said.len);
	else if (m->state == MAILBOX_WATCHING)
		vigil_heard(m->vigil, ev, clock_mono_ms(), clock_unix_us());
	return true;
}

static void now_live(struct mailbox *m)
{
	if (m->was_live)
		return;
	m->was_live = true;
	log_info(&m->log, "imap.live", "after_ms=%llu",
		 (unsigned long long)(clock_mono_ms() - m->since_ms));
	standing_say(&m->standing, "live", "", TEXT(""), 0);
}

/* What the vigil has come to.  false: the session is over. */
static bool in_order(struct mailbox *m)
{
	const struct imap_verdict again = { outcome_of(BLAME_NET, "folder changed", TEXT("")),
					    IMAP_REMEDY_RETRY, 0 };
	struct imap_verdict v;

	switch (vigil_trouble(m->vigil)) {
	case VIGIL_SOUND:
		if (vigil_is_live(m->vigil))
			now_live(m);
		if (vigil_has_proofs(m->vigil))
			m->p.on_proof(m->p.owner);
		return true;
	case VIGIL_FENCED:
		lost(m);
		return false;
	case VIGIL_STALE:
		session_over(m, &again);
		return false;
	case VIGIL_REFUSED:
		v = *vigil_verdict(m->vigil);
		session_over(m, &v);
		return false;
	}
	return true;
}

/* After bytes came, a timer fired, a transaction was answered. */
static void pump(struct mailbox *m)
{
	const struct imap_verdict stalled = { outcome_of(BLAME_PEER, "commands",
							 TEXT("the server does not read")),
					      IMAP_REMEDY_RETRY, 0 };
	const struct imap_verdict left = { outcome_of(BLAME_NET, "session", TEXT("over")),
					   IMAP_REMEDY_RETRY, 0 };
	struct imap_event ev;

	if (m->is_closing)
		return;
	while (m->line && line_next(m->line, &ev))
		if (!heard(m, &ev))
			return;
	if (m->line && m->state == MAILBOX_WATCHING) {
		vigil_act(m->vigil, clock_mono_ms(), clock_unix_us());
		if (!in_order(m))
			return;
	}
	if (m->line && !line_flush(m->line)) {
		session_over(m, &stalled);
		return;
	}
	if (m->line && line_is_done(m->line)) {
		session_over(m, &left);
		return;
	}
	arm(m);
}

static void on_step(void *owner)
{
	struct mailbox *m = owner;

	if (m->is_closing || m->state == MAILBOX_LOST)
		return;
	if (m->state == MAILBOX_LOADING)
		loaded(m);
	else
		pump(m);
}

static void on_timer(struct timer *t)
{
	struct mailbox *m = container_of(t, struct mailbox, timer);
	uint64_t now_ms = clock_mono_ms();

	if (m->is_closing)
		return;
	standing_tick(&m->standing, now_ms);
	if (now_ms >= m->wake_ms) {
		m->wake_ms = NEVER;
		if (m->state == MAILBOX_BACKING_OFF || m->state == MAILBOX_HELD)
			enter(m, MAILBOX_WAITING);
	}
	if (m->state == MAILBOX_WATCHING && pass_is_due(&m->pass, now_ms) && pass_ask(&m->pass))
		pass_later(&m->pass, now_ms);
	if (m->line)
		line_tick(m->line, now_ms);
	pump(m);
}

/* ---- from the worker ---- */

void mailbox_poke(struct mailbox *m)
{
	if (m->is_closing || (m->state != MAILBOX_BACKING_OFF && m->state != MAILBOX_HELD))
		return;
	m->wake_ms = clock_mono_ms();
	arm(m);
}

void mailbox_update(struct mailbox *m, const struct lease_inbox *row)
{
	bool moved;

	if (m->is_closing)
		return;
	moved = strcmp(m->host, row->imap_host) != 0 || m->port != row->imap_port ||
		strcmp(m->login_name, row->login_name) != 0;
	copy_row(m, row);
	/* Consent was given again, and the hint that said so came too early or not at all. */
	if (m->state == MAILBOX_HELD && row->token_version > m->pass.version &&
	    row->token_version > m->poked_version) {
		m->poked_version = row->token_version;
		moved = true;
	}
	if (moved)
		mailbox_poke(m);
}

void mailbox_recheck(struct mailbox *m, const char *folder, int64_t uidvalidity, int64_t uid)
{
	if (m->is_closing || m->state != MAILBOX_WATCHING)
		return;
	vigil_recheck(m->vigil, folder, uidvalidity, uid);
	m->wake_ms = clock_mono_ms(); /* act on it from the loop, not from inside this call */
	arm(m);
}

size_t mailbox_take_proofs(struct mailbox *m, struct folder_proof *ret, size_t max)
{
	return m->is_closing ? 0 : vigil_take_proofs(m->vigil, ret, max);
}
