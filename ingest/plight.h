#ifndef INGEST_PLIGHT_H
#define INGEST_PLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "ingest/imap/imap_verdict.h"

/*
 * What a failure of a mailbox's connection means: what is said of the inbox
 * (table inbox_state: state and reason), and what is done next.  Pure; the one
 * place where blame becomes action.
 *
 *   RETRY  connect again after the back-off, and not before `wait_ms`
 *   FRESH  ask for another credential once, then connect at once
 *   HOLD   wait until somebody mended it; look again every `wait_ms` all the same
 */
enum plight_kind { PLIGHT_RETRY, PLIGHT_FRESH, PLIGHT_HOLD };

struct plight {
	enum plight_kind kind;
	const char *state;  /* "backing_off", "reauth_required", "held" */
	const char *reason; /* stable code: "network", "certificate", "host_refused" ... */
	uint64_t wait_ms;
	/* It may be the provider that is unwell, and not this inbox or we: counts for the
	 * provider's breaker. */
	bool is_providers;
	/* Their server asked for `wait_ms`: another worker waits as well. */
	bool is_asked;
};

/* What is there to connect to is no host and port at all. */
struct plight plight_of_host(void);
/* The connection ended or never came up (conn.h). */
struct plight plight_of_conn(const struct outcome *o);
/*
 * The session failed or refused a command (imap_verdict.h).  `was_fresh`: the
 * credential was asked for anew because the last one was refused; `is_password`.
 */
struct plight plight_of_imap(const struct imap_verdict *v, bool was_fresh, bool is_password);
/*
 * A login was refused although its token is fresh.  The first time, and while the
 * provider is down for others too, that says as much of the provider as of the
 * user: the same token is tried again after `wait_ms` before anybody is asked.
 */
struct plight plight_in_doubt(uint64_t wait_ms);
/*
 * The same after it has been so for `failing_ms`: what Exchange calls "authenticated
 * but not connected" is a limit or an outage at first, and after PLIGHT_PATIENCE_MS
 * somebody's to mend.
 */
#define PLIGHT_PATIENCE_MS (UINT64_C(6) * 3600 * 1000)
struct plight plight_after(const struct plight *p, uint64_t failing_ms);
/*
 * The same as the provider's row makes of it.  Where passwords have ended, or only those
 * made for a program are taken, a refused one says that: the user's own is right, and refused.
 */
struct plight plight_where(const struct plight *p, bool takes_passwords, bool takes_app_passwords);
/* No credential was given (token_source.h); `is_password`: it would be one; `reason`: why the user
 * must consent again, or "". */
struct plight plight_of_token(const struct outcome *o, bool is_password, const char *reason);

#endif
