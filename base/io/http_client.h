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
 * HTTP requests on the loop: libcurl's multi interface under libuv, in one file.
 * No redirects, no proxies from the environment, certificates verified, the
 * address judged at connect time on what is really dialled, the answer capped.
 */
struct http_client;
struct http_request;
typedef void (*http_client_cb)(struct http_request *r);

#define HTTP_CLIENT_HEADERS 12

struct http_request {
	/* filled in by the caller, borrowed until `done` */
	const char *method; /* "GET", "POST" */
	const char *url;
	const char *headers[HTTP_CLIENT_HEADERS]; /* "Name: value", NULL-terminated */
	struct text body;
	const struct secret *basic_user, *basic_password; /* HTTP Basic, or NULL */
	uint64_t timeout_ms;
	size_t max_answer; /* bytes kept of the body; more is cut and `answer_cut` set */
	bool fail_over_answer; /* a longer body is a failure, not a cut */

	/* filled in before `done` */
	struct outcome outcome;  /* BLAME_NONE: an HTTP answer came, whatever its status */
	long status;             /* 0: none */
	struct buf answer;       /* freed by http_request_clear */
	bool answer_cut;
	int64_t retry_after_s;   /* from Retry-After, seconds from now; -1: none */
	uint64_t took_ms;

	http_client_cb done;
	struct http_transfer *transfer; /* private */
};

/* `ca_file` as tls_context_new.  `policy` must outlive the client. */
int http_client_open(struct loop *l, const char *ca_file, const struct netaddr_policy *policy, struct http_client **ret);
void http_client_drop(struct http_client *c); /* cancels what is under way */

/* 0: `done` comes exactly once, later.  -EINVAL: no http(s) URL. */
int http_client_start(struct http_client *c, struct http_request *r, http_client_cb done);
void http_client_cancel(struct http_client *c, struct http_request *r); /* `done` is not called */
void http_request_clear(struct http_request *r);

#endif
