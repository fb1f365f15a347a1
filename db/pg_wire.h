#ifndef DB_PG_WIRE_H
#define DB_PG_WIRE_H

#include "db/pg.h"

/*
 * One connection to PostgreSQL in pipeline mode, from its first packet to its
 * end; it has no second life.  For db/pg*.c only: pg.c keeps one after another.
 */
struct pg_wire;

struct pg_wire_events {
	void (*ready)(struct pg *pg); /* connected and in pipeline mode */
	void (*fill)(struct pg *pg);  /* send what waits, as long as there is room */
	/* The answer to `tx`, which is idle again.  Not called for cancelled ones. */
	void (*answered)(struct pg *pg, struct pg_tx *tx, const struct pg_answer *a);
	void (*heard)(struct pg *pg, const char *channel);
	void (*settled)(struct pg *pg); /* all that came in this turn has been told */
	/* It ended; what was under way is not answered yet: pg_wire_fail(), then pg_wire_drop(). */
	void (*lost)(struct pg *pg, const struct outcome *why);
};

struct pg_wire_params {
	struct loop *loop;
	const char *conninfo;
	const struct secret *password;
	const char *application;
	struct pg *pg;
	const struct pg_wire_events *events;
};

/* Never fails: what goes wrong is `lost`, later.  Everything in `p` is borrowed until the drop. */
struct pg_wire *pg_wire_open(const struct pg_wire_params *p);
/* No event comes any more; unanswered transactions are given up. */
void pg_wire_drop(struct pg_wire *w);

bool pg_wire_has_room(const struct pg_wire *w); /* for one more transaction */
/* Hand `tx` to libpq (pg_pipe_send); fewer than LIMIT_PG_FLIGHTS are under way. */
void pg_wire_send(struct pg_wire *w, struct pg_tx *tx);
/* There is something to send: `fill` is called soon, from the loop. */
void pg_wire_wake(struct pg_wire *w);
/* After `lost`: answer everything under way with `why`. */
void pg_wire_fail(struct pg_wire *w, const struct outcome *why);

const char *pg_wire_waiting_for(const struct pg_wire *w); /* in words */

#endif
