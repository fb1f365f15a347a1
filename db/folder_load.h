#ifndef DB_FOLDER_LOAD_H
#define DB_FOLDER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "db/folder.h"
#include "db/gather.h"

/*
 * Everything a mailbox wants to know when it begins: its folders with their
 * watermarks, what was left half done, what is to be looked at again, the last
 * proof, the open gap.  Of many inboxes at a time, by index whatever the planner
 * thinks of tables that were empty a moment ago.
 *
 * Embedded by the caller, zeroed before its first use, and may be used again after
 * `done`.
 */

/* Texts of the rows are good inside the call only. */
struct folder_row {
	const char *folder; /* uuid */
	const char *wire_name, *name, *role;
	int64_t uidvalidity, uid_gated, uid_ingested;
	int64_t highestmodseq;               /* RFC 7162; 0: not known */
	int64_t gated_at_us, ingested_at_us; /* INT64_MIN: never */
	const char *seen_by;                 /* "push", "poll", "sweep"; "": not said yet */
	int64_t seen_every_s;
};
/* A mail whose gate is closed and whose text was never read. */
struct folder_pending {
	const char *message; /* uuid */
	const char *folder, *role;
	int64_t uidvalidity, uid;
	const char *prospect, *header_message_id, *sender, *subject;
	int64_t internal_at_us, detected_at_us, gated_at_us;
	const char *matches; /* json, as arrival_close() was given */
	bool recovered;
};
struct folder_recheck {
	const char *folder; /* uuid */
	int64_t uidvalidity, uid;
};
struct folder_load {
	struct pg_tx tx;
	struct gather_ask ask;
	bool is_held; /* private: the lease is ours */
	struct outcome outcome;
	bool fenced;
	/* Of the inbox as a whole; good from the first callback on. */
	int64_t seen_us;       /* its last proof: all that came before was seen; INT64_MIN: never */
	bool has_gap;          /* one is open: gap_close_start() when everything is seen again */
	int64_t blind_from_us; /* of the open gap */
	void (*folder)(struct folder_load *q,
		       const struct folder_row *f); /* per row, before `done` */
	void (*pending)(struct folder_load *q, const struct folder_pending *p);
	void (*recheck)(struct folder_load *q, const struct folder_recheck *r);
	void (*done)(struct folder_load *q);
};
/*
 * The callbacks are set by the caller.  `g`: with those that begin at the same time; NULL: by
 * itself.  0 and -errno as pg_tx_start() and gather_start().  `fenced`: the lease is lost, and what
 * was told means nothing.
 */
int folder_load_start(struct pg *pg, struct gather *g, struct folder_load *q,
		      const struct folder_lease *l);
void folder_load_cancel(struct folder_load *q); /* as pg_tx_cancel() */

/* ---- for db/gather.c ---- */

#define FOLDER_LOAD_STMTS 4
extern const struct pg_stmt folder_load_stmts[FOLDER_LOAD_STMTS];

#endif
