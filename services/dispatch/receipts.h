#ifndef SERVICES_DISPATCH_RECEIPTS_H
#define SERVICES_DISPATCH_RECEIPTS_H

#include "base/list.h"
#include "base/log.h"
#include "db/pg.h"
#include "db/receipt.h"
#include "services/dispatch/post.h"

/*
 * The receipts of posts that have ended, many in a transaction: what comes while one is under way
 * is the next one, no timer holds anything back.
 *
 * One that could not be written because PostgreSQL was away is written when it is back.  What
 * PostgreSQL refuses is asked again one by one, so that a bad receipt takes no other with it; one
 * that is refused to the end is given up: its claim goes stale, and the event is posted again with
 * the same id.
 */
struct receipts {
	struct pg *pg;
	const struct log *log;
	uint64_t disable_after_ms;
	struct receipt_batch batch;
	struct list waiting, sent; /* posts */
	int n_waiting;
	int singly; /* so many of the next go alone */
	bool is_busy;
	void *owner;
	void (*kept)(void *owner, struct post *t); /* `t` is the owner's again, and in no list */
	void (*told)(void *owner);                 /* events were written: an endpoint's own */
};

void receipts_init(struct receipts *r, struct pg *pg, const struct log *log,
		   uint64_t disable_after_ms);
/* `t` is ours until `kept`. */
void receipts_add(struct receipts *r, struct post *t);
/* Frees the posts that wait; `kept` is not called. */
void receipts_drop(struct receipts *r);

#endif
