/*
 * libcurl under libuv, as curl's multi-uv example shows it: curl says which
 * sockets to poll and when to be called, we call curl_multi_socket_action(),
 * then hand out what has finished.  Curl is never called from its own callback:
 * its timeout of 0 ms is one of 1, and no owner is called from inside curl.
 */
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <uv.h>

#include "base/clock.h"
#include "base/io/http_client.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/tls.h"

struct http_client {
	enum { CLIENT_OPEN, CLIENT_DROPPED } state;
	struct loop *loop;
	CURLM *multi;
	const struct netaddr_policy *policy;
	char *ca_file;
	struct timer timer;
	unsigned held; /* by libuv: the timer, a poll per socket */
	struct list transfers, sockets;
};

struct http_socket {
	uv_poll_t poll;
	struct http_client *client;
	curl_socket_t fd;
	struct list list;
};

struct http_transfer {
	struct http_client *client;
	struct http_request *request;
	CURL *easy;
	struct curl_slist *headers;
	struct list list;
	uint64_t started_ms;
	size_t head_bytes, rest_bytes; /* of the answer: headers; body that was not kept */
	const char *stopped;           /* why a callback of ours stopped it, static */
	unsigned dialled;              /* addresses that were allowed */
	char refused[160];             /* the last one that was not, and why */
	char error[CURL_ERROR_SIZE];
};

/* from libuv */
static void on_poll(uv_poll_t *p, int status, int events);
static void on_timer(struct timer *t);
static void on_poll_closed(uv_handle_t *h);
static void on_timer_gone(struct timer *t);
/* from curl */
static int on_curl_timer(CURLM *multi, long wait_ms, void *client);
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *client, void *socket);
static curl_socket_t on_curl_dial(void *transfer, curlsocktype purpose, struct curl_sockaddr *a);
static size_t on_curl_header(char *line, size_t one, size_t n, void *transfer);
static size_t on_curl_body(char *p, size_t one, size_t n, void *transfer);

/* ---- sockets and time ---- */

static void let_go(struct http_client *c)
{
	if (--c->held || c->state != CLIENT_DROPPED)
		return;
	free(c->ca_file);
	free(c);
}

static void on_timer_gone(struct timer *t)
{
	let_go(container_of(t, struct http_client, timer));
}

static void on_poll_closed(uv_handle_t *h)
{
	struct http_socket *s = container_of(h, struct http_socket, poll);

	let_go(s->client);
	free(s);
}

static void close_socket(struct http_socket *s)
{
	list_remove(&s->list);
	(void)uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, on_poll_closed);
}

static int on_curl_timer(CURLM *multi, long wait_ms, void *client)
{
	struct http_client *c = client;

	(void)multi;
	if (wait_ms < 0)
		timer_stop(&c->timer);
	else
		timer_in(&c->timer, wait_ms ? (uint64_t)wait_ms : 1);
	return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *client, void *socket)
{
	struct http_client *c = client;
	struct http_socket *s = socket;
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
		s->client = c;
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
	struct http_transfer *t = transfer;
	const char *why = netaddr_refused(t->client->policy, &a->addr);

	(void)purpose;
	if (why) {
		(void)snprintf(t->refused, sizeof(t->refused),
			       "its address is %s; net.allow can permit it", why);
		return CURL_SOCKET_BAD;
	}
	t->dialled++;
	return socket(a->family, a->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->protocol);
}

/* ---- the answer ---- */

