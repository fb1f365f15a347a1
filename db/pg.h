#ifndef DB_PG_H
#define DB_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/io/loop.h"
#include "base/list.h"
#include "base/log.h"
#include "base/outcome.h"
#include "base/secret.h"

/*
 * PostgreSQL on the loop: one connection in pipeline mode, a queue of
 * transactions, statements prepared once per connection, and reconnect with
 * back-off.  PGresult never leaves this folder: other files of db/ read rows
 * with pg_row_*() inside the callback and hand typed values on.
 *
 * A pg_tx is one whole transaction, sent in one go and answered in one go:
 *
 *   BEGIN, set workspace, [statement]..., COMMIT, Sync
 *
 * (of one statement without a workspace only that, since PostgreSQL takes it for a transaction),
 * so no transaction is ever open while we wait for anything but PostgreSQL, and
 * a batch costs one round trip.  Transactions run in the order of their start.
 *
 * While the connection is down, transactions wait in the queue (LIMIT_PG_QUEUE
 * of them).  One that was under way when it broke is answered BLAME_NET: it may
 * or may not have committed; all our transactions may be repeated.
 *
 * Outcomes: BLAME_NONE committed; BLAME_NET connection lost; BLAME_REFUSED
 * serialization failure, deadlock, statement timeout, shutdown (repeat it);
 * BLAME_AUTH permission denied; BLAME_US everything else.  `sqlstate` tells which;
 * PG_FENCED: the lease is lost (see fence() in the schema).
 */
struct pg;
struct pg_flight;
struct pg_tx;

struct pg_stmt {
	const char *name; /* of the prepared statement; unique in the program */
	const char *sql;
};

#define PG_FENCED     "RP001"
#define PG_STATEMENTS 8 /* in one transaction */

struct pg_answer {
	struct outcome outcome;
	char sqlstate[6]; /* "" when it committed, or was lost without a word */
	int n;            /* statements answered */
	const struct pg_stmt *said[PG_STATEMENTS]; /* which they were */
	void *results[PG_STATEMENTS]; /* private: one PGresult per statement, freed after the
					 callback */
};

typedef void (*pg_tx_cb)(struct pg_tx *tx, const struct pg_answer *a);

/*
 * Embedded by typed requests, of which there are several to an idle inbox: what
 * is said stands apart, from the first pg_tx_add() until it was sent.
 * pg_tx_init()ed before each use.
 */
struct pg_tx_said;
struct pg_tx {
	struct list link;
	pg_tx_cb done;
	struct pg *pg;
	char workspace[37];    /* uuid; "" sets none */
	const char *presented; /* borrowed: hex digest of a presented secret; NULL sets none */
	int n;                 /* statements; stays until the next pg_tx_init() */
	int error; /* of the first pg_tx_add() that could not be done; pg_tx_start() returns it */
	struct pg_tx_said *said;  /* private, NULL: nothing, or sent */
	struct pg_flight *flight; /* private: where its answer is collected */
	enum { PG_TX_IDLE, PG_TX_QUEUED, PG_TX_SENT } state;
};

/* `workspace`: uuid text or NULL. */
void pg_tx_init(struct pg_tx *tx, const char *workspace);
/*
 * Add a statement.  `types` has a letter per parameter, then the values:
 *   t  const char *  text (NULL is null)          b  const void *, size_t   bytea
 *   i  int64_t       bigint                       B  int (bool)             boolean
 *   u  const char *  uuid text (NULL is null)     j  const char *           json text
 *   T  int64_t       timestamptz, unix us; INT64_MIN is null
 *   x  struct text   text                         d  double
 */
void pg_tx_add(struct pg_tx *tx, const struct pg_stmt *stmt, const char *types, ...);
/*
 * 0: `done` comes exactly once, later; `tx` may be started anew or given up inside it.  -ENOBUFS:
 * the queue is full; -EMSGSIZE: the values of a statement pass LIMIT_PG_PARAMS; -ESHUTDOWN: `pg` is
 * being dropped.  On failure `tx` is cleared.
 */
int pg_tx_start(struct pg *pg, struct pg_tx *tx, pg_tx_cb done);
/* `done` is not called; a transaction already sent still runs.  Safe at any time, also on a zeroed
 * or finished one. */
void pg_tx_cancel(struct pg_tx *tx);

/* Rows of statement `st` of the answer; inside the callback only. */
int pg_rows(const struct pg_answer *a, int st);
int64_t pg_affected(const struct pg_answer *a, int st);
bool pg_row_is_null(const struct pg_answer *a, int st, int row, int col);
const char *pg_row_text(const struct pg_answer *a, int st, int row, int col); /* null is "" */
int64_t pg_row_i64(const struct pg_answer *a, int st, int row, int col);
bool pg_row_bool(const struct pg_answer *a, int st, int row, int col);
double pg_row_double(const struct pg_answer *a, int st, int row, int col);
int64_t pg_row_time(const struct pg_answer *a, int st, int row,
		    int col); /* timestamptz as unix us; null is INT64_MIN; select it as
				 (extract(epoch from t) * 1000000)::bigint */
int pg_row_bytes(const struct pg_answer *a, int st, int row, int col,
		 struct buf *ret); /* appends bytea, null nothing; -ENOBUFS, -EINVAL: not bytea */
/*
 * A sealed box, kept in `keep`, which is initialised here; good until that is cleared.  NULL and 0
 * for null, and for one beyond the ceiling (LIMIT_OAUTH_SEALED), which is not one of ours: empty,
 * it will not open.
 */
void pg_row_box(const struct pg_answer *a, int st, int row, int col, struct buf *keep,
		const uint8_t **ret, size_t *ret_n);
/* Beside them what claims go by: the age in seconds behind which one is retaken, for a statement;
 * UINT64_MAX: a hundred years. */
int64_t pg_row_stale_s(uint64_t stale_ms);

struct pg_params {
	const char *conninfo; /* libpq key words without password, or a postgresql:// URL */
	const struct secret *password; /* NULL: none, or in the URL */
	const char *application;       /* "replyd ingest" */
	/* Statements that name their rows, and no others: plans go by index where there is one. */
	bool is_by_index;
	const struct log *log;
	void *owner;
	void (*on_up)(void *owner); /* connected (again); LISTENs are in place */
	void (*on_down)(void *owner, const struct outcome *why);
};

/* Never fails on an unreachable server: it keeps trying. -EINVAL: conninfo does not parse. */
int pg_open(struct loop *l, const struct pg_params *p, struct pg **ret);
void pg_drop(struct pg *pg); /* queued transactions are forgotten, their callbacks not called */
bool pg_is_up(const struct pg *pg);
/* Monotonic ms since when the connection is up, 0 when it is down. */
uint64_t pg_up_since_ms(const struct pg *pg);

/* A hint that something changed; never the truth.  `heard` is called from the loop, coalesced. */
typedef void (*pg_heard_cb)(void *owner);
void pg_listen(struct pg *pg, const char *channel, pg_heard_cb heard, void *owner);
/* NOTIFY from a small transaction of its own, at most one per channel every PG_NOTIFY_MS. */
#define PG_NOTIFY_MS 3
void pg_notify(struct pg *pg, const char *channel);

#endif
