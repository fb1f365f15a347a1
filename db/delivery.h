#ifndef DB_DELIVERY_H
#define DB_DELIVERY_H

#include "base/buf.h"
#include "db/pg.h"

/*
 * What a dispatcher asks of PostgreSQL: positions for committed events, the
 * deliveries to post, and the receipts.  Across workspaces, as replyd_dispatch.
 */

/* Give positions to at most `most` committed events and owe them to the endpoints. */
struct delivery_append {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t appended; /* -1: another dispatcher is at it */
	void (*done)(struct delivery_append *q);
};
int delivery_append_start(struct pg *pg, struct delivery_append *q, int most,
			  void (*done)(struct delivery_append *));

/* Claim what is due.  `each` is called per delivery, then `done` once; slices are good inside the
 * call only. */
struct delivery_due {
	const char *workspace, *endpoint, *event; /* uuid */
	int64_t position;
	int tries; /* so far */
	const char *url;
	const uint8_t *sealed_secret;
	size_t sealed_len;
	struct text body;
};
struct delivery_take {
	struct pg_tx tx;
	struct outcome outcome;
	int taken;
	void (*each)(struct delivery_take *q, const struct delivery_due *d);
	void (*done)(struct delivery_take *q);
};
/*
 * `claim`: a uuid, fresh for each take, so that what is settled late never meets a later claim;
 * claims older than `stale_ms` belong to a dispatcher that died and are taken over.
 */
int delivery_take_start(struct pg *pg, struct delivery_take *q, const char *claim,
			uint64_t stale_ms, int most,
			void (*each)(struct delivery_take *, const struct delivery_due *),
			void (*done)(struct delivery_take *));

/*
 * The receipt of one attempt, and what becomes of the delivery: DELIVERED removes it,
 * AGAIN makes it due after `wait_ms`, DEAD keeps it as a dead letter, GONE also
 * disables the endpoint.  Nothing happens to a delivery that another dispatcher has claimed
 * meanwhile.
 */
enum delivery_fate { DELIVERY_DELIVERED, DELIVERY_AGAIN, DELIVERY_DEAD, DELIVERY_GONE };
struct delivery_receipt {
	const char *workspace, *endpoint, *event, *claim;
	const char *attempt; /* uuid of the attempt: the same receipt may be written again */
	int64_t position;
	int try; /* 1, 2, ... */
	int64_t started_us;
	int status; /* HTTP; 0: none */
	const char
		*outcome; /* "delivered", "refused", "timeout", "network", "not_allowed", "gone" */
	const char *detail;
	uint64_t took_ms;
	enum delivery_fate fate;
	uint64_t wait_ms;
};
struct delivery_settle {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct delivery_settle *q);
};
int delivery_settle_start(struct pg *pg, struct delivery_settle *q,
			  const struct delivery_receipt *r, void (*done)(struct delivery_settle *));

#endif
