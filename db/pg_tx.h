#ifndef DB_PG_TX_H
#define DB_PG_TX_H

#include "db/pg.h"

/* A transaction's values, between pg_tx_add() and the wire.  For db/pg*.c only. */
enum pg_tx_kind { PG_TX_NULL, PG_TX_TEXT, PG_TX_BYTES };

#define PG_TX_PARAMS 32 /* values of one statement at the most */

struct pg_tx_said {
	struct {
		const struct pg_stmt *stmt;
		int n_params;
		struct buf params;
	} st[PG_STATEMENTS];
};

/* As libpq wants them; the values stand in the transaction. */
struct pg_tx_params {
	int n;
	const char *values[PG_TX_PARAMS];
	int lengths[PG_TX_PARAMS];
	int formats[PG_TX_PARAMS];
};

void pg_tx_params(const struct pg_tx *tx, int st, struct pg_tx_params *ret);
/* Give back what is said; `tx` is idle and in no list. */
void pg_tx_clear(struct pg_tx *tx);

#endif
