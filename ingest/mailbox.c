/*
 * The life of one inbox in a worker: admitted, its rows loaded, a credential asked
 * for, connected, logged in, watched; then again from the start, sooner or later
 * as the plight of its last connection says.  Before an access token ends, the next
 * one is asked for while the old connection still watches.
 */
#include "ingest/mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/io/conn.h"
#include "base/io/timer.h"
#include "base/keyed.h"
#include "base/mem.h"
#include "ingest/imap/imap_session.h"
#include "ingest/plight.h"
#include "ingest/rawlog.h"
#include "ingest/standing.h"
#include "ingest/vigil.h"

static void on_token(struct token_ask *a, const struct token_answer *answer);
static void on_up(void *owner);
static void on_bytes(void *owner, const uint8_t *p, size_t n);
static void on_over(void *owner, const struct outcome *why);
static void on_step(void *owner);
static void on_timer(struct timer *t);
static void on_fenced(void *owner);
static void on_closed(struct timer *t);

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS   (5 * 60 * 1000)
#define SURVIVE_MS     (60 * 1000)
#define RENEW_MAX_S                                                                                \
	100 /* ask for the next token so long before the end, or a quarter of its life */
#define RENEW_AGAIN_MS 5000
#define USABLE_S       5 /* of its life a token needs for a login */
#define NEVER          UINT64_MAX

static const char *const state_names[] = {
#define MAILBOX_STATE(name, word) word,
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

	struct token_ask ask;
	struct secret credential;
	bool is_password;
	int64_t version, refused_version, expires_at;
	enum mailbox_credential {
		MAILBOX_HAS_NONE,
		MAILBOX_HAS_OLD,   /* the session uses it */
		MAILBOX_HAS_FRESH, /* for the next connection */
	} has;

	struct conn *conn;
	struct imap_session *session;
	struct rawlog *rawlog;
	struct backoff backoff;
	uint64_t wake_ms;  /* of the states that wait for time */
	uint64_t renew_ms; /* ask for the next token */
	uint64_t since_ms; /* when the session became ready */
	bool was_live;     /* the log said so of this session */
};

static void pump(struct mailbox *m);

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
	switch (m->state) {
	case MAILBOX_WAITING:
		return "admission";
	case MAILBOX_LOADING:
		return "database";
	case MAILBOX_ASKING:
		return "token";
	case MAILBOX_CONNECTING:
		return m->conn ? conn_waiting_for(m->conn) : "connection";
	case MAILBOX_LOGGING_IN:
		return m->session ? imap_session_waiting_for(m->session) : "greeting";
	case MAILBOX_WATCHING:
		return vigil_waiting_for(m->vigil);
	case MAILBOX_BACKING_OFF:
		return "another try";
	case MAILBOX_HELD:
		return "somebody to mend it";
	case MAILBOX_LOST:
		break;
	}
	return "its owner";
}

/* ---- open and drop ---- */

static void copy_text(char **dst, const char *src)
{
	char *old = *dst;

	*dst = mem_text(src);
	free(old);
}

