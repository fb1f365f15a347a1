#ifndef DB_RECEIPT_H
#define DB_RECEIPT_H

#include "base/buf.h"
#include "base/rand.h"
#include "db/pg.h"

/*
 * Receipts of many attempts in one transaction (lane_settle() in the schema),
 * and what they say of their endpoints.  Across workspaces, as replyd_dispatch.
 */

/*
 * What becomes of the delivery: DELIVERED removes it, AGAIN makes it due after `wait_ms`, DEAD
 * keeps it as a dead letter, GONE also disables the endpoint.  Nothing happens to a delivery that
 * another dispatcher has claimed meanwhile.
 */
enum receipt_fate { RECEIPT_DELIVERED, RECEIPT_AGAIN, RECEIPT_DEAD, RECEIPT_GONE };

struct receipt {
	const char *workspace, *endpoint, *event, *claim; /* uuid */
	const char *attempt; /* uuid of the attempt: the same receipt may be written again */
	int64_t position;
	int try; /* 1, 2, ... */
	int64_t started_us;
	int status; /* HTTP; 0: none */
	const char
		*outcome; /* "delivered", "refused", "timeout", "network", "not_allowed", "gone" */
	const char *detail;
	uint64_t took_ms;
	enum receipt_fate fate;
	uint64_t wait_ms;
};

struct receipt_news {
	const char *workspace, *endpoint;
	bool ok;                 /* something was delivered */
	const char *failed_with; /* the outcome of what was not; "" */
	const char *state;       /* of its lane */
	uint64_t wait_ms;        /* it is to be left alone so long; 0: no */
};

/* Filled between receipt_batch_begin() and receipt_batch_start(). */
struct receipt_batch {
	struct pg_tx tx;
	struct buf items, news;
	struct outcome outcome;
	/* Of endpoints that were stopped by it ("failing", "gone") or came back ("recovered"). */
	void (*told)(struct receipt_batch *q, const char *endpoint, const char *what);
	void (*done)(struct receipt_batch *q);
};

void receipt_batch_begin(struct receipt_batch *q);
void receipt_batch_add(struct receipt_batch *q, const struct receipt *r);
void receipt_batch_news(struct receipt_batch *q, const struct receipt_news *n);
/* Errors as pg_tx_start(). */
int receipt_batch_start(struct pg *pg, struct receipt_batch *q, uint64_t disable_after_ms,
			void (*told)(struct receipt_batch *, const char *, const char *),
			void (*done)(struct receipt_batch *));

#endif
