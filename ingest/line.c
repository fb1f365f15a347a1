#include "ingest/line.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/rawlog.h"

static void on_up(void *owner);
static void on_bytes(void *owner, const uint8_t *p, size_t n);
static void on_over(void *owner, const struct outcome *why);

struct line {
	struct line_params p;
	char *host, *user;
	struct conn *conn;
	struct imap_session *session; /* NULL: not connected yet */
	struct rawlog *rawlog;
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
		.owner = l,
		.on_up = on_up,
		.on_bytes = on_bytes,
		.on_over = on_over,
	};
	int r;

	l->p = *p;
	l->host = mem_text(p->host);
	l->user = mem_text(p->user);
	r = conn_open(p->loop, &cp, &l->conn);
	if (r)
		line_drop(l);
	else
		*ret = l;
	return r;
}

void line_drop(struct line *l)
{
	if (!l)
		return;
	imap_session_free(l->session);
	conn_drop(l->conn);
	rawlog_close(l->rawlog);
	free(l->host);
	free(l->user);
	free(l);
}

static void begin(struct line *l)
{
	const struct imap_params ip = {
		.tls = l->p.security == CONN_STARTTLS ? IMAP_TLS_STARTTLS : IMAP_TLS_IMPLICIT,
		.kind = l->p.is_password ? IMAP_CREDENTIAL_PASSWORD : IMAP_CREDENTIAL_TOKEN,
		.credential = l->p.credential,
		.user = text_of(l->user),
		.host = text_of(l->host),
		.port = l->p.port,
		.id = { { TEXT("name"), TEXT("replyd") } },
		.idle_renew_ms = l->p.idle_renew_ms,
	};

	l->session = imap_session_new(&ip, clock_mono_ms());
	l->rawlog = rawlog_open(l->p.rawlog_dir, l->p.inbox);
}

static void on_up(void *owner)
{
	struct line *l = owner;

	if (l->session)
		imap_session_tls_up(l->session, clock_mono_ms()); /* again, after STARTTLS */
	else
		begin(l);
	l->p.on_step(l->p.owner);
}

static void on_bytes(void *owner, const uint8_t *p, size_t n)
{
	struct line *l = owner;

	rawlog_in(l->rawlog, p, n);
	/* The pump drains every event before it returns, and one read is smaller than
	 * IMAP_RECV_MAX. */
	if (l->session && imap_session_recv(l->session, p, n, clock_mono_ms()) < 0)
		imap_session_eof(l->session, clock_mono_ms());
	l->p.on_step(l->p.owner);
}

static void on_over(void *owner, const struct outcome *why)
{
	struct line *l = owner;

	/* The session knows what a cut means where it stands; what broke TLS or was not allowed, it
	 * does not. */
	if (l->session && why->blame == BLAME_NET) {
		imap_session_eof(l->session, clock_mono_ms());
		l->p.on_step(l->p.owner);
	} else {
		l->p.on_over(l->p.owner, why);
	}
}

struct imap_session *line_session(struct line *l)
{
	return l->session;
}

bool line_next(struct line *l, struct imap_event *ret)
{
	while (l->session && imap_session_next(l->session, ret)) {
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
	}
	return true;
}

bool line_is_done(const struct line *l)
{
	return l->session && imap_session_done(l->session);
}

uint64_t line_deadline(const struct line *l)
{
	return l->session ? imap_session_deadline(l->session) : UINT64_MAX;
}

void line_tick(struct line *l, uint64_t now_ms)
{
	if (l->session)
		imap_session_tick(l->session, now_ms);
}

const char *line_waiting_for(const struct line *l)
{
	return l->session ? imap_session_waiting_for(l->session) : conn_waiting_for(l->conn);
}
