/*
 * The life of a connection: the name is looked up, its addresses are dialled
 * one after the other, the first that answers is spoken to, in TLS at once or
 * after conn_start_tls(); it ends by itself (the owner is told, once, from the
 * loop) or is dropped.  Memory goes when libuv has given back all it holds.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/clock.h"
#include "base/io/conn_inside.h"
#include "base/limits.h"
#include "base/mem.h"

static void on_alloc(uv_handle_t *h, size_t wanted, uv_buf_t *ret);
static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf);
static void on_written(uv_write_t *req, int status);
static void on_alarm(struct timer *t);
static void on_alarm_gone(struct timer *t);
static void on_tcp_closed(uv_handle_t *h);

static void alarm_off(struct conn *c);

/* ---- endings ---- */

void conn_remember(struct conn *c, struct outcome why)
{
	free(c->why);
	c->why = mem_copy(&why, sizeof(why));
}

void conn_let_go(struct conn *c)
{
	if (--c->held || c->state != CONN_DROPPED)
		return;
	conn_dial_free(c->dial);
	tls_free(c->tls);
	buf_clear(&c->out);
	free(c->host);
	free(c->why);
	free(c);
}

void conn_close_tcp(struct conn *c)
{
	if (c->tcp.loop && !uv_is_closing((uv_handle_t *)&c->tcp))
		uv_close((uv_handle_t *)&c->tcp, on_tcp_closed);
}

/* The owner hears it in a turn of its own, so that no call of his is under us then. */
void conn_end(struct conn *c, struct outcome why)
{
	if (c->state >= CONN_OVER)
		return;
	c->state = CONN_OVER;
	conn_remember(c, why);
	conn_close_tcp(c);
	conn_alarm_in(c, 0);
}

struct outcome conn_said_by_system(const char *what, int error)
{
	bool ours = error == UV_EMFILE || error == UV_ENFILE || error == UV_ENOBUFS ||
		    error == UV_ENOMEM || error == UV_EPERM;
	/* ETIMEDOUT on a connection that was up is TCP_USER_TIMEOUT or the last keepalive. */
	const char *said = error == UV_ETIMEDOUT ? "no answer from the peer" : uv_strerror(error);

	return outcome_of(ours ? BLAME_US : BLAME_NET, what, text_of(said));
}

/* libuv only reads what it writes, but its buffers know no const. */
static uv_buf_t bytes(const uint8_t *p, size_t n)
{
	uv_buf_t b = { .len = n };

	memcpy(&b.base, &p, sizeof(p));
	return b;
}

/* An alert or a goodbye, if the kernel takes it; nobody waits for it. */
static void say_last(struct conn *c)
{
	const uint8_t *p;
	size_t n = tls_send(c->tls, &p);
	uv_buf_t b = bytes(p, n);

	if (n && !c->wire)
		(void)uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
}

void conn_drop(struct conn *c)
{
	if (!c || c->state == CONN_DROPPED)
		return;
	if (c->state == CONN_UP && c->tls) {
		tls_close(c->tls);
		say_last(c);
	}
	c->state = CONN_DROPPED;
	conn_dial_cancel(c);
	conn_close_tcp(c);
	alarm_off(c);
}

static void on_alarm_gone(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	struct conn *c = a->conn;

	free(a);
	conn_let_go(c);
}

static void on_tcp_closed(uv_handle_t *h)
{
	struct conn *c = container_of(h, struct conn, tcp);

	c->tcp = (uv_tcp_t){ 0 };
	if (c->state == CONN_DIAL)
		conn_dial_next(c);
	conn_let_go(c);
}

/* ---- time ---- */

void conn_alarm_in(struct conn *c, uint64_t wait_ms)
{
	if (!c->alarm) {
		c->alarm = mem_new(sizeof(*c->alarm));
		c->alarm->conn = c;
		timer_open(&c->alarm->timer, c->loop, on_alarm);
		c->held++;
	}
	timer_in(&c->alarm->timer, wait_ms);
}

