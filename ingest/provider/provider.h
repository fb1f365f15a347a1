#ifndef INGEST_PROVIDER_PROVIDER_H
#define INGEST_PROVIDER_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * What is known of each mail provider, as data: where its servers are, how one
 * logs in, how it behaves.  A provider that changes costs a row, not a branch.
 * Rows are static; sources stand beside them (provider_rows.c).
 *
 * Everything here can be overridden by configuration (`provider.<name>.*`),
 * since a vendor may change it silently; the last row, "generic", is what is
 * assumed of a server that nobody described.
 */
#define PROVIDER_AUTH_OAUTH    (1u << 0)
#define PROVIDER_AUTH_PASSWORD (1u << 1) /* app passwords */

enum provider_security { PROVIDER_TLS, PROVIDER_STARTTLS };

/* What the server wants as user name. */
enum provider_login { PROVIDER_LOGIN_ADDRESS, PROVIDER_LOGIN_LOCAL_PART };

struct provider_server {
	const char *host; /* "": not known */
	uint16_t port;
	enum provider_security security;
};

struct provider_row {
	const char *name;  /* "gmail": stable, stored in inbox.provider */
	const char *title; /* "Gmail and Google Workspace" */
	struct provider_server imap, smtp;
	enum provider_login login, smtp_login;
	unsigned auth;              /* PROVIDER_AUTH_* */
	bool takes_app_passwords;   /* and no other: the account's own is refused, though right */
	const char *const *domains; /* of addresses, NULL-ended: "gmail.com", "googlemail.com" */
	const char *const *mx_suffixes; /* of MX hosts, NULL-ended: ".google.com" */
	/* Its name for itself in Authentication-Results (RFC 8601 section 2.5), or ".example" for
	 * all below that; "": it names none; NULL: not known. */
	const char *authserv;
	unsigned quirks;  /* IMAP_QUIRK_* (ingest/imap/imap_session.h) */
	bool watches_all; /* the folder of all mail stands for INBOX, Sent and Archive (Gmail) */
	uint32_t idle_renew_s; /* leave IDLE and enter it again */
	uint32_t proof_s;   /* a freshness proof each so long; side folders are looked at with it */
	uint32_t sweep_s;   /* every other folder is looked at each so long */
	uint32_t session_s; /* a session is replaced after so long at most; 0: no such limit */
	bool session_ends_with_token; /* and with its access token */
	unsigned connections;         /* of ours at the same time, per account, at the most */
	/* Per provider and egress address, of one worker; bursts of one second's worth are fine. */
	uint32_t connects_per_s;
	uint32_t logins_per_s;
};

/* By name; the row "generic" where there is none.  Never NULL. */
const struct provider_row *provider_find(struct text name);
/* By the domain of an address, of whatever case; NULL: no row names it. */
const struct provider_row *provider_of_domain(struct text domain);
/* By the host of an MX record, likewise. */
const struct provider_row *provider_of_mx(struct text host);
/* Of these rows, the one with the longest name that fits `host`; NULL: none. */
enum provider_by { PROVIDER_BY_DOMAIN, PROVIDER_BY_MX };
const struct provider_row *provider_nearest(const struct provider_row *rows, size_t n,
					    enum provider_by by, struct text host);
/* All rows, `generic` last. */
const struct provider_row *provider_rows(size_t *ret_n);

#endif
