/*
 * libcurl under libuv, as curl's multi-uv example shows it: curl says which
 * sockets to poll and when to be called, we call curl_multi_socket_action(),
 * then hand out what has finished.  Curl is never called from its own callback:
 * its timeout of 0 ms is the loop's next turn, and no owner is called from inside curl.
 */
#include "base/io/curl_loop.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/io/timer.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/tls.h"

struct curl_loop {
	enum { CURL_LOOP_OPEN, CURL_LOOP_DROPPED } state;
	struct loop *loop;
	CURLM *multi;
	const struct netaddr_policy *policy;
	char *ca_file, *proxy;
	struct timer timer;
	unsigned held; /* by libuv: the timer, a poll per socket */
	struct list transfers, sockets;
};

struct curl_socket {
	uv_poll_t poll;
	struct curl_loop *of;
	curl_socket_t fd;
	struct list list;
};

/* from libuv */
static void on_poll(uv_poll_t *p, int status, int events);
static void on_timer(struct timer *t);
static void on_poll_closed(uv_handle_t *h);
static void on_timer_gone(struct timer *t);
/* from curl */
static int on_curl_timer(CURLM *multi, long wait_ms, void *loop);
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *loop, void *socket);
static curl_socket_t on_curl_dial(void *transfer, curlsocktype purpose, struct curl_sockaddr *a);

/* ---- sockets and time ---- */

static void let_go(struct curl_loop *c)
{
	if (--c->held || c->state != CURL_LOOP_DROPPED)
		return;
	free(c->ca_file);
	free(c->proxy);
	free(c);
}

static void on_timer_gone(struct timer *t)
{
	let_go(container_of(t, struct curl_loop, timer));
}

static void on_poll_closed(uv_handle_t *h)
{
	struct curl_socket *s = container_of(h, struct curl_socket, poll);

	let_go(s->of);
	free(s);
}

static void close_socket(struct curl_socket *s)
{
	list_remove(&s->list);
	(void)uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, on_poll_closed);
}

static int on_curl_timer(CURLM *multi, long wait_ms, void *loop)
{
	struct curl_loop *c = loop;

	(void)multi;
	if (wait_ms < 0)
		timer_stop(&c->timer);
	else
		timer_in(&c->timer, (uint64_t)wait_ms);
	return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *loop, void *socket)
{
	struct curl_loop *c = loop;
	struct curl_socket *s = socket;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			close_socket(s);
		(void)curl_multi_assign(c->multi, fd, NULL);
		return 0;
	}
	if (!s) {
		s = mem_new(sizeof(*s));
		s->of = c;
		s->fd = fd;
		if (uv_poll_init_socket(&c->loop->uv, &s->poll, fd) < 0) {
			free(s);
			return -1; /* curl fails the transfer */
		}
		c->held++;
		list_append(&c->sockets, &s->list);
		(void)curl_multi_assign(c->multi, fd, s);
	}
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	return uv_poll_start(&s->poll, events, on_poll) < 0 ? -1 : 0;
}

/* Judged here, after DNS, on the very address: no name can be made to point somewhere else in
 * between. */
static curl_socket_t on_curl_dial(void *transfer, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct curl_transfer *t = transfer;
	const char *why = t->of->proxy ? NULL : netaddr_refused(t->of->policy, &a->addr);

	(void)purpose;
	if (why) {
		(void)snprintf(t->refused, sizeof(t->refused),
			       "its address is %s; net.allow can permit it", why);
		return CURL_SOCKET_BAD;
	}
	t->dialled++;
	return socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
}

static void act(struct curl_loop *c, curl_socket_t fd, int events)
{
	CURLMsg *m;
	int n;

	(void)curl_multi_socket_action(c->multi, fd, events, &n);
	/* Each `over` may have dropped the loop; its memory waits for libuv. */
	while (c->state == CURL_LOOP_OPEN && (m = curl_multi_info_read(c->multi, &n))) {
		struct curl_transfer *t;
		char *private;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		t = (struct curl_transfer *)(void *)private;
		t->over(t, m->data.result);
	}
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct curl_socket *s = container_of(p, struct curl_socket, poll);
	int flags = 0;

	if (status < 0)
		flags |= CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	act(s->of, s->fd, flags);
}