static void alarm_at(struct conn *c, uint64_t deadline_ms)
{
	uint64_t now_ms = clock_mono_ms();

	conn_alarm_in(c, deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

static void alarm_off(struct conn *c)
{
	if (!c->alarm)
		return;
	timer_drop(&c->alarm->timer, on_alarm_gone);
	c->alarm = NULL;
}

static void start_clock(struct conn *c)
{
	c->deadline_ms = clock_mono_ms() + c->params.connect_timeout_ms;
	alarm_at(c, c->deadline_ms);
}

static void on_alarm(struct timer *t)
{
	struct conn *c = container_of(t, struct alarm, timer)->conn;
	char said[64];

	switch (c->state) {
	case CONN_OVER:
		c->params.on_over(c->params.owner, c->why);
		return;
	case CONN_DIAL:
		(void)snprintf(said, sizeof(said), "no answer within %llu ms",
			       (unsigned long long)c->params.connect_timeout_ms);
		conn_remember(c, outcome_of(BLAME_NET, "tcp connect", text_of(said)));
		if (clock_mono_ms() >= c->deadline_ms || c->dial->next == c->dial->n)
			return conn_end(c, *c->why);
		conn_close_tcp(c); /* and on to the next address */
		return;
	case CONN_LOOKUP:
	case CONN_SHAKE:
		(void)snprintf(said, sizeof(said), "no answer within %llu ms",
			       (unsigned long long)c->params.connect_timeout_ms);
		return conn_end(c, outcome_of(BLAME_NET, conn_waiting_for(c), text_of(said)));
	case CONN_UP:
	case CONN_DROPPED:
		return;
	}
}

/* ---- beginning ---- */

int conn_open(struct loop *l, const struct conn_params *p, struct conn **ret)
{
	size_t len = p->host ? strlen(p->host) : 0;
	struct conn *c;
	int r;

	if (!len || len > LIMIT_CONN_HOST || !p->port)
		return -EINVAL;
	assert(p->policy && (p->tls || p->security == CONN_CLEAR));

	c = mem_new(sizeof(*c));
	c->params = *p;
	if (!c->params.connect_timeout_ms)
		c->params.connect_timeout_ms = LIMIT_CONN_TIMEOUT_MS;
	c->loop = l;
	c->params.host = c->host = mem_text(p->host);
	/* conn_write() keeps to LIMIT_CONN_OUT; records are a little longer than what is in them.
	 */
	buf_init(&c->out, 2 * LIMIT_CONN_OUT);
	start_clock(c);
	r = conn_dial_start(c);
	if (r < 0)
		conn_drop(c);
	else
		*ret = c;
	return r;
}

/*
 * A peer that vanished is noticed whether we wait (keepalive) or write (tcp(7),
 * TCP_USER_TIMEOUT).  The user timeout counts for a waiting connection too: the
 * second probe finds that it is over.
 */
static void watch_peer(struct conn *c)
{
	const int on = 1, idle_s = LIMIT_CONN_QUIET_MS / 1000, every_s = LIMIT_CONN_DEAD_MS / 7500,
		  probes = 3;
	const unsigned dead_ms = LIMIT_CONN_DEAD_MS / 15 * 13;
	uv_os_fd_t fd;

	(void)uv_tcp_nodelay(&c->tcp, 1);
	if (uv_fileno((uv_handle_t *)&c->tcp, &fd) < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
}

static void become_up(struct conn *c)
{
	c->state = CONN_UP;
	alarm_off(c);
	c->params.on_up(c->params.owner);
}

static void shake(struct conn *c);

void conn_reached(struct conn *c)
{
	conn_dial_free(c->dial);
	c->dial = NULL;
	free(c->why); /* why other addresses were none */
	c->why = NULL;
	watch_peer(c);
	(void)uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	if (c->params.security == CONN_TLS) {
		alarm_at(c, c->deadline_ms);
		shake(c);
	} else {
		become_up(c);
	}
}

/* ---- bytes out ---- */

static void wire_free(struct wire *w)
{
	buf_clear(&w->bytes);
	free(w);
}

/* What waits goes to libuv, one write at a time. */
static void kick(struct conn *c)
{
	struct wire *w;
	uv_buf_t b;
	int r;

	if (c->wire || !c->out.len)
		return;
	w = mem_new(sizeof(*w));
	w->conn = c;
	w->bytes = c->out;
	buf_init(&c->out, w->bytes.max);
	b = uv_buf_init((char *)w->bytes.data, (unsigned)w->bytes.len);
	r = uv_write(&w->write, (uv_stream_t *)&c->tcp, &b, 1, on_written);
	if (r < 0) {
		wire_free(w);
		return conn_end(c, conn_said_by_system("connection", r));
	}
	c->wire = w;
}

/* The kernel takes what it can at once; only the rest is copied. */
static void put(struct conn *c, const uint8_t *p, size_t n)
{
	uv_buf_t b = bytes(p, n);
	int r = UV_EAGAIN;

	if (!c->wire)
		r = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
	if (r < 0 && r != UV_EAGAIN)
		return conn_end(c, conn_said_by_system("connection", r));
	if (r > 0) {
		p += r;
		n -= (size_t)r;
	}
	if (n && buf_add(&c->out, p, n) < 0)
		return conn_end(c, outcome_of(BLAME_PEER, "connection",
					      text_of("the peer does not read its answers")));
	kick(c);
}

static void put_tls(struct conn *c)
{
	const uint8_t *p;
	size_t n = tls_send(c->tls, &p);

	if (!n)
		return;
	put(c, p, n);
	tls_sent(c->tls, n);
}

static void on_written(uv_write_t *req, int status)
{
	struct wire *w = container_of(req, struct wire, write);
	struct conn *c = w->conn;

	wire_free(w);
	c->wire = NULL;
	if (c->state >= CONN_OVER)
		return;
	if (status < 0)
		return conn_end(c, conn_said_by_system("connection", status));
	kick(c);
}

int conn_write(struct conn *c, const uint8_t *p, size_t n)
{
	size_t waiting = c->out.len + (c->wire ? c->wire->bytes.len : 0);

	if (c->state != CONN_UP)
		return -ENOTCONN;
	if (waiting > LIMIT_CONN_OUT || n > LIMIT_CONN_OUT - waiting)
		return -ENOBUFS;
	if (!c->tls) {
		if (n)
			put(c, p, n);
		return 0;
	}
	while (n && c->state == CONN_UP) {
		size_t piece = n < LIMIT_TLS_PENDING ? n : LIMIT_TLS_PENDING;

		if (tls_write(c->tls, p, piece) < 0)
			return -ENOTCONN; /* the peer is over; on_over is on its way */
		put_tls(c);
		p += piece;
		n -= piece;
	}
	return 0;
}

/* ---- TLS ---- */

static void shake(struct conn *c)
{
	c->state = CONN_SHAKE;
	c->tls = tls_new(c->params.tls, c->host, c->params.port);
	put_tls(c);
	if (tls_is_over(c->tls))
		conn_end(c, tls_outcome(c->tls));
}

void conn_start_tls(struct conn *c)
{
	if (c->state >= CONN_OVER)
		return;
	assert(c->params.security == CONN_STARTTLS && c->state == CONN_UP && !c->tls);
	start_clock(c);
	conn_resume(c);
	shake(c);
}

/* ---- bytes in ---- */

static void on_alloc(uv_handle_t *h, size_t wanted, uv_buf_t *ret)
{
	/* One for all: what is read is looked at before on_read() returns. */
	static uint8_t space[LIMIT_CONN_READ];

	(void)h, (void)wanted;
	*ret = uv_buf_init((char *)space, sizeof(space));
}

static void heard_end(struct conn *c, int error)
{
	const char *what = c->state == CONN_SHAKE ? "tls handshake" : "connection";

	if (error != UV_EOF)
		return conn_end(c, conn_said_by_system(what, error));
	conn_end(c, outcome_of(BLAME_NET, what,
			       text_of(c->tls && c->state == CONN_UP ? "cut off without a goodbye"
								     : "closed by the peer")));
}

static void heard_tls(struct conn *c, const uint8_t *p, size_t n)
{
	struct outcome why;
	struct text clear;

	(void)tls_recv(c->tls, p,
		       n); /* tls_is_over() tells its failure, after what came before it */
	why = tls_outcome(c->tls);
	if (outcome_ok(&why)) {
		put_tls(c);
		/* Greeting and goodbye may come in one read with the end of the handshake. */
		if (c->state == CONN_SHAKE && (tls_is_up(c->tls) || tls_is_over(c->tls)))
			become_up(c);
	}
	while (c->state == CONN_UP && tls_next(c->tls, &clear))
		c->params.on_bytes(c->params.owner, (const uint8_t *)clear.at, clear.len);
	if (c->state >= CONN_OVER || !tls_is_over(c->tls))
		return;
	say_last(c);
	conn_end(c, outcome_ok(&why)
			    ? outcome_of(BLAME_NET, "connection", text_of("closed by the peer"))
			    : why);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = container_of(s, struct conn, tcp);

	if (n == 0 || c->state >= CONN_OVER)
		return;
	if (n < 0)
		return heard_end(c, (int)n);
	if (c->tls)
		heard_tls(c, (const uint8_t *)buf->base, (size_t)n);
	else
		c->params.on_bytes(c->params.owner, (const uint8_t *)buf->base, (size_t)n);
}

void conn_pause(struct conn *c)
{
	if (c->state == CONN_UP)
		(void)uv_read_stop((uv_stream_t *)&c->tcp);
}

void conn_resume(struct conn *c)
{
	if (c->state == CONN_UP)
		(void)uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

/* ---- what is asked about it ---- */

const char *conn_waiting_for(const struct conn *c)
{
	switch (c->state) {
	case CONN_LOOKUP:
		return "name lookup";
	case CONN_DIAL:
		return "tcp connect";
	case CONN_SHAKE:
		return "tls handshake";
	case CONN_UP:
		return "bytes";
	case CONN_OVER:
	case CONN_DROPPED:
		break;
	}
	return "nothing";
}