/* Where it is reached; the address itself never changes, others borrow it. */
static void copy_row(struct mailbox *m, const struct lease_inbox *row)
{
	copy_text(&m->host, row->imap_host);
	copy_text(&m->login_name, row->login_name);
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
	standing_init(&m->standing, p->pg, &m->lease, m->address, m, on_fenced);
	m->wake_ms = m->renew_ms = NEVER;
	timer_open(&m->timer, p->loop, on_timer);
	const struct vigil_params vp = {
		.pg = p->pg,
		.log = &m->log,
		.lease = m->lease,
		.address = m->address,
		.key = &m->key,
		.rand = p->rand,
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
	imap_session_free(m->session);
	m->session = NULL;
	conn_drop(m->conn);
	m->conn = NULL;
	rawlog_close(m->rawlog);
	m->rawlog = NULL;
	m->renew_ms = NEVER;
}

void mailbox_drop(struct mailbox *m)
{
	if (!m || m->is_closing)
		return;
	m->is_closing = true;
	close_session(m);
	m->p.tokens->cancel(m->p.tokens->owner, &m->ask);
	standing_clear(&m->standing);
	vigil_drop(m->vigil);
	m->vigil = NULL;
	secret_clear(&m->credential);
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
		m->renew_ms,
		m->session ? imap_session_deadline(m->session) : NEVER,
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

static void on_fenced(void *owner)
{
	lost(owner);
}

static void start_ask(struct mailbox *m);

/* The one place where a failure becomes what follows from it. */
static void suffer(struct mailbox *m, const struct plight *p, const struct outcome *why)
{
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
		 outcome_blame_name(why->blame), why->what, why->said, p->reason, waiting_for,
		 p->kind == PLIGHT_FRESH ? 0ULL : (unsigned long long)wait_ms);
	if (p->kind == PLIGHT_FRESH) {
		m->refused_version = m->version;
		m->has = MAILBOX_HAS_NONE;
		enter(m, MAILBOX_ASKING);
		start_ask(m);
		return;
	}
	/* A fresh credential was refused: only a later one is worth a try, and somebody must be
	 * told. */
	if (p->kind == PLIGHT_HOLD && was_login && strcmp(p->state, "reauth_required") == 0)
		m->refused_version = refused = m->version;
	standing_say(&m->standing, p->state, p->reason,
		     text_of(why->said[0] ? why->said : why->what), refused);
	if (p->kind == PLIGHT_HOLD || m->has == MAILBOX_HAS_OLD)
		m->has = MAILBOX_HAS_NONE;
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

	if (m->has == MAILBOX_HAS_FRESH && m->expires_at - clock_unix_s() > USABLE_S) {
		start_connect(m);
		return;
	}
	enter(m, MAILBOX_ASKING);
	m->ask.workspace = m->workspace;
	m->ask.inbox = m->inbox;
	m->ask.refused_version = m->refused_version;
	m->ask.answered = on_token;
	m->p.tokens->cancel(m->p.tokens->owner, &m->ask);
	if (m->p.tokens->ask(m->p.tokens->owner, &m->ask))
		suffer(m, &p, &none);
}

/* While the session goes on: the next token, before this one ends. */
static void start_renew(struct mailbox *m)
{
	m->renew_ms = NEVER;
	m->ask.workspace = m->workspace;
	m->ask.inbox = m->inbox;
	m->ask.refused_version = m->refused_version;
	m->ask.answered = on_token;
	m->p.tokens->cancel(m->p.tokens->owner, &m->ask);
	if (m->p.tokens->ask(m->p.tokens->owner, &m->ask))
		m->renew_ms = clock_mono_ms() + RENEW_AGAIN_MS;
}

static void take_token(struct mailbox *m, const struct token_answer *a)
{
	secret_set(&m->credential, a->secret->data, a->secret->len);
	m->is_password = a->is_password;
	m->version = a->version;
	m->expires_at = a->expires_at;
	m->has = MAILBOX_HAS_FRESH;
}

/* The session still lives with the old one; it ends by itself if nothing better comes. */
static void renewed(struct mailbox *m, const struct token_answer *a)
{
	if (outcome_ok(&a->outcome) && a->version != m->version) {
		take_token(m, a);
		vigil_leave(m->vigil);
	} else {
		m->renew_ms = clock_mono_ms() + RENEW_AGAIN_MS;
	}
	pump(m);
}

static void on_token(struct token_ask *ask, const struct token_answer *a)
{
	struct mailbox *m = container_of(ask, struct mailbox, ask);
	struct plight p;

	if (m->is_closing)
		return;
	if (m->state == MAILBOX_WATCHING) {
		renewed(m, a);
		return;
	}
	if (m->state != MAILBOX_ASKING)
		return;
	if (outcome_ok(&a->outcome)) {
		take_token(m, a);
		start_connect(m);
		return;
	}
	p = plight_of_token(&a->outcome, a->reason);
	suffer(m, &p, &a->outcome);
}

/* ---- connection ---- */

static void start_connect(struct mailbox *m)
{
	const struct conn_params cp = {
		.host = m->host,
		.port = m->port,
		.security = m->security,
		.tls = m->p.tls,
		.policy = m->p.policy,
		.owner = m,
		.on_up = on_up,
		.on_bytes = on_bytes,
		.on_over = on_over,
	};
	int r;

	enter(m, MAILBOX_CONNECTING);
	r = conn_open(m->p.loop, &cp, &m->conn);
	if (r) {
		const struct outcome o = outcome_of(BLAME_US, "host name", text_of(strerror(-r)));
		const struct plight p = { PLIGHT_RETRY, "backing_off", "bad_host", RETRY_MAX_MS };

		suffer(m, &p, &o);
	}
}

static void on_up(void *owner)
{
	struct mailbox *m = owner;
	const uint64_t now_ms = clock_mono_ms();
	const struct imap_params ip = {
		.tls = m->security == CONN_STARTTLS ? IMAP_TLS_STARTTLS : IMAP_TLS_IMPLICIT,
		.kind = m->is_password ? IMAP_CREDENTIAL_PASSWORD : IMAP_CREDENTIAL_TOKEN,
		.credential = &m->credential,
		.user = text_of(m->login_name),
		.host = text_of(m->host),
		.port = m->port,
		.id = { { TEXT("name"), TEXT("replyd") } },
		.idle_renew_ms = m->p.idle_renew_ms,
	};

	if (m->session) { /* again, after STARTTLS */
		imap_session_tls_up(m->session, now_ms);
	} else {
		m->session = imap_session_new(&ip, now_ms);
		m->rawlog = rawlog_open(m->p.rawlog_dir, m->inbox);
		enter(m, MAILBOX_LOGGING_IN);
	}
	pump(m);
}

static void on_bytes(void *owner, const uint8_t *p, size_t n)
{
	struct mailbox *m = owner;
	struct imap_event ev;

	rawlog_in(m->rawlog, p, n);
	if (!m->session)
		return;
	if (imap_session_recv(m->session, p, n, clock_mono_ms()) < 0) {
		/* the pump left events behind: ours, and never so */
		while (imap_session_next(m->session, &ev))
			;
	}
	pump(m);
}

static void on_over(void *owner, const struct outcome *why)
{
	struct mailbox *m = owner;
	struct plight p = plight_of_conn(why);

	/* What broke TLS says more than that the session was cut; else the session knows what it
	 * means. */
	if (m->session && why->blame == BLAME_NET) {
		imap_session_eof(m->session, clock_mono_ms());
		pump(m);
	}
	if (m->conn)
		suffer(m, &p, why);
}

/* ---- the session ---- */

static void plan_renewal(struct mailbox *m)
{
	int64_t left_s = m->expires_at - clock_unix_s(), ahead_s = left_s / 4;

	m->renew_ms = NEVER;
	if (m->is_password || m->expires_at == INT64_MAX)
		return;
	if (ahead_s > RENEW_MAX_S)
		ahead_s = RENEW_MAX_S;
	left_s -= ahead_s;
	m->renew_ms = clock_mono_ms() + (left_s > 1 ? (uint64_t)left_s * 1000 : 1000);
}

static void ready(struct mailbox *m, const struct imap_event *ev)
{
	m->since_ms = clock_mono_ms();
	m->has = MAILBOX_HAS_OLD;
	m->refused_version = 0;
	m->was_live = false;
	plan_renewal(m);
	if (!m->standing.state || strcmp(m->standing.state, "live") != 0)
		standing_say(&m->standing, "catching_up", "", TEXT(""), 0);
	enter(m, MAILBOX_WATCHING);
	vigil_begin(m->vigil, m->session, ev->ready.caps, m->since_ms);
}

static void session_over(struct mailbox *m, const struct imap_verdict *v)
{
	struct plight p = plight_of_imap(v, m->refused_version != 0, m->is_password);

	/* A planned change: the next credential is here. */
	if (m->state == MAILBOX_WATCHING && m->has == MAILBOX_HAS_FRESH) {
		close_session(m);
		log_info(&m->log, "imap.renewed", "version=%lld", (long long)m->version);
		start_load(m);
		return;
	}
	suffer(m, &p, &v->outcome);
}

/* One event.  false: the session is over, and what it was may be gone. */
static bool heard(struct mailbox *m, const struct imap_event *ev)
{
	struct imap_verdict over;

	switch (ev->kind) {
	case IMAP_EV_STARTTLS_NOW:
		conn_start_tls(m->conn);
		return true;
	case IMAP_EV_READY:
		ready(m, ev);
		return true;
	case IMAP_EV_BYE:
	case IMAP_EV_FAILED:
		over = *ev->over.verdict;
		session_over(m, &over);
		return false;
	case IMAP_EV_ALERT:
		log_warn(&m->log, "imap.alert", "role=%s", mailbox_waiting_for(m));
		return true;
	case IMAP_EV_ODD:
		log_debug(&m->log, "imap.odd", "bytes=%zu", ev->odd.said.len);
		return true;
	case IMAP_EV_FOLDER:
	case IMAP_EV_EXAMINED:
	case IMAP_EV_LOWEST_UID:
	case IMAP_EV_MESSAGE:
	case IMAP_EV_PART:
	case IMAP_EV_STATUS:
	case IMAP_EV_EXISTS:
	case IMAP_EV_EXPUNGE:
	case IMAP_EV_VANISHED:
	case IMAP_EV_IDLING:
	case IMAP_EV_DONE:
		break;
	}
	if (m->state == MAILBOX_WATCHING)
		vigil_heard(m->vigil, ev, clock_mono_ms(), clock_unix_us());
	return true;
}

/* Everything the session wants to say goes out.  false: the peer does not take it. */
static bool flush(struct mailbox *m)
{
	const uint8_t *p;
	size_t n, from, len;

	while ((n = imap_session_send(m->session, &p)) > 0) {
		if (!imap_session_secret(m->session, &from, &len))
			from = len = 0;
		rawlog_out(m->rawlog, p, n, from, len);
		if (conn_write(m->conn, p, n) < 0)
			return false;
		imap_session_sent(m->session, n);
	}
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
	while (m->session && imap_session_next(m->session, &ev))
		if (!heard(m, &ev))
			return;
	if (m->session && m->state == MAILBOX_WATCHING) {
		vigil_act(m->vigil, clock_mono_ms(), clock_unix_us());
		if (!in_order(m))
			return;
	}
	if (m->session && !flush(m)) {
		session_over(m, &stalled);
		return;
	}
	if (m->session && imap_session_done(m->session)) {
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
	if (m->state == MAILBOX_WATCHING && now_ms >= m->renew_ms)
		start_renew(m);
	if (m->session)
		imap_session_tick(m->session, now_ms);
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
