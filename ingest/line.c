#include "ingest/line.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/dialogue.h"
#include "ingest/rawlog.h"
#include "ingest/veil.h"

static void on_up(void *owner);
static void on_bytes(void *owner, const uint8_t *p, size_t n);
static void on_over(void *owner, const struct outcome *why);

#define WHOLE_MS                                                                                   \
	(UINT64_C(5) * 60 * 1000) /* 512 KB of a text part at 2 KB/s, and nobody is so slow */
#define KEEP_MS                                                                                    \
	(UINT64_C(24) * 3600 * 1000) /* a bug of ours meets every inbox, and disks are small */
#define NEVER UINT64_MAX

/* What is needed until there is a session, and then no more. */
struct opening {
	struct line_params p;
	char *host, *user;
};

struct line {
	struct line_owner owner;
	struct opening *opening; /* NULL: the session has it */
	struct conn *conn;
	struct imap_session *session; /* NULL: not connected yet */
	struct rawlog *rawlog;
	struct veil *veil;         /* until the login is over */
	struct dialogue *dialogue; /* while the server owes us an answer, and after a refusal */
	bool was_refused;
	uint32_t *verbs;
	uint64_t whole_ms,
		asked_ms; /* since when the server owes us an answer; NEVER: it does not */
};

int line_open(const struct line_params *p, struct line **ret)
{
	struct line *l = mem_new(sizeof(*l));
	const struct conn_params cp = {
		.host = p->host,
		.port = p->port,
		.security = p->security,
		.tls = p->tls,
		.policy = p->policy,
		.connect_timeout_ms = p->patience.connect_ms,
		.owner = l,
		.on_up = on_up,
		.on_bytes = on_bytes,
		.on_over = on_over,
	};
	int r;

	l->owner = p->owner;
	l->verbs = p->verbs;
	l->opening = mem_new(sizeof(*l->opening));
	l->opening->p = *p;
	l->opening->host = mem_text(p->host);
	l->opening->user = mem_text(p->user);
	l->whole_ms = p->patience.whole_ms ? p->patience.whole_ms : WHOLE_MS;
	l->asked_ms = NEVER;
	r = conn_open(p->loop, &cp, &l->conn);
	if (r)
		line_drop(l);
	else
		*ret = l;
	return r;
}

static void close_opening(struct line *l)
{
	if (!l->opening)
		return;
	free(l->opening->host);
	free(l->opening->user);
	free(l->opening);
	l->opening = NULL;
}

void line_drop(struct line *l)
{
	if (!l)
		return;
	*l->verbs |= line_verbs(l);
	imap_session_free(l->session);
	conn_drop(l->conn);
	rawlog_close(l->rawlog);
	veil_free(l->veil);
	dialogue_free(l->dialogue);
	close_opening(l);
	free(l);
}

uint32_t line_verbs(const struct line *l)
{
	return l && l->session ? imap_session_verbs_sent(l->session) : 0;
}

void line_own(struct line *l, const struct line_owner *owner)
{
	l->owner = *owner;
}

static void end_dialogue(struct line *l)
{
	dialogue_free(l->dialogue);
	l->dialogue = NULL;
	l->was_refused = false;
}

static void begin(struct line *l)
{
	const struct line_params *p = &l->opening->p;
	const struct imap_params ip = {
		.tls = p->security == CONN_STARTTLS ? IMAP_TLS_STARTTLS : IMAP_TLS_IMPLICIT,
		.kind = p->is_password ? IMAP_CREDENTIAL_PASSWORD : IMAP_CREDENTIAL_TOKEN,
		.credential = p->credential,
		.user = text_of(l->opening->user),
		.host = text_of(l->opening->host),
		.port = p->port,
		.quirks = p->quirks,
		.id = { { TEXT("name"), TEXT("replyd") } },
		.greeting_ms = p->patience.greeting_ms,
		.command_ms = p->patience.command_ms,
		.idle_renew_ms = p->idle_renew_ms,
		.idle_done_ms = p->patience.done_ms,
	};

	l->asked_ms = clock_mono_ms();
	l->session = imap_session_new(&ip, l->asked_ms);
	l->rawlog = rawlog_open(p->is_rawlog_whole ? p->rawlog_dir : NULL, p->inbox);
	l->veil = veil_new(p->credential);
	close_opening(l);
}

static void on_up(void *owner)
{
	struct line *l = owner;

	if (l->session)
		imap_session_tls_up(l->session, clock_mono_ms()); /* again, after STARTTLS */
	else
		begin(l);
	l->owner.on_step(l->owner.owner);
}

/* ---- what is kept of the dialogue ---- */

static void keep_in(struct line *l, const void *p, size_t n)
{
	rawlog_in(l->rawlog, p, n);
	if (!l->dialogue)
		l->dialogue = dialogue_new();
	dialogue_in(l->dialogue, p, n);
}

