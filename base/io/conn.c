/*
 * The life of a connection: the name is looked up, its addresses are dialled
 * one after the other, the first that answers is spoken to, in TLS at once or
 * after conn_start_tls(); it ends by itself (the owner is told, once, from the
 * loop) or is dropped.  Memory goes when libuv has given back all it holds.
 */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/clock.h"
#include "base/io/conn.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/mem.h"

enum conn_state {
	CONN_LOOKUP,  /* the name's addresses */
	CONN_DIAL,    /* one address to answer, or the last attempt's socket to close */
	CONN_SHAKE,   /* TLS */
	CONN_UP,      /* bytes */
	CONN_OVER,    /* the owner to be told, then to drop us */
	CONN_DROPPED, /* libuv to give back what it holds */
};

struct conn {
	struct conn_params params;
	enum conn_state state;
	struct loop *loop;
	char *host;
	unsigned held; /* by libuv: the lookup, the timer, the socket */

	struct timer timer; /* the attempt's end, or the moment to say that it is over */
	uint64_t deadline_ms;
	uv_getaddrinfo_t lookup;
	struct addrinfo *addresses;
	const struct addrinfo *next; /* to dial */
	uv_tcp_t tcp;
	uv_connect_t connect;

	struct tls *tls;
	struct buf out;  /* waits behind `wire` */
	struct buf wire; /* inside `write` */
	uv_write_t write;
	uint64_t heard_ms;
	struct outcome why;
};

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found);
static void on_connected(uv_connect_t *req, int status);
static void on_alloc(uv_handle_t *h, size_t wanted, uv_buf_t *ret);
static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf);
static void on_written(uv_write_t *req, int status);
static void on_timer(struct timer *t);
static void on_timer_gone(struct timer *t);
static void on_tcp_closed(uv_handle_t *h);

static void dial_next(struct conn *c);

/* ---- endings ---- */

static void let_go(struct conn *c)
{
	if (--c->held || c->state != CONN_DROPPED)
		return;
	if (c->addresses)
		uv_freeaddrinfo(c->addresses);
	tls_free(c->tls);
	buf_clear(&c->out);
	buf_clear(&c->wire);
	free(c->host);
	free(c);
}

static void close_tcp(struct conn *c)
{
	if (c->tcp.loop && !uv_is_closing((uv_handle_t *)&c->tcp))
		uv_close((uv_handle_t *)&c->tcp, on_tcp_closed);
}

/* The owner hears it in a turn of its own, so that no call of his is under us then. */
static void end(struct conn *c, struct outcome why)
{
	if (c->state >= CONN_OVER)
		return;
	c->state = CONN_OVER;
	c->why = why;
	close_tcp(c);
	timer_in(&c->timer, 0);
}

static struct outcome said_by_system(const char *what, int error)
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

	if (n && !c->wire.len)
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
	(void)uv_cancel((uv_req_t *)&c->lookup);
	close_tcp(c);
	timer_drop(&c->timer, on_timer_gone);
}

static void on_timer_gone(struct timer *t)
{
	let_go(container_of(t, struct conn, timer));
}

static void on_tcp_closed(uv_handle_t *h)
{
	struct conn *c = container_of(h, struct conn, tcp);

	c->tcp = (uv_tcp_t){ 0 };
	if (c->state == CONN_DIAL)
		dial_next(c);
	let_go(c);
}

/* ---- time ---- */

static void start_clock(struct conn *c)
{
	c->deadline_ms = clock_mono_ms() + c->params.connect_timeout_ms;
	timer_at(&c->timer, c->deadline_ms);
}

static void on_timer(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);
	char said[64];

	switch (c->state) {
	case CONN_OVER:
		c->params.on_over(c->params.owner, &c->why);
		return;
	case CONN_DIAL:
		(void)snprintf(said, sizeof(said), "no answer within %llu ms",
			       (unsigned long long)c->params.connect_timeout_ms);
		c->why = outcome_of(BLAME_NET, "tcp connect", text_of(said));
		if (clock_mono_ms() >= c->deadline_ms || !c->next)
			return end(c, c->why);
		close_tcp(c); /* and on to the next address */
		return;
	case CONN_LOOKUP:
	case CONN_SHAKE:
		(void)snprintf(said, sizeof(said), "no answer within %llu ms",
			       (unsigned long long)c->params.connect_timeout_ms);
		return end(c, outcome_of(BLAME_NET, conn_waiting_for(c), text_of(said)));
	case CONN_UP:
	case CONN_DROPPED:
		return;
	}
}

/* ---- name lookup and dialling ---- */

int conn_open(struct loop *l, const struct conn_params *p, struct conn **ret)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICSERV };
	size_t len = p->host ? strlen(p->host) : 0;
	char port[8];
	struct conn *c;

	if (!len || len > LIMIT_CONN_HOST || !p->port)
		return -EINVAL;
	assert(p->policy && (p->tls || p->security == CONN_CLEAR));

	c = mem_new(sizeof(*c));
	c->params = *p;
	if (!c->params.connect_timeout_ms)
		c->params.connect_timeout_ms = LIMIT_CONN_TIMEOUT_MS;
	c->loop = l;
	c->params.host = c->host = mem_text(p->host);
	c->why = OUTCOME_OK;
	c->heard_ms = clock_mono_ms();
	/* conn_write() keeps to LIMIT_CONN_OUT; records are a little longer than what is in them.
	 */
	buf_init(&c->out, 2 * LIMIT_CONN_OUT);
	buf_init(&c->wire, 2 * LIMIT_CONN_OUT);
	timer_open(&c->timer, l, on_timer);
	c->held = 1;

	(void)snprintf(port, sizeof(port), "%u", p->port);
	if (uv_getaddrinfo(&l->uv, &c->lookup, on_looked_up, c->host, port, &hints) < 0) {
		conn_drop(c);
		return -EINVAL; /* no name by IDNA's rules */
	}
	c->held++;
	start_clock(c);
	*ret = c;
	return 0;
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
	struct conn *c = container_of(req, struct conn, lookup);

	c->addresses = found;
	c->next = found;
	if (c->state == CONN_LOOKUP) {
		if (status < 0) {
			end(c, said_by_system("name lookup", status));
		} else {
			c->state = CONN_DIAL;
			dial_next(c);
		}
	}
	let_go(c);
}

