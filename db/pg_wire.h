#ifndef DB_PG_WIRE_H
#define DB_PG_WIRE_H

#include "db/pg.h"

/*
 * One connection to PostgreSQL in pipeline mode, from its first packet to its
 * end; it has no second life.  For db/pg*.c only: pg.c keeps one after another.
 *
 * What goes over it for a transaction, in one go:
 *
 *   [prepare, Sync]...  begin, [set workspace], statement..., Sync  commit, Sync
 *
 * A statement is prepared behind a Sync of its own, so that a failure in
 * between skips no preparation that others count on.  commit too stands behind
 * its own: it is executed in any case, and in a failed transaction it is a
 * rollback, so that nothing of it is left for the next one.
 *
 * libpq: Pipeline Mode, https://www.postgresql.org/docs/15/libpq-pipeline-mode.html
 */
struct pg_wire;

struct pg_wire_events {
	void (*ready)(struct pg *pg); /* connected and in pipeline mode */
	void (*fill)(struct pg *pg);  /* send what waits, as long as there is room */
	/* The answer to `tx`, which is idle again.  Not called for cancelled ones. */
	void (*answered)(struct pg *pg, struct pg_tx *tx, pg_tx_cb done, const struct pg_answer *a);
	void (*heard)(struct pg *pg, const char *channel);
	void (*settled)(struct pg *pg); /* all that came in this turn has been told */
	/* It ended.  What was under way has not been answered: pg_wire_fail(), then pg_wire_drop().
	 */
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
void pg_wire_drop(
	struct pg_wire *w); /* no event comes any more; unanswered transactions are given up */

bool pg_wire_has_room(const struct pg_wire *w); /* for one more transaction */
/* Hand `tx` to libpq; fewer than LIMIT_PG_FLIGHTS are under way.  Its values are given back, its
 * state is PG_TX_SENT. */
void pg_wire_send(struct pg_wire *w, struct pg_tx *tx);
/* There is something to send: `fill` is called soon, from the loop. */
void pg_wire_wake(struct pg_wire *w);
/* `tx` was sent and its owner has lost interest. */
void pg_wire_forget(struct pg_tx *tx);
/* After `lost`: answer everything under way with `why`. */
void pg_wire_fail(struct pg_wire *w, const struct outcome *why);

const char *pg_wire_waiting_for(const struct pg_wire *w); /* in words */

/* What an SQLSTATE means for us (PostgreSQL documentation, Appendix A). */
enum blame pg_wire_blame(const char *sqlstate);

#endif
