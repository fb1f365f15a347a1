#ifndef SERVICES_CLI_API_CALL_H
#define SERVICES_CLI_API_CALL_H

#include <jansson.h>

#include "base/secret.h"
#include "services/cli/http_wait.h"
#include "services/cli/options.h"
#include "services/settings.h"

/*
 * The HTTP API of a replyd, as the command line calls it from any machine: no
 * database, only a URL (--api, api.url, else api.public_url) and a key
 * (--key-file, else api.key of the environment; never in argv).
 *
 *   struct api_call api;
 *   int code = api_call_open(&api, s, o);
 *
 *   if (code)
 *           return code;
 *   code = api_call_get(&api, "/v1/endpoints", &j);       j is the caller's
 *   ...
 *   api_call_close(&api);
 *
 * Each call: 0 and the answer, or an exit code after one line on stderr that says
 * what, why and the remedy (those of the problem document when there is one):
 *
 *   EX_UNAVAILABLE  nobody answers there, or a 5xx
 *   EX_TEMPFAIL     429: once more, later
 *   EX_NOPERM       401, 403
 *   EX_DATAERR      every other 4xx
 */
#define API_CALL_INTERRUPTED 130 /* Ctrl-C, as shells count it */
#define API_CALL_PATH        1024
#define API_CALL_WORDS       640

struct api_call {
	struct http_wait wait;
	struct secret authorization; /* a whole header */
	char url[API_CALL_PATH];     /* without a slash at its end */
	const struct settings *settings;

	/* of the last call */
	long status;           /* 0: no answer came */
	int64_t retry_after_s; /* -1: it named none */
	int64_t oldest;        /* of a 410: the oldest position that can be read; -1: none */
	char words[API_CALL_WORDS];
};

int api_call_open(struct api_call *c, const struct settings *s, const struct options *o);
void api_call_close(struct api_call *c);

int api_call_get(struct api_call *c, const char *path, json_t **ret);
/* `body` may be NULL and stays the caller's; a 204 gives null. */
int api_call_send(struct api_call *c, const char *method, const char *path, const json_t *body,
		  json_t **ret);
/* As api_call_get(), within `timeout_ms`, and saying nothing: `c->words` has the line. */
int api_call_try(struct api_call *c, const char *path, uint64_t timeout_ms, json_t **ret);

/* A file that only its owner can read, of at most `most` bytes; and one line of such a file.  0, or
 * an exit code after a line on stderr. */
int api_call_read_file(const char *file, size_t most, struct secret *ret);
int api_call_read_secret(const char *file, struct secret *ret);

/* http(s), and plain http only to this machine: what is sent is for nobody on the way.  NULL: so it
 * is; else what is wrong with it. */
const char *api_call_url_refused(const char *url);
/* Does it lead to this machine (localhost, 127.0.0.0/8, ::1), by its name alone? */
bool api_call_is_near(const char *url);

#endif
