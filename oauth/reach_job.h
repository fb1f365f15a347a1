#ifndef OAUTH_REACH_JOB_H
#define OAUTH_REACH_JOB_H

#include "oauth/broker_env.h"

/*
 * Once an inbox has its credential: can one also send from here (SMTP, as far as
 * the login), and where nobody answers at its port of TLS, is there one with
 * STARTTLS?  Both beside the worker's own login, and nothing waits for it.
 *
 *   SMTP login      --> \
 *   IMAP by TLS     -->  written: inbox_smtp, connect_link.offers
 *     \-- not --> 143 -->/
 *
 * It takes no slot of the broker's (a silent server would hold up refreshes), and
 * a broker that ends does not wait for it.  Beyond REACH_JOB_MOST at once nothing
 * is tried, and that is written.
 */
#define REACH_JOB_MOST 16

struct reach_what {
	const char *workspace, *inbox, *link;
	const char *provider, *address, *login_name;
	const char *imap_host;
	int imap_port;
	bool imap_is_tls; /* from the first byte */
	const struct secret *credential;
	bool is_token;
};

void reach_job_start(struct broker_env *env, const struct reach_what *w); /* copies */

#endif
