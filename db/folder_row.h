#ifndef DB_FOLDER_ROW_H
#define DB_FOLDER_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "db/folder.h"
#include "db/gather.h"

/*
 * What a worker writes of the folders of an inbox: their rows, and what becomes known
 * of them later.  `g`: in a transaction with what others write at the same time; NULL: by
 * itself.
 *
 * Requests are embedded by the caller, zeroed before their first use, and may be used again
 * after `done`; 0 and -errno as pg_tx_start() and gather_start().  `fenced`: the lease is lost,
 * and nothing was written.  An inbox has one of each kind under way at the most.
 */

/* ---- its row ---- */

struct folder_ensure {
	struct pg_tx tx;
	struct gather_ask ask;
	bool is_held;
	struct outcome outcome;
	bool fenced;
	char folder[FOLDER_UUID]; /* the row's; watermarks as they are there now */
	int64_t uid_gated, uid_ingested;
	void (*done)(struct folder_ensure *q);
};
struct folder_begin {
	const char *wire_name, *name; /* as the server writes it; for people */
	const char *role;             /* "inbox", "junk", "sent", "all", "other" */
	/* How it is looked at: "push", "poll", "sweep", at least so often; "": not known, the row
	 * keeps what it has. */
	const char *seen_by;
	int64_t seen_every_s;
	int64_t uidvalidity;
	/*
	 * The UID before the first one that will be looked at; it counts only where the row is
	 * new, had another UIDVALIDITY, or its watermark is beyond `uid_end` (the last UID there
	 * can be).
	 */
	int64_t uid_before, uid_end;
};
/*
 * Make the row, or bring it to this UIDVALIDITY.  A folder that comes to be watched
 * makes older proofs of the inbox void.
 */
int folder_row_ensure_start(struct pg *pg, struct gather *g, struct folder_ensure *q,
			    const struct folder_lease *l, const struct folder_begin *b,
			    void (*done)(struct folder_ensure *));
void folder_row_ensure_cancel(struct folder_ensure *q); /* as pg_tx_cancel() */

/* ---- what is known of it ---- */

struct folder_look {
	struct pg_tx tx;
	struct gather_ask ask;
	bool is_held;
	struct outcome outcome;
	bool fenced;
	void (*done)(struct folder_look *q);
};
struct folder_known {
	const char *folder; /* uuid */
	/*
	 * What LIST says now, and how the folder is looked at.  "other": the server has it no
	 * more, or nobody waits for its watermark.  `seen_by`: "" as long as nobody knows.
	 */
	const char *role, *seen_by;
	int64_t seen_every_s;
	/* Everything up to this HIGHESTMODSEQ (RFC 7162) was seen and is durable; under another
	 * UIDVALIDITY it means nothing and is not written.  -1: as it is. */
	int64_t uidvalidity, highestmodseq;
};
/* At most one entry per folder.  One that comes to be watched makes older proofs of the inbox void.
 */
int folder_row_look_start(struct pg *pg, struct gather *g, struct folder_look *q,
			  const struct folder_lease *l, const struct folder_known *known,
			  unsigned n, void (*done)(struct folder_look *));
void folder_row_look_cancel(struct folder_look *q); /* as pg_tx_cancel() */

/* ---- for db/gather.c ---- */

#define FOLDER_ENSURE_STMTS 2
extern const struct pg_stmt folder_row_ensure_stmts[FOLDER_ENSURE_STMTS];
extern const struct pg_stmt folder_row_look_stmt;

#endif
