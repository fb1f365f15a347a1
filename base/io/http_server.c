/*
 * libmicrohttpd asks, we run it: when its epoll descriptor is readable, when
 * its timeout is near, and after each connection that was resumed.
 *
 * The life of a call: its target is seen, its head is judged, its body read,
 * it is handed to the owner, suspended unless he answers at once, answered,
 * and over when libmicrohttpd says so.
 */
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/io/http_server.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"

#define CALL_HEADERS 16
#define BACKLOG      511

enum server_state {
	SERVER_IDLE,
	SERVER_RUNNING,  /* inside MHD_run() */
	SERVER_DROPPING, /* dropped inside MHD_run(): stopped when it returns */
	SERVER_DROPPED,  /* libuv to give its handles back */
};

struct http_server {
	struct http_server_params params;
	enum server_state state;
	struct MHD_Daemon *mhd;
	uint16_t port;
	uv_poll_t poll;
	struct timer timer;
	unsigned held;    /* by libuv: poll, timer */
	unsigned resumed; /* connections since the last run: MHD must look at them */
	struct list calls;
};

enum call_state {
	CALL_HEAD,
	CALL_BODY,
	CALL_ASKING,    /* inside the owner's callback */
	CALL_SUSPENDED, /* the owner to answer */
	CALL_ANSWERED,  /* MHD to take the answer */
	CALL_SENT,      /* MHD to send it */
	CALL_ABANDONED, /* the owner to let go */
};

struct http_call {
	enum call_state state;
	struct http_server *server; /* NULL: gone */
	struct MHD_Connection *mhd;
	struct list calls;
	char *method, *path;
	struct buf query; /* decoded: name NUL value NUL ... */
	struct buf body;
	size_t swallowed; /* bytes of the body that were not kept */
	int refused;      /* a status; 0: not */
	const char *why;
	uint64_t started_ms;
	char peer[64];
	char *names[CALL_HEADERS], *values[CALL_HEADERS];
	size_t n_headers;
	struct MHD_Response *answer;
	int status;
	void *own;
	void (*own_gone)(void *own);
};

/* in the order of time */
static void on_poll(uv_poll_t *p, int status, int events);
static void on_timer(struct timer *t);
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd);
static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url,
				 const char *method, const char *version, const char *data,
				 size_t *n, void **context);
static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode code);
static void on_poll_closed(uv_handle_t *h);
static void on_timer_gone(struct timer *t);

/* ---- running MHD ---- */

static void shut(struct http_server *s)
{
	struct list *at, *tmp;

	s->state = SERVER_DROPPED;
	timer_drop(&s->timer, on_timer_gone);
	uv_close((uv_handle_t *)&s->poll, on_poll_closed);
	/* MHD does not stop over suspended connections. */
	list_each(&s->calls, at, tmp)
	{
		struct http_call *c = container_of(at, struct http_call, calls);

		if (c->state == CALL_SUSPENDED)
			MHD_resume_connection(c->mhd);
	}
	MHD_stop_daemon(s->mhd); /* on_completed() for each */
}

static bool is_full(struct http_server *s)
{
	return MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections >=
	       s->params.max_connections;
}

static void run(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;
	bool was_full = is_full(s);

	s->state = SERVER_RUNNING;
	s->resumed = 0;
	(void)MHD_run(s->mhd);
	if (s->state == SERVER_DROPPING)
		return shut(s);
	s->state = SERVER_IDLE;
	/* A full MHD takes its listener out of epoll, and back only in the next run. */
	if (s->resumed || (was_full && !is_full(s)))
		timer_in(&s->timer, 0);
	else if (MHD_get_timeout(s->mhd, &wait_ms) == MHD_YES)
		timer_in(&s->timer, wait_ms);
	else
		timer_stop(&s->timer);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	(void)status, (void)events;
	run(container_of(p, struct http_server, poll));
}

static void on_timer(struct timer *t)
{
	run(container_of(t, struct http_server, timer));
}

/* ---- opening and dropping ---- */

/* The path and the query stay as they were sent: what an escape means is for one place to decide.
 */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *s)
{
	(void)cls, (void)mhd;
	return strlen(s);
}

static int listen_on(const struct http_server_params *p, uint16_t *ret_port)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);
	const int on = 1;
	int fd, r;

	if (uv_ip4_addr(p->address, p->port, (struct sockaddr_in *)&a) < 0 &&
	    uv_ip6_addr(p->address, p->port, (struct sockaddr_in6 *)&a) < 0)
		return -EINVAL;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	/* The port is at the same place in both. */
	*ret_port = ntohs(((struct sockaddr_in *)&a)->sin_port);
	return fd;
}

