/*
 * libmicrohttpd is run when its epoll descriptor is readable, when its timeout
 * is near, and after connections were resumed; what it finds goes to http_call.
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

#include "base/io/http_call.h"
#include "base/io/http_server.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"

#define BACKLOG 511

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

		if (c->state == HTTP_CALL_SUSPENDED)
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
		/* libuv 1.44 runs a timer of 0 again in the same turn: nobody else would have one
		 * while MHD is busy with a connection it cannot get on with. */
		timer_in(&s->timer, wait_ms ? wait_ms : 1);
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
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0,
				/* accept policy: */ NULL, NULL, on_access, s,
				MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
				s->params.max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
				http_call_idle_s(&s->params), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				(size_t)(2 * LIMIT_HTTP_HEAD), MHD_OPTION_STRICT_FOR_CLIENT, 1,
				MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_UNESCAPE_CALLBACK,
				keep_escapes, s, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_END);
}

int http_server_open(struct loop *l, const struct http_server_params *p, struct http_server **ret)
{
	const union MHD_DaemonInfo *info;
	struct http_server *s;
	uint16_t port = 0;
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

bool http_server_is_dropping(const struct http_server *s)
{
	return s->state >= SERVER_DROPPING;
}

void http_server_resumed(struct http_server *s)
{
	s->resumed++;
	if (s->state == SERVER_IDLE)
		timer_in(&s->timer, 0);
}

/* ---- what MHD tells ---- */

/* The first of a request; what we return is the context of all that follows. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct http_server *s = cls;
	struct http_call *c = http_call_new(s, &s->params, mhd, target);

	list_append(&s->calls, &c->calls);
	return c;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url,
				 const char *method, const char *version, const char *data,
				 size_t *n, void **context)
{
	size_t got = *n;

	(void)cls, (void)mhd, (void)url;
	*n = 0; /* all is taken, always */
	return http_call_heard(*context, method, version, data, got);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct http_call *c = *context;

	(void)cls, (void)mhd, (void)code;
	*context = NULL;
	if (c)
		http_call_over(c);
}