static int64_t seconds_until(struct text value)
{
	char date[64];
	uint64_t s;
	time_t at;
	int64_t left;

	/* RFC 9110 section 10.2.3: seconds, or an HTTP date */
	if (!text_u64(value, UINT64_MAX, &s))
		return s < LIMIT_HTTP_RETRY_AFTER_S ? (int64_t)s : LIMIT_HTTP_RETRY_AFTER_S;
	text_printable(date, sizeof(date), value);
	at = curl_getdate(date, NULL);
	if (at == (time_t)-1)
		return -1;
	left = (int64_t)at - clock_unix_s();
	if (left < 0)
		return 0;
	return left < LIMIT_HTTP_RETRY_AFTER_S ? left : LIMIT_HTTP_RETRY_AFTER_S;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type for it */
static size_t on_curl_header(char *line, size_t one, size_t n, void *transfer)
{
	struct http_transfer *t = transfer;
	struct text whole = { line, one * n }, name, value;

	t->head_bytes += whole.len;
	if (t->head_bytes > LIMIT_HTTP_ANSWER_HEAD) {
		t->stopped = "headers too long";
		return 0;
	}
	if (text_istarts(whole, TEXT("HTTP/")))
		t->request->retry_after_s = -1; /* an answer after an interim one */
	else if (text_cut(whole, ':', &name, &value) && text_ieq(name, TEXT("Retry-After")))
		t->request->retry_after_s = seconds_until(text_trim(value));
	return whole.len;
}

static size_t on_curl_body(char *p, size_t one, size_t n, void *transfer)
{
	struct http_transfer *t = transfer;
	struct http_request *r = t->request;
	size_t len = one * n, room = r->max_answer - r->answer.len, keep = len < room ? len : room;

	(void)buf_add(&r->answer, p, keep); /* `room` is what is left to its ceiling */
	if (keep == len)
		return len;
	if (r->fail_over_answer) {
		t->stopped = "answer too long";
		return 0;
	}
	r->answer_cut = true;
	t->rest_bytes += len - keep;
	return t->rest_bytes > LIMIT_HTTP_ANSWER_REST ? 0 : len;
}

/* ---- the end of a transfer ---- */

static struct outcome outcome_of_curl(const struct http_transfer *t, CURLcode code)
{
	struct text said = text_of(t->error[0] ? t->error : curl_easy_strerror(code));

	if (t->stopped)
		return outcome_of(BLAME_PEER, "answer too long", text_of(t->stopped));
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
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9; another scheme was refused at the start */
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return outcome_of(BLAME_PEER, "http protocol", said);
	}
	return outcome_of(BLAME_US, "http client", said);
}

static void transfer_free(struct http_transfer *t)
{
	t->request->transfer = NULL;
	list_remove(&t->list);
	(void)curl_multi_remove_handle(t->client->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t);
}

static void finish(struct http_transfer *t, CURLcode code)
{
	struct http_request *r = t->request;

	/* Cut: what was wanted had come, whatever became of the rest. */
	if (code == CURLE_OK || r->answer_cut) {
		r->outcome = OUTCOME_OK;
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &r->status);
	} else {
		r->outcome = outcome_of_curl(t, code);
		r->retry_after_s = -1;
	}
	r->took_ms = clock_mono_ms() - t->started_ms;
	transfer_free(t);
	r->done(r);
}

static void act(struct http_client *c, curl_socket_t fd, int events)
{
	CURLMsg *m;
	int n;

	(void)curl_multi_socket_action(c->multi, fd, events, &n);
	/* Each `done` may have dropped the client; its memory waits for libuv. */
	while (c->state == CLIENT_OPEN && (m = curl_multi_info_read(c->multi, &n))) {
		char *t;

		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		finish((struct http_transfer *)(void *)t, m->data.result);
	}
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct http_socket *s = container_of(p, struct http_socket, poll);
	int flags = 0;

	if (status < 0)
		flags |= CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	act(s->client, s->fd, flags);
}

