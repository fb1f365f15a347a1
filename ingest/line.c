#include "ingest/line.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/rawlog.h"

static void on_up(void *owner);
static void on_bytes(void *owner, const uint8_t *p, size_t n);
static void on_over(void *owner, const struct outcome *why);

#define WHOLE_MS                                                                                   \
	(UINT64_C(5) * 60 * 1000) /* 512 KB of a text part at 2 KB/s, and nobody is so slow */
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
	imap_session_free(l->session);
	conn_drop(l->conn);
	rawlog_close(l->rawlog);
	close_opening(l);
	free(l);
}

void line_own(struct line *l, const struct line_owner *owner)
{
	l->owner = *owner;
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
	l->rawlog = rawlog_open(p->rawlog_dir, p->inbox);
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

static void on_bytes(void *owner, const uint8_t *p, size_t n)
{
	struct line *l = owner;

	rawlog_in(l->rawlog, p, n);
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

bool line_next(struct line *l, struct imap_event *ret)
{
	while (l->session && imap_session_next(l->session, ret)) {
		if (ret->kind == IMAP_EV_READY || ret->kind == IMAP_EV_DONE ||
		    ret->kind == IMAP_EV_IDLING)
			l->asked_ms = NEVER;
		if (ret->kind != IMAP_EV_STARTTLS_NOW)
			return true;
		(void)line_flush(l);
		conn_start_tls(l->conn);
	}
	return false;
}

bool line_flush(struct line *l)
{
	const uint8_t *p;
	size_t n, from, len;

	while (l->session && (n = imap_session_send(l->session, &p)) > 0) {
		if (!imap_session_secret(l->session, &from, &len))
			from = len = 0;
		rawlog_out(l->rawlog, p, n, from, len);
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
