#ifndef DB_FEED_H
#define DB_FEED_H

#include "base/buf.h"
#include "db/pg.h"
#include "db/view.h"

/*
 * The feed of one workspace, as consumers pull it (db/schema/0023_log.sql:
 * feed_acknowledge(); 0024_retention.sql: feed_read()).
 *
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().
 */
#define FEED_WINDOW 20000 /* positions that a page with a filter looks at, at the most */

struct feed_ask {
	int64_t after; /* -1: not said: behind what the consumer has acknowledged, else all */
	const char *consumer; /* NULL: nobody in particular */
	const char *types;    /* JSON array of names; NULL: all */
	int64_t limit;
};

struct feed_page {
	struct pg_tx tx;
	struct outcome outcome;
	struct buf json;     /* {"events":[...],"next":N}; empty: below the floor */
	int64_t told;        /* events in it */
	int64_t next;        /* the last position that was looked at */
	int64_t floor, head; /* all behind the floor is there; the last position given */
	bool is_whole;       /* there was no more to look at */
	void (*done)(struct feed_page *p);
};
int feed_page_start(struct pg *pg, struct feed_page *p, const char *workspace,
		    const struct feed_ask *ask, void (*done)(struct feed_page *));
void feed_page_clear(struct feed_page *p); /* cancels, too */

enum feed_ack_end {
	FEED_ACK_DONE,
	FEED_ACK_AHEAD,    /* no such position was given yet */
	FEED_ACK_TOO_MANY, /* consumers */
};

/* Everything up to `position` is the consumer's; it never goes back. */
struct feed_ack {
	struct pg_tx tx;
	struct outcome outcome;
	enum feed_ack_end end;
	int64_t position; /* where he is now */
	int64_t head;
	void (*done)(struct feed_ack *q);
};
int feed_ack_start(struct pg *pg, struct feed_ack *q, const char *workspace, const char *consumer,
		   int64_t position, void (*done)(struct feed_ack *));

/* Where a consumer is, as JSON: {consumer, position, behind, acked_at}; one that never acknowledged
 * anything is at the oldest event that is kept, with acked_at null. */
int feed_consumer_start(struct pg *pg, struct view *v, const char *workspace, const char *name,
			view_cb done);

#endif