static struct MHD_Daemon *start_mhd(struct http_server *s, int listener)
{
	unsigned idle_s = (unsigned)((s->params.idle_timeout_ms + 999) / 1000);

	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, /* accept policy: */ NULL, NULL,
		on_access, s, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
		s->params.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, idle_s ? idle_s : 1,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(2 * LIMIT_HTTP_HEAD),
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, s, MHD_OPTION_URI_LOG_CALLBACK,
		on_target, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_END);
}

int http_server_open(struct loop *l, const struct http_server_params *p, struct http_server **ret)
{
	const union MHD_DaemonInfo *info;
	struct http_server *s;
	uint16_t port;
	int fd = listen_on(p, &port);

	if (fd < 0)
		return fd;
	assert(p->max_connections && p->on_request && p->on_refused);
	s = mem_new(sizeof(*s));
	s->params = *p;
	s->port = port;
	list_init(&s->calls);
	s->mhd = start_mhd(s, fd);
	if (!s->mhd) {
		/* What it needs beyond our socket is an epoll descriptor and memory. */
		(void)close(fd);
		free(s);
		return -EMFILE;
	}
	info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (uv_poll_init(&l->uv, &s->poll, info->epoll_fd) < 0)
		abort(); /* a fresh epoll descriptor can be polled */
	timer_open(&s->timer, l, on_timer);
	s->held = 2;
	(void)uv_poll_start(&s->poll, UV_READABLE, on_poll);
	timer_in(&s->timer, 0);
	*ret = s;
	return 0;
}

uint16_t http_server_port(const struct http_server *s)
{
	return s->port;
}

void http_server_drop(struct http_server *s)
{
	if (!s)
		return;
	switch (s->state) {
	case SERVER_IDLE:
		shut(s);
		return;
	case SERVER_RUNNING:
		s->state = SERVER_DROPPING;
		return;
	case SERVER_DROPPING:
	case SERVER_DROPPED:
		return;
	}
}

static void let_go(struct http_server *s)
{
	if (!--s->held)
		free(s);
}

static void on_poll_closed(uv_handle_t *h)
{
	let_go(container_of(h, struct http_server, poll));
}

static void on_timer_gone(struct timer *t)
{
	let_go(container_of(t, struct http_server, timer));
}

/* ---- a call begins ---- */

static void call_free(struct http_call *c)
{
	list_remove(&c->calls);
	if (c->own_gone)
		c->own_gone(c->own);
	if (c->answer)
		MHD_destroy_response(c->answer);
	for (size_t i = 0; i < c->n_headers; i++) {
		free(c->names[i]);
		free(c->values[i]);
	}
	buf_clear(&c->query);
	buf_clear(&c->body);
	free(c->method);
	free(c->path);
	free(c);
}

static void refuse(struct http_call *c, int status, const char *why)
{
	if (c->refused)
		return;
	c->refused = status;
	c->why = why;
}

static void read_query(struct http_call *c, struct text query)
{
	struct text pair, name, value;

	while (query.len) {
		(void)text_cut(query, '&', &pair, &query);
		(void)text_cut(pair, '=', &name, &value);
		if (!name.len)
			continue;
		if (text_from_percent(&c->query, name) < 0 || buf_add(&c->query, "", 1) < 0 ||
		    text_from_percent(&c->query, value) < 0 || buf_add(&c->query, "", 1) < 0) {
			buf_clear(&c->query);
			refuse(c, MHD_HTTP_BAD_REQUEST, "the query has a bad percent escape");
			return;
		}
	}
}

static void judge_path(struct http_call *c, struct text path)
{
	cleanup_buf struct buf decoded = { .max = 2 * LIMIT_HTTP_HEAD };

	if (!path.len || path.at[0] != '/')
		refuse(c, MHD_HTTP_BAD_REQUEST, "the request target is not a path");
	for (size_t i = 0; i < path.len; i++)
		if (path.at[i] <= ' ' || path.at[i] > '~')
			refuse(c, MHD_HTTP_BAD_REQUEST, "the path has a byte that must be escaped");
	if (text_from_percent(&decoded, path) < 0)
		refuse(c, MHD_HTTP_BAD_REQUEST, "the path has a bad percent escape");
}

/* The first that MHD tells of a request; what we return is the context of all that follows. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct http_server *s = cls;
	struct http_call *c = mem_new(sizeof(*c));
	const union MHD_ConnectionInfo *info;
	struct text path, query;

	c->server = s;
	c->mhd = mhd;
	c->state = CALL_HEAD;
	c->started_ms = clock_mono_ms();
	list_append(&s->calls, &c->calls);
	buf_init(&c->query, 2 * LIMIT_HTTP_HEAD);
	buf_init(&c->body, s->params.max_body);

	(void)text_cut(text_of(target), '?', &path, &query);
	c->path = mem_text_n(path.at, path.len);
	judge_path(c, path);
	read_query(c, query);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info)
		(void)uv_ip_name(info->client_addr, c->peer, sizeof(c->peer));
	return c;
}

/* ---- its head is judged ---- */