/* A share of the time that is left for each address that is left: a dead first one must not eat it
 * all. */
static void share_time(struct conn *c)
{
	uint64_t now_ms = clock_mono_ms(), left = 1;

	for (const struct addrinfo *a = c->next; a; a = a->ai_next)
		left++;
	if (now_ms < c->deadline_ms)
		timer_in(&c->timer, (c->deadline_ms - now_ms) / left);
	else
		timer_in(&c->timer, 0);
}

/* Not the address: who gave us the name need not learn what it leads to. */
static void remember_refused(struct conn *c, const char *why)
{
	char said[160];

	if (c->why.blame != BLAME_NONE)
		return; /* a real attempt's failure says more */
	(void)snprintf(said, sizeof(said), "%s; net.allow can permit it", why);
	c->why = outcome_of(BLAME_REFUSED, "address not allowed", text_of(said));
}

static void dial_next(struct conn *c)
{
	const struct addrinfo *a;
	int r;

	for (;;) {
		const char *refused;

		a = c->next;
		if (!a)
			return end(c, c->why);
		c->next = a->ai_next;
		refused = netaddr_refused(c->params.policy, a->ai_addr);
		if (!refused)
			break;
		remember_refused(c, refused);
	}

	(void)uv_tcp_init(&c->loop->uv, &c->tcp); /* makes no socket yet, cannot fail */
	c->held++;
	share_time(c);
	r = uv_tcp_connect(&c->connect, &c->tcp, a->ai_addr, on_connected);
	if (r < 0) {
		c->why = said_by_system("tcp connect", r);
		close_tcp(c);
	}
}

/*
 * A peer that vanished is noticed within LIMIT_CONN_DEAD_MS, whether we wait
 * (keepalive) or write (tcp(7), TCP_USER_TIMEOUT).  A waiting connection is given
 * up by the first probe after the user timeout, so that is a little shorter.
 */
static void watch_peer(struct conn *c)
{
	const int on = 1, idle_s = LIMIT_CONN_DEAD_MS / 2000, every_s = LIMIT_CONN_DEAD_MS / 7500,
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
	timer_stop(&c->timer);
	c->params.on_up(c->params.owner);
}

static void shake(struct conn *c);

static void on_connected(uv_connect_t *req, int status)
{
	struct conn *c = container_of(req, struct conn, connect);

	if (uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	if (status < 0) {
		/* The kernel's own timeout of a connect is no keepalive's. */
		c->why = status == UV_ETIMEDOUT ? outcome_of(BLAME_NET, "tcp connect",
							     text_of(uv_strerror(status)))
						: said_by_system("tcp connect", status);
		close_tcp(c);
		return;
	}
	uv_freeaddrinfo(c->addresses);
	c->addresses = NULL;
	c->next = NULL;
	c->heard_ms = clock_mono_ms();
	watch_peer(c);
	(void)uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	if (c->params.security == CONN_TLS) {
		timer_at(&c->timer, c->deadline_ms);
		shake(c);
	} else {
		become_up(c);
	}
}

/* ---- bytes out ---- */

/* What waits goes to libuv, one write at a time. */
static void kick(struct conn *c)
{
	struct buf empty = c->wire;
	uv_buf_t b;
	int r;

	if (c->wire.len || !c->out.len)
		return;
	c->wire = c->out;
	c->out = empty;
	b = uv_buf_init((char *)c->wire.data, (unsigned)c->wire.len);
	r = uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, on_written);
	if (r < 0)
		end(c, said_by_system("connection", r));
}

/* The kernel takes what it can at once; only the rest is copied. */
static void put(struct conn *c, const uint8_t *p, size_t n)
{
	uv_buf_t b = bytes(p, n);
	int r = UV_EAGAIN;

	if (!c->wire.len)
		r = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
	if (r < 0 && r != UV_EAGAIN)
		return end(c, said_by_system("connection", r));
	if (r > 0) {
		p += r;
		n -= (size_t)r;
	}
	if (n && buf_add(&c->out, p, n) < 0)
		return end(c, outcome_of(BLAME_PEER, "connection",
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
	struct conn *c = container_of(req, struct conn, write);

	buf_clear(&c->wire);
	if (c->state >= CONN_OVER)
		return;
	if (status < 0)
		return end(c, said_by_system("connection", status));
	kick(c);
}

int conn_write(struct conn *c, const uint8_t *p, size_t n)
{
	size_t waiting = c->out.len + c->wire.len;

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
		end(c, tls_outcome(c->tls));
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
		return end(c, said_by_system(what, error));
	end(c, outcome_of(BLAME_NET, what,
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
	end(c, outcome_ok(&why) ? outcome_of(BLAME_NET, "connection", text_of("closed by the peer"))
				: why);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = container_of(s, struct conn, tcp);

	if (n == 0 || c->state >= CONN_OVER)
		return;
	if (n < 0)
		return heard_end(c, (int)n);
	c->heard_ms = clock_mono_ms();
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

uint64_t conn_heard_ms(const struct conn *c)
{
	return c->heard_ms;
}
