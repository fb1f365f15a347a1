#ifndef BASE_IO_HTTP_SERVER_H
#define BASE_IO_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/io/loop.h"
#include "base/text.h"

/*
 * Serving HTTP/1.1: libmicrohttpd driven by the loop (its epoll descriptor under
 * uv_poll).  A request is handed over whole, its body read to the ceiling; the
 * answer may come at once or later (the connection is suspended meanwhile).
 *
 *   on_request(call) ... http_call_answer(call, 200, ...)      exactly once per call
 *
 * What we refuse goes to `on_refused`, so that even those answers are problem
 * documents: a body over the ceiling (413), a head over LIMIT_HTTP_HEAD (431),
 * a method nobody has (405), and what could be read in two ways (400: a length
 * or host named twice, bad escapes).  Bytes that are no HTTP at all, and heads
 * twice that long, get libmicrohttpd's own short answer and are cut off.
 *
 * A client that went away while its call is suspended is noticed only when the
 * answer is sent; answering it is right, and does nothing.
 */
struct http_server;
struct http_call; /* one request; gone after http_call_answer */

struct http_server_params {
	const char *address; /* "127.0.0.1" */
	uint16_t port;       /* 0: any free one; see http_server_port */
	size_t max_body;     /* bytes */
	unsigned max_connections;
	uint64_t idle_timeout_ms; /* nothing said or taken; rounded up to whole seconds */
	void *owner;
	void (*on_request)(void *owner, struct http_call *call);
	/* Answer `call`, whose body is empty, with this status in the service's own words. */
	void (*on_refused)(void *owner, struct http_call *call, int status, const char *why);
};

/* -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EMFILE; -EINVAL: `address` is no IP address. */
int http_server_open(struct loop *l, const struct http_server_params *p, struct http_server **ret);
uint16_t http_server_port(const struct http_server *s);
/*
 * Stop at once; callable anywhere, NULL too; `s` is gone.  Calls that are not
 * answered are abandoned.
 *
 * With a state attached: `gone` is called, and the call is no more; cancel there
 * what would answer it.  Without: the call lives on until it is answered, which
 * only lets it go.
 */
void http_server_drop(struct http_server *s);

/* Borrowed until the answer. */
const char *http_call_method(const struct http_call *c);
/* As sent, without the query: decoded by nobody, its escapes well-formed. */
const char *http_call_path(const struct http_call *c);
struct text http_call_body(const struct http_call *c);
const char *http_call_header(const struct http_call *c, const char *name); /* NULL: not sent */
/* Decoded; NULL: not there. */
const char *http_call_query(const struct http_call *c, const char *name);
const char *http_call_cookie(const struct http_call *c, const char *name); /* NULL: not there */
const char *http_call_peer(const struct http_call *c);                     /* "127.0.0.1" */

/*
 * A place for the owner's per-call state, and how it is let go when the call
 * ends in any way: after the answer was sent or could not be, never inside
 * http_call_answer(); or abandoned, inside http_server_drop().
 */
void http_call_attach(struct http_call *c, void *state, void (*gone)(void *state));
void *http_call_state(const struct http_call *c);

/*
 * Queue a response header; before the answer.  -EINVAL: `name` is no token, or
 * `value` has a control character (CR and LF would make another header), or it is
 * Content-Length or Transfer-Encoding, which are ours.  -ENOBUFS: 16 are queued.
 */
int http_call_set_header(struct http_call *c, const char *name, const char *value);
/*
 * The answer, status 200..599; `body` is copied, `content_type` may be NULL.
 * `c` is the caller's no longer.
 */
void http_call_answer(struct http_call *c, int status, const char *content_type, struct text body);

#endif