struct head {
	unsigned hosts, lengths, codings, keys;
	unsigned foreign; /* codings that are not chunked */
};

/* A head that two programs could read in two ways is a way to smuggle a request past one of them
 * (RFC 9112 section 11.2). */
static enum MHD_Result look_at(void *cls, enum MHD_ValueKind kind, const char *name,
			       const char *value)
{
	struct head *h = cls;
	struct text t = text_of(name);

	(void)kind;
	h->hosts += text_ieq(t, TEXT("Host"));
	h->lengths += text_ieq(t, TEXT("Content-Length"));
	h->keys += text_ieq(t, TEXT("Authorization"));
	if (text_ieq(t, TEXT("Transfer-Encoding"))) {
		h->codings++;
		h->foreign += !text_ieq(text_of(value), TEXT("chunked"));
	}
	return MHD_YES;
}

static bool is_method(struct text t)
{
	static const char *const methods[] = { "GET",   "HEAD",   "POST",   "PUT",
					       "PATCH", "DELETE", "OPTIONS" };

	for (size_t i = 0; i < countof(methods); i++)
		if (text_eq(t, text_of(methods[i])))
			return true;
	return false;
}

/* false: where its body ends is anybody's guess. */
static bool judge_head(struct http_call *c, const char *version)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct head h = { 0 };

	(void)MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, look_at, &h);
	if (!is_method(text_of(c->method)))
		refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "nothing here has this method");
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		refuse(c, MHD_HTTP_BAD_REQUEST, "HTTP/1.1 is spoken here");
	if (h.hosts > 1 || h.lengths > 1 || h.codings > 1 || h.keys > 1)
		refuse(c, MHD_HTTP_BAD_REQUEST, "a header that may come once came twice");
	if (h.lengths && h.codings)
		refuse(c, MHD_HTTP_BAD_REQUEST, "the length of the body is given in two ways");
	if (h.foreign)
		refuse(c, MHD_HTTP_BAD_REQUEST, "the only transfer coding spoken is chunked");
	if (info && info->header_size > LIMIT_HTTP_HEAD)
		refuse(c, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too long");
	return h.lengths + h.codings <= 1 && !h.foreign;
}

static enum MHD_Result hand_over(struct http_call *c);

static enum MHD_Result heard_head(struct http_call *c, const char *method, const char *version)
{
	const char *expect = http_call_header(c, "Expect"),
		   *length = http_call_header(c, "Content-Length");
	uint64_t n = 0;
	bool clear;

	c->method = mem_text(method);
	clear = judge_head(c, version);
	/* MHD has read the number already; what passes uint64_t it refused. */
	if (length &&
	    (text_u64(text_of(length), UINT64_MAX, &n) < 0 || n > c->server->params.max_body))
		refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
	c->state = CALL_BODY;
	/* A client that waits for our word, or has too much to swallow, gets the answer now, and no
	 * further request. */
	if (c->refused &&
	    (!clear || (n && expect) || n > c->server->params.max_body + LIMIT_HTTP_SWALLOW)) {
		(void)http_call_set_header(c, "Connection", "close");
		return hand_over(c);
	}
	return MHD_YES;
}

static enum MHD_Result heard_body(struct http_call *c, const char *data, size_t n)
{
	if (clock_mono_ms() - c->started_ms > LIMIT_HTTP_BODY_MS)
		return MHD_NO;
	if (!c->refused && buf_add(&c->body, data, n) < 0) {
		c->swallowed = c->body.len;
		refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
	}
	if (!c->refused)
		return MHD_YES;
	buf_clear(&c->body);
	c->swallowed += n;
	return c->swallowed > c->server->params.max_body + LIMIT_HTTP_SWALLOW ? MHD_NO : MHD_YES;
}

/* ---- it is asked and answered ---- */

static enum MHD_Result send_answer(struct http_call *c)
{
	c->state = CALL_SENT;
	return MHD_queue_response(c->mhd, (unsigned)c->status, c->answer);
}

static enum MHD_Result hand_over(struct http_call *c)
{
	const struct http_server_params *p = &c->server->params;

