#ifndef SERVICES_CLI_FORWARD_H
#define SERVICES_CLI_FORWARD_H

#include <jansson.h>

#include "base/secret.h"
#include "services/cli/api_call.h"

/*
 * Events posted as an endpoint gets them (Standard Webhooks: webhook-id, webhook-timestamp,
 * webhook-signature), to a port of this machine unless --allow-remote says otherwise.  The secret
 * is that of --secret-file or listen.secret, else a new one, which stderr shows.
 */
#define FORWARD_WORDS 240

struct forward {
	struct http_wait *wait;
	const char *url;
	struct secret secret;

	/* of the last post */
	long status; /* 0: no answer came */
	uint64_t took_ms;
	char words[FORWARD_WORDS]; /* "204 in 3 ms"; "tcp connect: connection refused" */
	/* of all */
	size_t posted, refused;
};

/* 0, or an exit code after a line on stderr. */
int forward_open(struct forward *f, struct http_wait *wait, const struct settings *s,
		 const struct options *o);
void forward_close(struct forward *f);

/* `event` as the feed gives it.  0, whatever came of it; API_CALL_INTERRUPTED. */
int forward_post(struct forward *f, json_t *event);
bool forward_is_delivered(const struct forward *f); /* 2xx */

#endif