static void on_timer(struct timer *t)
{
	act(container_of(t, struct curl_loop, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* ---- opening and dropping ---- */

int curl_loop_open(struct loop *l, const char *ca_file, const struct netaddr_policy *policy,
		   struct curl_loop **ret)
{
	struct tls_context *trial;
	struct curl_loop *c;
	int r = tls_context_new(ca_file,
				&trial); /* curl would tell a bad file only at the first request */

	if (r < 0)
		return r;
	tls_context_free(trial);
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		abort();
	c = mem_new(sizeof(*c));
	c->loop = l;
	c->policy = policy;
	c->ca_file = mem_text(ca_file);
	list_init(&c->transfers);
	list_init(&c->sockets);
	timer_open(&c->timer, l, on_timer);
	c->held = 1;
	c->multi = curl_multi_init();
	if (!c->multi)
		abort();
	(void)curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	(void)curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	(void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	(void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)LIMIT_HTTP_PER_HOST);
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
				(long)LIMIT_HTTP_CONNECTIONS);
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)LIMIT_HTTP_CONNECTIONS);
	*ret = c;
	return 0;
}

void curl_loop_widen(struct curl_loop *c, int per_host, int all)
{
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)per_host);
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)all);
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)all);
}

void curl_loop_proxy(struct curl_loop *c, const char *url)
{
	free(c->proxy);
	c->proxy = mem_text(url);
}

void curl_loop_drop(struct curl_loop *c)
{
	struct list *at, *tmp;

	c->state = CURL_LOOP_DROPPED;
	list_each(&c->transfers, at, tmp)
	{
		struct curl_transfer *t = container_of(at, struct curl_transfer, list);

		t->dropped(t);
	}
	(void)curl_multi_cleanup(c->multi);
	curl_global_cleanup();
	list_each(&c->sockets, at, tmp) close_socket(container_of(at, struct curl_socket, list));
	timer_drop(&c->timer, on_timer_gone);
}

/* ---- transfers ---- */

static long milliseconds(uint64_t ms)
{
	return ms < LONG_MAX / 1000 ? (long)ms : LONG_MAX / 1000;
}

void curl_loop_begin(struct curl_loop *l, struct curl_transfer *t, const char *schemes,
		     uint64_t timeout_ms)
{
	CURL *e = curl_easy_init();

	if (!e)
		abort();
	t->of = l;
	t->easy = e;
	list_append(&l->transfers, &t->list);
	(void)curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	(void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
	(void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	/* A cancel must not wait for a name server; the lookup's thread ends by itself. */
	(void)curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	(void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, milliseconds(timeout_ms));
	(void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)LIMIT_HTTP_CONNECT_MS);
	(void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, schemes);
	/* Ours, or none: not even from the environment. */
	(void)curl_easy_setopt(e, CURLOPT_PROXY, l->proxy ? l->proxy : "");
	(void)curl_easy_setopt(e, CURLOPT_NOPROXY, "");
	(void)curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (l->ca_file) /* beside the system's folder of anchors, which stays */
		(void)curl_easy_setopt(e, CURLOPT_CAINFO, l->ca_file);
	(void)curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_curl_dial);
	(void)curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
}

void curl_loop_go(struct curl_transfer *t)
{
	if (curl_multi_add_handle(t->of->multi, t->easy))
		abort(); /* a fresh handle can be added */
}

void curl_loop_end(struct curl_transfer *t)
{
	list_remove(&t->list);
	(void)curl_multi_remove_handle(t->of->multi, t->easy);
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
}

struct outcome curl_loop_outcome(const struct curl_transfer *t, CURLcode code, const char *client,
				 const char *protocol)
{
	struct text said = text_of(t->error[0] ? t->error : curl_easy_strerror(code));

	if (t->refused[0] && !t->dialled)
		return outcome_of(BLAME_REFUSED, "address not allowed", text_of(t->refused));
	switch ((int)code) { /* house: curl's enum has a hundred more, all of them ours */
	case CURLE_COULDNT_RESOLVE_HOST:
		return outcome_of(BLAME_NET, "name lookup", said);
	case CURLE_COULDNT_CONNECT:
		return outcome_of(BLAME_NET, "tcp connect", said);
	case CURLE_OPERATION_TIMEDOUT:
		return outcome_of(BLAME_NET, "timeout", said);
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
		return outcome_of(BLAME_NET, "connection", said);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return outcome_of(BLAME_PEER, "tls certificate", said);
	case CURLE_SSL_CONNECT_ERROR:
		return outcome_of(BLAME_PEER, "tls handshake", said);
	case CURLE_USE_SSL_FAILED:
		return outcome_of(BLAME_LACKS, "starttls", said);
	case CURLE_LOGIN_DENIED:
		return outcome_of(BLAME_AUTH, "login refused", said);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9; another scheme was refused at the start */
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return outcome_of(BLAME_PEER, protocol, said);
	}
	return outcome_of(BLAME_US, client, said);
}