	if (c->server->state == SERVER_DROPPING)
		return MHD_NO;
	c->state = CALL_ASKING;
	if (c->refused)
		p->on_refused(p->owner, c, c->refused, c->why);
	else
		p->on_request(p->owner, c);
	if (c->state == CALL_ANSWERED)
		return send_answer(c);
	c->state = CALL_SUSPENDED;
	MHD_suspend_connection(c->mhd);
	return MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url,
				 const char *method, const char *version, const char *data,
				 size_t *n, void **context)
{
	struct http_call *c = *context;
	size_t got = *n;

	(void)cls, (void)mhd, (void)url;
	*n = 0; /* all is taken, always */
	switch (c->state) {
	case CALL_HEAD:
		return heard_head(c, method, version);
	case CALL_BODY:
		return got ? heard_body(c, data, got) : hand_over(c);
	case CALL_ANSWERED:
		return send_answer(c);
	case CALL_SENT: /* refused early, and the client goes on sending */
		return got ? heard_body(c, data, got) : MHD_YES;
	case CALL_ASKING:
	case CALL_SUSPENDED:
	case CALL_ABANDONED:
		break;
	}
	return MHD_YES;
}

static bool is_token(const char *s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~"; /* RFC 9110 section 5.6.2 */
	size_t n = 0;

	for (; s[n]; n++)
		if (!((s[n] >= '0' && s[n] <= '9') || (s[n] >= 'a' && s[n] <= 'z') ||
		      (s[n] >= 'A' && s[n] <= 'Z') || strchr(marks, s[n])))
			return false;
	return n > 0;
}

int http_call_set_header(struct http_call *c, const char *name, const char *value)
{
	struct text t = text_of(name);

	if (!is_token(name) || text_ieq(t, TEXT("Content-Length")) ||
	    text_ieq(t, TEXT("Transfer-Encoding")))
		return -EINVAL;
	for (const char *v = value; *v; v++)
		if ((unsigned char)*v < ' ' || *v == 0x7f)
			return -EINVAL;
	if (c->n_headers == CALL_HEADERS)
		return -ENOBUFS;
	c->names[c->n_headers] = mem_text(name);
	c->values[c->n_headers++] = mem_text(value);
	return 0;
}

void http_call_answer(struct http_call *c, int status, const char *content_type, struct text body)
{
	assert(status >= 200 && status <= 599);
	if (c->state == CALL_ABANDONED)
		return call_free(c);
	assert(c->state == CALL_ASKING || c->state == CALL_SUSPENDED);

	/* MHD copies; it only forgot to say const. */
	c->answer = MHD_create_response_from_buffer(
		body.len, (void *)(uintptr_t)(body.len ? body.at : ""), MHD_RESPMEM_MUST_COPY);
	if (!c->answer)
		abort(); /* no memory */
	c->status = status;
	if (content_type)
		(void)MHD_add_response_header(c->answer, MHD_HTTP_HEADER_CONTENT_TYPE,
					      content_type);
	for (size_t i = 0; i < c->n_headers; i++)
		(void)MHD_add_response_header(c->answer, c->names[i], c->values[i]);

	if (c->state == CALL_SUSPENDED) {
		MHD_resume_connection(c->mhd);
		c->server->resumed++;
		if (c->server->state == SERVER_IDLE)
			timer_in(&c->server->timer, 0); /* never from inside the owner's call */
	}
	c->state = CALL_ANSWERED;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct http_call *c = *context;

	(void)cls, (void)mhd, (void)code;
	*context = NULL;
	if (!c)
		return;
	c->server = NULL;
	c->mhd = NULL;
	if (c->state == CALL_SUSPENDED && !c->own_gone) {
		c->state = CALL_ABANDONED;
		list_remove(&c->calls);
		return;
	}
	call_free(c);
}

/* ---- what is asked about it ---- */

bool http_call_is_gone(const struct http_call *c)
{
	return !c->server || c->server->state >= SERVER_DROPPING;
}

const char *http_call_method(const struct http_call *c)
{
	return c->method;
}

const char *http_call_path(const struct http_call *c)
{
	return c->path;
}

struct text http_call_body(const struct http_call *c)
{
	return (struct text){ (const char *)c->body.data, c->body.len };
}

const char *http_call_header(const struct http_call *c, const char *name)
{
	return c->mhd ? MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, name) : NULL;
}

const char *http_call_query(const struct http_call *c, const char *name)
{
	const char *at = c->query.len ? (const char *)c->query.data : "", *end = at + c->query.len;

	while (at < end) {
		const char *value = at + strlen(at) + 1;

		if (!strcmp(at, name))
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
}

const char *http_call_cookie(const struct http_call *c, const char *name)
{
	return c->mhd ? MHD_lookup_connection_value(c->mhd, MHD_COOKIE_KIND, name) : NULL;
}

const char *http_call_peer(const struct http_call *c)
{
	return c->peer;
}

uint64_t http_call_started_ms(const struct http_call *c)
{
	return c->started_ms;
}

void http_call_attach(struct http_call *c, void *state, void (*gone)(void *state))
{
	c->own = state;
	c->own_gone = gone;
}

void *http_call_state(const struct http_call *c)
{
	return c->own;
}
