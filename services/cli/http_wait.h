#ifndef SERVICES_CLI_HTTP_WAIT_H
#define SERVICES_CLI_HTTP_WAIT_H

#include "base/io/http_client.h"
#include "base/io/loop.h"
#include "base/io/timer.h"

/*
 * HTTP requests of a command, waited for one after another, so that the command
 * reads from top to bottom.  Whoever runs it chooses what is dialled: no address
 * is refused.
 *
 * SIGINT and SIGTERM end what is waited for, and everything after it: -ECANCELED.
 */
struct http_wait {
	struct loop loop;
	struct http_client *http;
	struct netaddr_policy any;
	struct timer pause;
	struct http_request request; /* the one that is waited for */
	bool is_waiting;
};

/* -EINVAL, -EACCES and the like: `ca_file` (may be ""), as http_client_open(). */
int http_wait_open(struct http_wait *w, const char *ca_file);
void http_wait_close(struct http_wait *w);

/* Until its answer is there, or did not come: 0 and `r` tells which.  -EINVAL: no such request. */
int http_wait_run(struct http_wait *w, struct http_request *r);
/* -ECANCELED, or 0 after so long. */
int http_wait_pause(struct http_wait *w, uint64_t wait_ms);
bool http_wait_is_over(const struct http_wait *w);

#endif
