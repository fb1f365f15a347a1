#ifndef DB_DELIVERY_H
#define DB_DELIVERY_H

#include "base/buf.h"
#include "db/pg.h"

/*
 * What a dispatcher asks of PostgreSQL: positions for committed events, the
 * deliveries to post, and what is to be done now and then.  Across workspaces,
 * as replyd_dispatch.  Receipts: db/receipt.h.
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

/* A sealed secret; n 0: there is none, or none of ours: it will not open. */
struct delivery_box {
	const uint8_t *at;
	size_t n;
	bool is_there;
};

/* What stands of an endpoint. */
struct delivery_endpoint {
	const char *url;
	struct delivery_box secret, secret_old, headers, client;
	int concurrency;     /* posts at once */
	uint64_t timeout_ms; /* 0: the dispatcher's own */
	int batch;           /* events in one post */
	const char *state;   /* of its lane: "healthy", "slowed", "probing" */
};

/* A claimed delivery.  Ids are uuid text. */
struct delivery_due {
	const char *workspace, *endpoint, *event;
	int64_t position;
	int tries;                          /* so far */
	struct text body;                   /* the event object; at NULL: it is not kept any more */
	const struct delivery_endpoint *of; /* with the first of an endpoint in a take, else NULL */
};

/*
 * Claim what is due.  `each` is called per delivery, those of an endpoint one after the other in
 * the order of their positions, then `done` once; slices are good inside the call only.
 */
struct delivery_take {
	struct pg_tx tx;
	struct outcome outcome;
	int taken;
	void (*each)(struct delivery_take *q, const struct delivery_due *d);
	void (*done)(struct delivery_take *q);
};
struct delivery_wish {
	const char
		*claim; /* a uuid, fresh for each take: what is settled late meets no later claim */
	uint64_t stale_ms; /* older claims belong to a dispatcher that died and are taken over */
	int most;
	int first;         /* of a lane that `rooms` does not name */
	const char *rooms; /* JSON: [{"endpoint_id", "room"}] */
};
int delivery_take_start(struct pg *pg, struct delivery_take *q, const struct delivery_wish *w,
			void (*each)(struct delivery_take *, const struct delivery_due *),
			void (*done)(struct delivery_take *));

/* The next portion of what is done now and then: held prospects let go, replays, what was removed.
 */
struct delivery_tend {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t n; /* what there was to do; 0: nothing */
	void (*done)(struct delivery_tend *q);
};
int delivery_tend_start(struct pg *pg, struct delivery_tend *q, int most,
			void (*done)(struct delivery_tend *));

#endif
