#ifndef DB_DOMAIN_MAILBOX_H
#define DB_DOMAIN_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "db/pg.h"

/*
 * Inboxes that are reached by their domain's right: who needs an access token, and
 * saving it.  As replyd_broker, across workspaces.  There is nothing to rotate; single
 * flight is the claim on the inbox's grant, as in db/inbox_grant, whose refusing and
 * letting go serve here too.
 */
struct domain_mailbox_row {
	const char *workspace, *inbox, *address; /* uuid, uuid, address */
	const char *grant;                       /* uuid of the domain's */
	const char *provider, *tenant, *client_id;
	bool is_app_only;
	const uint8_t *sealed; /* app_only: the domain's token; delegated: the secret in use */
	size_t sealed_len;
	int64_t version;       /* of the inbox's grant */
	int64_t grant_version; /* of the domain's secret */
	int64_t token_version; /* app_only */
	int64_t expires_in_s;  /* app_only */
	int failures;
	bool forced; /* a server refused the token at hand */
};

struct domain_mailbox_claim {
	struct pg_tx tx;
	struct outcome outcome;
	int answered; /* requests that another token would not help */
	int claimed;
	void (*each)(struct domain_mailbox_claim *q, const struct domain_mailbox_row *r);
	void (*done)(struct domain_mailbox_claim *q);
};

struct domain_mailbox_want {
	const char *claim; /* uuid, new for every call */
	int most;
	uint64_t stale_ms;       /* claims older than this are retaken; UINT64_MAX: none are */
	int64_t fresh_s;         /* see oauth/policy.h */
	int64_t refused_again_s; /* a token so young that is refused: another would not help */
};
int domain_mailbox_claim_start(struct pg *pg, struct domain_mailbox_claim *q,
			       const struct domain_mailbox_want *w,
			       void (*each)(struct domain_mailbox_claim *,
					    const struct domain_mailbox_row *),
			       void (*done)(struct domain_mailbox_claim *));

struct domain_mailbox_save {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t version; /* the grant's new one; 0: it had moved on, nothing was written */
	bool is_awaited; /* its worker waits for it: tell replyd_inbox */
	void (*done)(struct domain_mailbox_save *q);
};

struct domain_mailbox_saved {
	const char *workspace, *inbox;
	int64_t version; /* that the work began with */
	int64_t token_version;
	const void *access; /* sealed */
	size_t access_len;
	int64_t expires_in_s, refresh_in_s;
	bool forced;
};
int domain_mailbox_save_start(struct pg *pg, struct domain_mailbox_save *q,
			      const struct domain_mailbox_saved *s,
			      void (*done)(struct domain_mailbox_save *));

#endif
