#ifndef OAUTH_BROKER_H
#define OAUTH_BROKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/io/http_client.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/vault.h"
#include "db/pg.h"
#include "oauth/connect.h"
#include "oauth/domain.h"

/*
 * The only one that opens grants.  Any number of brokers may run; they meet in
 * PostgreSQL and nowhere else.
 *
 *   request or due grant -- claim (committed) --> HTTP, no transaction open -->
 *       saved, rotation and access token in one statement | reauth_required | later
 *   link in 'exchanging' -- claim (committed) --> code exchanged, identity and
 *       scope checked --> inbox, grant, access token, event in one statement | failed
 *
 *   removal -- claim (committed) --> revoked at the provider --> secrets deleted, event
 *   a domain's right, a mailbox of a domain -- claim (committed) --> HTTP --> token saved |
 *       refused | later
 *
 * A claim is its holder's for the HTTP timeout and BROKER_GRACE_MS more; then
 * the holder is dead and another broker tries the old token once.  One who hears of its own claim
 * later than BROKER_GRACE_MS, because it was stopped, does not use it.
 *
 * It works off what it finds at each look; replyd_token, replyd_connect, replyd_removal and
 * replyd_handout only make it look sooner.
 */
struct broker;

#define BROKER_GRACE_MS 10000

/* A server of a provider. */
struct broker_server {
	const char *host; /* borrowed; "" not known */
	uint16_t port;
	bool is_starttls;   /* else TLS from the first byte */
	bool is_local_part; /* its user names are what stands before the @ */
};

struct broker_params {
	const struct log *log;
	struct pg *pg;            /* as replyd_broker; must outlive the broker */
	struct http_client *http; /* must outlive the broker */
	struct vault *grants;     /* opens and closes grants; borrowed for its life, as all here */
	struct vault *tokens;     /* closes access tokens */
	const struct secret *key_private;       /* opens what the API sealed to the broker */
	const struct oauth_provider *providers; /* borrowed for its life */
	const struct secret *const
		*client_secrets; /* one per provider; NULL or empty: public client */
	size_t n_providers;
	const struct domain_provider *domains; /* where whole domains can be opened; borrowed */
	size_t n_domains;
	uint64_t refresh_ahead_ms;
	uint64_t timeout_ms; /* of one HTTP request */
	uint64_t grace_ms;   /* a claim's life beyond that; 0: BROKER_GRACE_MS */
	uint64_t look_ms;    /* between two looks when nothing is heard; 0: 2 s */
	uint64_t settle_ms;  /* after PostgreSQL came back, claims are left to the living for so
				long; 0: 5 s */
	/* Where mail of a provider's inboxes is handed in; NULL or false: not known. */
	bool (*smtp_of)(void *owner, const char *provider, struct broker_server *ret);
	void *smtp_owner;
	uint16_t starttls_port; /* tried where nobody answers at an IMAP server's TLS; 0: 143 */
	unsigned concurrency;   /* jobs under way; 0: 32 */
	uint64_t forecast_ms;   /* between two looks for grants that will die; 0: 30 s */
	uint64_t books_ms;      /* between two tellings of what was counted; 0: 5 s */
	const char *public_url; /* how browsers reach us; NULL: events bring no connect_url */
	uint64_t seed;          /* of the jitter; 0: from the kernel */
};

/* Counted since the start. */
struct broker_stats {
	uint64_t refreshed, forced;    /* forced: because a server refused the token */
	uint64_t lost_races;           /* somebody else had saved first */
	uint64_t retaken;              /* claims of brokers that died */
	uint64_t connected, failed;    /* links: of which an inbox became; that came to nothing */
	uint64_t waited_ms, worked_ms; /* of all that were refreshed: before and after the claim */
	uint64_t forecasts;            /* told */
	uint64_t handed_out;           /* access tokens, to senders */
	unsigned under_way;            /* jobs now */
};

/* Always succeeds; work begins when `p->pg` is up. */
struct broker *broker_open(struct loop *l, const struct broker_params *p);
/* Call it when `pg` comes up: waiting work is looked at at once. */
void broker_wake(struct broker *b);
/*
 * Claim nothing more and let what is under way end (each is bounded by
 * timeout_ms and PostgreSQL): a refresh cut off here may cost a grant.  `drained` is called once,
 * later, and may drop the broker.
 */
void broker_drain(struct broker *b, void (*drained)(void *owner), void *owner);
/* At once, as kill -9 would: claims stay and are retaken by others. */
void broker_drop(struct broker *b);
struct broker_stats broker_stats(const struct broker *b);

#endif
