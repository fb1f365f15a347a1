#ifndef BASE_IO_HTTP_SERVER_H
#define BASE_IO_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/io/loop.h"
#include "base/text.h"

/*
 * Serving HTTP: libmicrohttpd driven by the loop (its epoll descriptor under
 * uv_poll).  A request is handed over whole, its body read to the ceiling; the
 * answer may come at once or later (the connection is suspended meanwhile).
 *
 *   on_request(call) ... http_call_answer(call, 200, ...)      exactly once per call
 *
 * A body over the ceiling, a malformed request line and header floods are
 * answered by the server itself through `on_refused`, so that even those
 * answers are problem documents.
 */
struct http_server;
struct http_call; /* one request; gone after http_call_answer */

struct http_server_params {
	const char *address; /* "127.0.0.1" */
	uint16_t port;       /* 0: any free one; see http_server_port */
	size_t max_body;     /* bytes */
	unsigned max_connections;
	uint64_t idle_timeout_ms;
	void *owner;
	void (*on_request)(void *owner, struct http_call *call);
	/* Answer `call` with this status (413, 400, 405...) in the service's own words. */
	void (*on_refused)(void *owner, struct http_call *call, int status, const char *why);
};

/* -EADDRINUSE, -EACCES, -EINVAL. */
int http_server_open(struct loop *l, const struct http_server_params *p, struct http_server **ret);
uint16_t http_server_port(const struct http_server *s);
void http_server_drop(struct http_server *s); /* unanswered calls are abandoned: http_call_is_gone() turns true */

/* Borrowed until the answer. */
const char *http_call_method(const struct http_call *c);
const char *http_call_path(const struct http_call *c); /* decoded once by nobody: as sent, without the query */
struct text http_call_body(const struct http_call *c);
const char *http_call_header(const struct http_call *c, const char *name); /* NULL: not sent */
const char *http_call_query(const struct http_call *c, const char *name);  /* decoded; NULL: not there */
const char *http_call_cookie(const struct http_call *c, const char *name); /* NULL: not there */
const char *http_call_peer(const struct http_call *c);                     /* "127.0.0.1" */
uint64_t http_call_started_ms(const struct http_call *c);

/* A place for the owner's per-call state, and how it is let go when the call ends in any way. */
void http_call_attach(struct http_call *c, void *state, void (*gone)(void *state));
void *http_call_state(const struct http_call *c);

/* Queue a response header; before the answer.  Values with CR or LF are refused: -EINVAL. */
int http_call_set_header(struct http_call *c, const char *name, const char *value);
/* The answer; `body` is copied. */
void http_call_answer(struct http_call *c, int status, const char *content_type, struct text body);

#endif
