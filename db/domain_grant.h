#ifndef DB_DOMAIN_GRANT_H
#define DB_DOMAIN_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "base/secret.h"
#include "db/pg.h"

/*
 * Rights for whole domains: the broker's claims on them and what comes of trying a
 * secret or minting a token.  As replyd_broker, across workspaces.
 *
 * A grant is claimed when a secret was brought, when its token is due, and when an
 * inbox's server refused a copy of it that is not fresh.
 */
struct domain_grant_row {
	const char *workspace, *id; /* uuid */
	const char *provider, *kind, *tenant, *client_id, *check_address;
	bool is_offer;         /* `sealed` was brought by the API, sealed to the broker */
	const uint8_t *sealed; /* the offer, else the secret in use */
	size_t sealed_len;
	int64_t offer_no, version;
	int failures; /* in a row */
};

struct domain_grant_claim {
	struct pg_tx tx;
	struct outcome outcome;
	int claimed;
	int64_t enrolled; /* links of imports that moved on, or inboxes whose domain is gone */
	void (*each)(struct domain_grant_claim *q, const struct domain_grant_row *r);
	void (*done)(struct domain_grant_claim *q);
};

struct domain_grant_want {
	const char *claim; /* uuid, new for every call */
	int most;
	uint64_t stale_ms;      /* claims older than this are retaken; UINT64_MAX: none are */
	int64_t forced_after_s; /* a token refused by a server is renewed when it is so old */
	int enroll_most;        /* imported addresses that may wait for their first login at once */
};
int domain_grant_claim_start(struct pg *pg, struct domain_grant_claim *q,
			     const struct domain_grant_want *w,
			     void (*each)(struct domain_grant_claim *,
					  const struct domain_grant_row *),
			     void (*done)(struct domain_grant_claim *));

/* Any of the writes below. */
struct domain_grant_write {
	struct pg_tx tx;
	struct outcome outcome;
	bool written; /* false: it had moved on */
	void (*done)(struct domain_grant_write *q);
};

/* The provider gave a token. */
struct domain_grant_saved {
	const char *workspace, *id, *claim;
	bool is_offer; /* the secret is taken over, and inboxes that waited for it go on */
	int64_t offer_no;
	const void *sealed; /* the secret, for is_offer */
	size_t sealed_len;
	const void *token; /* NULL: of one mailbox only, not kept */
	size_t token_len;
	int64_t expires_in_s, refresh_in_s;
};
int domain_grant_save_start(struct pg *pg, struct domain_grant_write *q,
			    const struct domain_grant_saved *s,
			    void (*done)(struct domain_grant_write *));

/* A secret that was brought is not taken: what was in use stays in use. */
struct domain_grant_declined {
	const char *workspace, *id, *claim;
	int64_t offer_no;
	const char *problem, *detail;
};
int domain_grant_decline_start(struct pg *pg, struct domain_grant_write *q,
			       const struct domain_grant_declined *d,
			       void (*done)(struct domain_grant_write *));

/* The secret in use is refused: domain, all its inboxes and one event, in one transaction. */
struct domain_grant_refused {
	const char *workspace, *id;
	int64_t version;
	const char *reason, *evidence;
	const char *event; /* uuid, derived */
};
int domain_grant_refuse_start(struct pg *pg, struct domain_grant_write *q,
			      const struct domain_grant_refused *r,
			      void (*done)(struct domain_grant_write *));

/* The claim ends without a verdict; nothing is tried for `wait_ms`. */
int domain_grant_let_start(struct pg *pg, struct domain_grant_write *q, const char *workspace,
			   const char *id, const char *claim, uint64_t wait_ms,
			   const char *evidence, void (*done)(struct domain_grant_write *));

#endif
