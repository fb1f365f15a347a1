#ifndef BASE_IO_CURL_LOOP_H
#define BASE_IO_CURL_LOOP_H

#include <curl/curl.h>
#include <stdint.h>

#include "base/io/loop.h"
#include "base/list.h"
#include "base/netaddr.h"
#include "base/outcome.h"

/*
 * libcurl's multi interface under libuv: what base/io/http_client and
 * base/io/mail_probe share, and nobody else sees.  Certificates are verified, no
 * proxies from the environment, and the address is judged at connect time on
 * what is really dialled.
 *
 *   begin (easy handle with the rules) -> go -> over, from the loop, once -> end
 */
struct curl_loop;

struct curl_transfer {
	struct curl_loop *of;
	CURL *easy;
	/* It has ended, and is off the loop: curl_loop_end() is the owner's next call. */
	void (*over)(struct curl_transfer *t, CURLcode code);
	void (*dropped)(struct curl_transfer *t); /* the loop goes: end it, tell nobody */

	/* private */
	struct list list;
	unsigned dialled;  /* addresses that were allowed */
	char refused[160]; /* the last one that was not, and why */
	char error[CURL_ERROR_SIZE];
};

/* `ca_file` and the errors as tls_context_new.  `policy` must outlive the loop. */
int curl_loop_open(struct loop *l, const char *ca_file, const struct netaddr_policy *policy,
		   struct curl_loop **ret);
/* Ends what is under way, then `l` is gone. */
void curl_loop_drop(struct curl_loop *c);

/* As http_client_widen() and http_client_proxy(). */
void curl_loop_widen(struct curl_loop *c, int per_host, int all);
void curl_loop_proxy(struct curl_loop *c, const char *url);

/* `t` zeroed but for its callbacks; `schemes`: curl's list, "http,https". */
void curl_loop_begin(struct curl_loop *l, struct curl_transfer *t, const char *schemes,
		     uint64_t timeout_ms);
void curl_loop_go(struct curl_transfer *t);
void curl_loop_end(struct curl_transfer *t); /* once, at any time after begin */

/* What `code` means; `protocol`: what is said when the peer did not speak properly. */
struct outcome curl_loop_outcome(const struct curl_transfer *t, CURLcode code, const char *client,
				 const char *protocol);

#endif