static void keep_heard(struct line *l, const uint8_t *p, size_t n)
{
	struct text t;

	if (!l->veil) {
		keep_in(l, p, n);
		return;
	}
	veil_add(l->veil, p, n);
	while (veil_next(l->veil, &t))
		keep_in(l, t.at, t.len);
}

static void keep_said(struct line *l, const uint8_t *p, size_t n)
{
	size_t from, len;

	if (!imap_session_secret(l->session, &from, &len))
		from = len = 0;
	if (len && l->veil && from + len <= n)
		veil_told(l->veil, p + from, len);
	rawlog_out(l->rawlog, p, n, from, len);
	if (l->asked_ms == NEVER) /* another command: the dialogue is about it */
		end_dialogue(l);
	if (!l->dialogue)
		l->dialogue = dialogue_new();
	dialogue_out(l->dialogue, p, n, from, len);
}

/* Nobody repeats our credential from here on. */
static void lift_veil(struct line *l)
{
	struct text t;

	if (l->veil && veil_last(l->veil, &t))
		keep_in(l, t.at, t.len);
	veil_free(l->veil);
	l->veil = NULL;
}

void line_keep(struct line *l, const struct imap_verdict *v, const char *dir, const char *inbox,
	       uint64_t *kept_ms)
{
	uint64_t now_ms = clock_mono_ms();
	bool is_ours = v->remedy == IMAP_REMEDY_OURS || v->outcome.blame == BLAME_PEER;

	if (!is_ours || !l->dialogue || (*kept_ms && now_ms - *kept_ms < KEEP_MS))
		return;
	if (rawlog_keep(dir, inbox, dialogue_text(l->dialogue)))
		*kept_ms = now_ms;
}

/* ---- bytes and events ---- */

static void on_bytes(void *owner, const uint8_t *p, size_t n)
{
	struct line *l = owner;

	if (l->session)
		keep_heard(l, p, n);
	/* The pump drains every event before it returns, and one read is smaller than
	 * IMAP_RECV_MAX. */
	if (l->session && imap_session_recv(l->session, p, n, clock_mono_ms()) < 0)
		imap_session_eof(l->session, clock_mono_ms());
	l->owner.on_step(l->owner.owner);
}

static void on_over(void *owner, const struct outcome *why)
{
	struct line *l = owner;

	/* The session knows what a cut means where it stands; what broke TLS or was not allowed, it
	 * does not. */
	if (l->session && why->blame == BLAME_NET) {
		imap_session_eof(l->session, clock_mono_ms());
		l->owner.on_step(l->owner.owner);
	} else {
		l->owner.on_over(l->owner.owner, why);
	}
}

struct imap_session *line_session(struct line *l)
{
	return l->session;
}

/* What the event says of the answer that we wait for. */
static void note_answer(struct line *l, const struct imap_event *ev)
{
	if (ev->kind == IMAP_EV_READY)
		lift_veil(l);
	if (ev->kind == IMAP_EV_READY || ev->kind == IMAP_EV_DONE || ev->kind == IMAP_EV_IDLING)
		l->asked_ms = NEVER;
	if (ev->kind == IMAP_EV_DONE)
		l->was_refused = !outcome_ok(&ev->done.verdict->outcome);
}

bool line_next(struct line *l, struct imap_event *ret)
{
	while (l->session && imap_session_next(l->session, ret)) {
		note_answer(l, ret);
		if (ret->kind != IMAP_EV_STARTTLS_NOW)
			return true;
		(void)line_flush(l);
		conn_start_tls(l->conn);
	}
	if (l->asked_ms == NEVER && !l->was_refused)
		end_dialogue(l);
	return false;
}

bool line_flush(struct line *l)
{
	const uint8_t *p;
	size_t n;

	while (l->session && (n = imap_session_send(l->session, &p)) > 0) {
		keep_said(l, p, n);
		if (conn_write(l->conn, p, n) < 0)
			return false;
		imap_session_sent(l->session, n);
		if (l->asked_ms == NEVER)
			l->asked_ms = clock_mono_ms();
	}
	return true;
}

bool line_is_done(const struct line *l)
{
	return l->session && imap_session_done(l->session);
}

uint64_t line_deadline(const struct line *l)
{
	uint64_t at = l->session ? imap_session_deadline(l->session) : NEVER;

	if (l->asked_ms != NEVER && l->asked_ms + l->whole_ms < at)
		at = l->asked_ms + l->whole_ms;
	return at;
}

bool line_tick(struct line *l, uint64_t now_ms)
{
	if (l->session)
		imap_session_tick(l->session, now_ms);
	return l->asked_ms == NEVER || now_ms < l->asked_ms + l->whole_ms;
}

const char *line_waiting_for(const struct line *l)
{
	return l->session ? imap_session_waiting_for(l->session) : conn_waiting_for(l->conn);
}
