#ifndef BASE_IO_HTTP_CLIENT_H
#define BASE_IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/io/loop.h"
#include "base/netaddr.h"
#include "base/outcome.h"
#include "base/secret.h"

/*
 * HTTP requests on the loop, by libcurl (base/io/curl_loop).
 * No redirects, no proxies from the environment, certificates verified, the
 * address judged at connect time on what is really dialled, the answer capped.
 * HTTP/1.1 or, over TLS, HTTP/2; connections are used again.
 *
 * The owner embeds a zeroed request, fills it in, and after `done` (or
 * http_client_cancel) calls http_request_clear(), after which it can be used
 * again.  `done` comes from the loop, never from inside a call to this file,
 * and may start, cancel and drop whatever it likes.
 *
 * Blame:
 *   BLAME_NET      "name lookup", "tcp connect", "timeout", "connection": try again
 *   BLAME_REFUSED  "address not allowed": our policy, every address of the name
 *   BLAME_PEER     "tls certificate", "tls handshake", "http protocol", "answer too long"
 *   BLAME_US       "http client": our settings or memory
 */
struct http_client;
struct curl_loop;
struct http_request;
typedef void (*http_client_cb)(struct http_request *r);

#define HTTP_CLIENT_HEADERS 20

struct http_request {
	/* filled in by the caller, borrowed until `done` */
	const char *method; /* "GET", "POST" */
	const char *url;
	const char *headers[HTTP_CLIENT_HEADERS]; /* "Name: value", NULL-terminated unless full */
	struct text body;
	const struct secret *basic_user, *basic_password; /* HTTP Basic, or NULL */
	const struct secret *client; /* PEM of certificate and key for mutual TLS, or NULL */
	uint64_t timeout_ms; /* of all, also the wait for a connection; 0: LIMIT_HTTP_TIMEOUT_MS */
	size_t max_answer;   /* bytes kept of the body; more is cut and `answer_cut` set */
	bool fail_over_answer; /* a longer body is a failure, not a cut */

	/* filled in before `done` */
	struct outcome outcome; /* BLAME_NONE: an HTTP answer came, whatever its status */
	long status;            /* 0: none, or it failed on the way */
	struct buf answer;      /* freed by http_request_clear */
	bool answer_cut;
	/* Retry-After, be it seconds or a date: from now, <= LIMIT_HTTP_RETRY_AFTER_S; -1: none. */
	int64_t retry_after_s;
	uint64_t took_ms;

	http_client_cb done;
	struct http_transfer *transfer; /* private */
};

/* `ca_file` and the errors as tls_context_new.  `policy` must outlive the client. */
int http_client_open(struct loop *l, const char *ca_file, const struct netaddr_policy *policy,
		     struct http_client **ret);
/* Cancels what is under way; callable anywhere, NULL too; `c` is gone. */
void http_client_drop(struct http_client *c);
/*
 * How many connections at the most, to one host and in all; what goes beyond waits.  From the
 * outset: LIMIT_HTTP_PER_HOST and LIMIT_HTTP_CONNECTIONS.
 */
void http_client_widen(struct http_client *c, int per_host, int all);
/*
 * Everything by this proxy ("http://host:port"), from now on: it resolves names and dials, and so
 * has to judge addresses; its own is not judged.
 */
void http_client_proxy(struct http_client *c, const char *url);
/* What it runs on, for base/io/mail_probe. */
struct curl_loop *http_client_curl(struct http_client *c);

/*
 * 0: `done` comes exactly once, later.  -EINVAL: no http(s) URL, no method, a
 * header without a colon, or a control character in one of them.
 */
int http_client_start(struct http_client *c, struct http_request *r, http_client_cb done);
/* `done` is not called; nothing when none is under way. */
void http_client_cancel(struct http_client *c, struct http_request *r);

/* After `done` or http_client_cancel(), or of a zeroed one: frees the answer. */
static inline void http_request_clear(struct http_request *r)
{
	buf_clear(&r->answer);
}

#endif