static void on_timer(struct timer *t)
{
	act(container_of(t, struct http_client, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* ---- opening and dropping ---- */

int http_client_open(struct loop *l, const char *ca_file, const struct netaddr_policy *policy,
		     struct http_client **ret)
{
	struct tls_context *trial;
	struct http_client *c;
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

void http_client_drop(struct http_client *c)
{
	struct list *at, *tmp;

	if (!c || c->state == CLIENT_DROPPED)
		return;
	c->state = CLIENT_DROPPED;
	list_each(&c->transfers, at, tmp)
		transfer_free(container_of(at, struct http_transfer, list));
	(void)curl_multi_cleanup(c->multi);
	curl_global_cleanup();
	list_each(&c->sockets, at, tmp) close_socket(container_of(at, struct http_socket, list));
	timer_drop(&c->timer, on_timer_gone);
}

/* ---- starting ---- */

static bool is_clean(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static bool is_web_url(const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL;
	bool good;

	if (!u)
		abort();
	good = !curl_url_set(u, CURLUPART_URL, url, 0) &&
	       !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
	       (!strcmp(scheme, "http") || !strcmp(scheme, "https"));
	curl_free(scheme);
	curl_url_cleanup(u);
	return good;
}

static bool is_good(const struct http_request *r)
{
	if (!r->url || !is_clean(r->url) || !is_web_url(r->url))
		return false;
	if (!r->method || !*r->method || !is_clean(r->method) || strchr(r->method, ' '))
		return false;
	for (size_t i = 0; i < HTTP_CLIENT_HEADERS && r->headers[i]; i++)
		if (!is_clean(r->headers[i]) || !strchr(r->headers[i], ':'))
			return false;
	return !r->basic_user == !r->basic_password;
}

static void add_header(struct http_transfer *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->headers, line);

	if (!longer)
		abort();
	t->headers = longer;
}

static void set_request(struct http_transfer *t)
{
	const struct http_request *r = t->request;
	struct text method = text_of(r->method);
	bool typed = false;

	for (size_t i = 0; i < HTTP_CLIENT_HEADERS && r->headers[i]; i++) {
		add_header(t, r->headers[i]);
		typed = typed || text_istarts(text_of(r->headers[i]), TEXT("Content-Type:"));
	}
	/* Without a value: curl is not to add its own. */
	add_header(t, "Expect:");
	if (!typed)
		add_header(t, "Content-Type:");
	(void)curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	(void)curl_easy_setopt(t->easy, CURLOPT_URL, r->url);

	if (text_eq(method, TEXT("HEAD"))) {
		(void)curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	} else if (r->body.len || text_eq(method, TEXT("POST"))) {
		(void)curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
		(void)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)r->body.len);
		(void)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, r->body.len ? r->body.at : "");
	}
	(void)curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method);
	if (r->basic_user) {
		(void)curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		(void)curl_easy_setopt(t->easy, CURLOPT_USERNAME, secret_text(r->basic_user));
		(void)curl_easy_setopt(t->easy, CURLOPT_PASSWORD, secret_text(r->basic_password));
	}
}

static long milliseconds(uint64_t ms)
{
	return ms < LONG_MAX / 1000 ? (long)ms : LONG_MAX / 1000;
}

static void set_rules(struct http_transfer *t)
{
	const struct http_request *r = t->request;
	uint64_t timeout_ms = r->timeout_ms ? r->timeout_ms : LIMIT_HTTP_TIMEOUT_MS;
	CURL *e = t->easy;

	(void)curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	(void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
	(void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	/* A cancel must not wait for a name server; the lookup's thread ends by itself. */
	(void)curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	(void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, milliseconds(timeout_ms));
	(void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)LIMIT_HTTP_CONNECT_MS);

	(void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(e, CURLOPT_PROXY, ""); /* not even from the environment */
	(void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	(void)curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (t->client->ca_file) /* beside the system's folder of anchors, which stays */
		(void)curl_easy_setopt(e, CURLOPT_CAINFO, t->client->ca_file);
	(void)curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);

	(void)curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_curl_dial);
	(void)curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
	(void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_curl_header);
	(void)curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_curl_body);
	(void)curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
}

int http_client_start(struct http_client *c, struct http_request *r, http_client_cb done)
{
	struct http_transfer *t;

	if (!is_good(r))
		return -EINVAL;
	assert(!r->transfer);
	t = mem_new(sizeof(*t));
	t->client = c;
	t->request = r;
	t->started_ms = clock_mono_ms();
	t->easy = curl_easy_init();
	if (!t->easy)
		abort();
	list_append(&c->transfers, &t->list);
	r->transfer = t;
	r->done = done;
	r->outcome = OUTCOME_OK;
	r->status = 0;
	r->answer_cut = false;
	r->retry_after_s = -1;
	buf_clear(&r->answer);
	buf_init(&r->answer, r->max_answer);
	set_request(t);
	set_rules(t);
	if (curl_multi_add_handle(c->multi, t->easy))
		abort(); /* a fresh handle can be added */
	return 0;
}

void http_client_cancel(struct http_client *c, struct http_request *r)
{
	(void)c;
	if (r->transfer)
		transfer_free(r->transfer);
}
