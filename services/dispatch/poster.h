#ifndef SERVICES_DISPATCH_POSTER_H
#define SERVICES_DISPATCH_POSTER_H

#include "base/io/http_client.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/vault.h"
#include "db/pg.h"

/*
 * Takes due deliveries, as many of each endpoint as its lane has room for
 * (services/dispatch/lanes.h), posts them signed (services/dispatch/post.h), and
 * has the receipts kept (services/dispatch/receipts.h).  Order per prospect is in
 * the table: of one prospect and endpoint only the oldest is due.
 *
 * A post whose receipt is lost (kill -9, a long outage) is made again with the
 * same webhook-id: at least once.
 */
struct poster;

struct poster_params {
	struct pg *pg;       /* deliveries are taken by it */
	struct pg *receipts; /* and receipts kept by this one; may be the same */
	struct http_client *http;
	const struct vault *webhooks; /* opens endpoint secrets */
	const struct log *log;
	uint64_t timeout_ms;
	int concurrency; /* deliveries under way */
	const uint64_t *retry_ms;
	size_t n_retries;
	bool allow_http;
	uint64_t disable_after_ms; /* of nothing but failures */
	void *owner;
	void (*told)(void *owner); /* events of the endpoints' own were written */
};

struct poster *poster_open(struct loop *l, const struct poster_params *p);
void poster_kick(struct poster *p); /* something may be due now */
/*
 * Take nothing more; `drained` is called once, from the loop, when all that was taken is posted and
 * has its receipt.  That may never come (PostgreSQL is away): the caller has a limit, and then
 * drops.
 */
void poster_drain(struct poster *p, void (*drained)(void *owner), void *owner);
/*
 * Callable anywhere, NULL too; `p` is gone.  Posts under way are cut; their claims go stale and are
 * taken again.
 */
void poster_drop(struct poster *p);

#endif
