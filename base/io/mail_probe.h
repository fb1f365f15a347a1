#ifndef BASE_IO_MAIL_PROBE_H
#define BASE_IO_MAIL_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/io/http_client.h"
#include "base/outcome.h"
#include "base/secret.h"

/*
 * Can one get in at a mail server?  A connection as far as the login and no
 * further, by libcurl: no mail is named, sent or looked at.  TLS is not
 * negotiable: what has none, at once or by STARTTLS (RFC 8314, RFC 3207), is
 * refused before anything is said.
 *
 *   SMTP: greeting, EHLO, STARTTLS, AUTH PLAIN or LOGIN, or with a token
 *         OAUTHBEARER or XOAUTH2; good once the server said 235 (RFC 4954)
 *   IMAP: greeting, CAPABILITY, STARTTLS; no login
 *
 * The owner embeds a zeroed probe, fills it in, and may use it again after
 * `done`, which comes from the loop, never from inside a call to this file.
 *
 * Blame as http_client, and
 *   BLAME_LACKS  "starttls", "login": the server does not offer it
 *   BLAME_AUTH   "login refused": `outcome.said` is the server's word
 */
struct mail_probe {
	/* filled in by the caller, borrowed until `done` */
	enum { MAIL_PROBE_SMTP, MAIL_PROBE_IMAP } protocol;
	const char *host;
	uint16_t port;
	bool is_starttls; /* else TLS from the first byte */
	/* of SMTP */
	const char *user;
	const struct secret *credential;
	bool is_token;
	uint64_t timeout_ms; /* of all */

	/* filled in before `done` */
	struct outcome outcome; /* BLAME_NONE: in */

	void (*done)(struct mail_probe *p);
	struct mail_probe_transfer *transfer; /* private */
};

/* 0: `done` comes exactly once, later.  -EINVAL: host, port or credential cannot be said. */
int mail_probe_start(struct http_client *c, struct mail_probe *p,
		     void (*done)(struct mail_probe *p));
/* `done` is not called; nothing when none is under way. */
void mail_probe_cancel(struct mail_probe *p);

#endif
