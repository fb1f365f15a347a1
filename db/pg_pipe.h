#ifndef DB_PG_PIPE_H
#define DB_PG_PIPE_H

#include <libpq-fe.h>

#include "base/limits.h"
#include "db/pg.h"

/*
 * Transactions in libpq's pipeline: what was asked, in order, and what came of
 * it.  No handle, no timer, no callback: pg_wire sees to the socket, hands
 * transactions in and draws answers out.  For db/pg*.c only.
 *
 * What goes over the wire for a transaction, in one go:
 *
 *   [prepare, Sync]...  begin, [set workspace], statement..., Sync  commit, Sync
 *   [prepare, Sync]...  statement, Sync
 *
 * The latter for one statement without a workspace: PostgreSQL begins and commits by itself, at the
 * Sync, and wakes us once.
 *
 * A statement is prepared behind a Sync of its own, so that a failure in between skips no
 * preparation that others count on.  commit too stands behind its own: it is executed in any case,
 * and in a failed transaction it is a rollback, so that nothing of it is left for the next one.
 *
 * libpq, Pipeline Mode: https://www.postgresql.org/docs/15/libpq-pipeline-mode.html
 */
enum pg_pipe_what {
	PG_PIPE_PREPARED,
	PG_PIPE_DONE,
	PG_PIPE_ROWS,
	PG_PIPE_COMMIT,
	PG_PIPE_SYNC,
	PG_PIPE_LAST_SYNC,
};

/* What libpq will answer next.  It answers in the order of our calls. */
struct pg_expect {
	enum pg_pipe_what what;
	int st; /* PG_PIPE_ROWS: of which statement */
	struct pg_flight *flight;
	struct pg_prepared *prepared;
};

struct pg_flight {
	struct pg_tx *tx; /* NULL: cancelled */
	struct pg_answer answer;
	enum { PG_FLIGHT_FREE, PG_FLIGHT_FLYING } state;
};

/* begin, workspace, statements, commit: each perhaps prepared, which takes two; and two Syncs. */
#define PG_PIPE_TX     (3 * (3 + PG_STATEMENTS) + 2)
#define PG_PIPE_PLACES (LIMIT_PG_FLIGHTS * PG_PIPE_TX)

struct pg_pipe {
	PGconn *conn;                             /* the wire's */
	struct pg_expect expects[PG_PIPE_PLACES]; /* a ring */
	size_t first, expected;
	bool seen; /* the first of `expects` has had its result, its end is to come */
	struct pg_prepared *prepared;
	struct pg_flight flights[LIMIT_PG_FLIGHTS];
	int flying;
	uint64_t progress_ms; /* the last answer, or the first question after silence */
	struct outcome
		broken; /* not ok: libpq or the server is out of step, nothing works any more */
	struct outcome leaving; /* not ok: the connection is of no use; nothing more is sent, what
				   is under way lands */
};

/* `conn` is in pipeline mode. */
void pg_pipe_init(struct pg_pipe *p, PGconn *conn);
void pg_pipe_clear(struct pg_pipe *p); /* gives up what is under way; safe on zeros */

bool pg_pipe_has_room(const struct pg_pipe *p); /* for one more transaction */
/*
 * Hand `tx` to libpq; fewer than LIMIT_PG_FLIGHTS are under way.  Its values are
 * given back, its state is PG_TX_SENT.  A failure shows in `broken`.
 */
void pg_pipe_send(struct pg_pipe *p, struct pg_tx *tx);
/* `tx` was sent and its owner has lost interest. */
void pg_pipe_forget(struct pg_tx *tx);

/*
 * The next transaction whose answer is complete, from what libpq has read; it
 * is idle again.  The results in `ret` are the caller's, to be given to
 * pg_pipe_answer_clear().  false: more has to be read first.
 */
bool pg_pipe_next(struct pg_pipe *p, struct pg_tx **ret_tx, struct pg_answer *ret);
/* The same when the connection is gone: whatever is under way, in its order, lost because of `why`.
 */
bool pg_pipe_next_lost(struct pg_pipe *p, const struct outcome *why, struct pg_tx **ret_tx,
		       struct pg_answer *ret);
void pg_pipe_answer_clear(struct pg_answer *a);

#endif
