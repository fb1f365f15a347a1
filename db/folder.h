#ifndef DB_FOLDER_H
#define DB_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "db/pg.h"

/*
 * Who writes, and proofs.  Every write names the epoch.  What is read when a mailbox
 * begins: db/folder_load.h; its folders' rows: db/folder_row.h; what the worker says of
 * it: db/folder_state.h.
 */
#define FOLDER_UUID 37

struct folder_lease {
	const char *workspace, *inbox; /* uuid */
	int64_t epoch;
};

/* ---- proofs, of many inboxes in one statement ---- */

/* Of an inbox as a whole: the least of its watched folders. */
struct folder_proof {
	char inbox[FOLDER_UUID];
	int64_t epoch;
	int64_t gated_at_us; /* everything that came before this instant has its gates committed */
	int64_t ingested_at_us; /* and its events; INT64_MIN: not all of them */
	int64_t interval_s;     /* the next proof comes so soon: a longer silence is a gap */
};
struct folder_proofs {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t written; /* fewer than given: some lease is lost */
	void (*gap)(struct folder_proofs *q, const char *inbox); /* it has an open gap; before
								    `done`; may be NULL */
	void (*done)(struct folder_proofs *q);
};
/* At most one proof per inbox.  Embedded, zeroed before its first use; the callbacks are set by the
 * caller.  0 and -errno as pg_tx_start(). */
int folder_proofs_start(struct pg *pg, struct folder_proofs *q, const struct folder_proof *proofs,
			size_t n);

#endif
