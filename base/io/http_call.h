#ifndef BASE_IO_HTTP_CALL_H
#define BASE_IO_HTTP_CALL_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/io/http_server.h"
#include "base/list.h"

/*
 * One request inside of the HTTP server; what its owner sees is in
 * http_server.h.
 *
 * The life of a call: its target is seen, its head is judged, its body read, it
 * is handed to the owner, suspended unless he answers at once, answered, and
 * over when libmicrohttpd says so.
 */
#define HTTP_CALL_HEADERS 16

enum http_call_state {
	HTTP_CALL_HEAD,
	HTTP_CALL_BODY,
	HTTP_CALL_ASKING,    /* inside the owner's callback */
	HTTP_CALL_SUSPENDED, /* the owner to answer */
	HTTP_CALL_ANSWERED,  /* MHD to take the answer */
	HTTP_CALL_SENT,      /* MHD to send it */
	HTTP_CALL_ABANDONED, /* the owner to let go */
};

struct http_call {
	enum http_call_state state;
	struct http_server *server; /* NULL: gone */
	const struct http_server_params *params;
	struct MHD_Connection *mhd;
	struct list calls; /* of the server */
	char *method, *path;
	struct buf query; /* decoded: name NUL value NUL ... */
	struct buf body;
	size_t swallowed; /* bytes of the body that were not kept */
	int refused;      /* a status; 0: not */
	const char *why;
	uint64_t started_ms;
	char peer[64];
	char *names[HTTP_CALL_HEADERS], *values[HTTP_CALL_HEADERS];
	size_t n_headers;
	struct MHD_Response *answer;
	int status;
	void *own;
	void (*own_gone)(void *own);
};

/* Seconds that a connection may be silent; at least one. */
unsigned http_call_idle_s(const struct http_server_params *params);
/* libmicrohttpd saw the request line: `target` as it was sent.  `params` lives as long as `s`. */
struct http_call *http_call_new(struct http_server *s, const struct http_server_params *params,
				struct MHD_Connection *mhd, const char *target);
/* It has the head (first), `n` bytes of the body, or with 0 nothing more. */
enum MHD_Result http_call_heard(struct http_call *c, const char *method, const char *version,
				const char *data, size_t n);
/* It is over with it: sent, failed or stopped. */
void http_call_over(struct http_call *c);

/* What a call asks of its server. */
bool http_server_is_dropping(const struct http_server *s);
void http_server_resumed(struct http_server *s); /* a connection was: run again soon, not now */

#endif
