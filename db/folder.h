#ifndef DB_FOLDER_H
#define DB_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "db/pg.h"

/*
 * The rows of an inbox's folders, and proofs.  Every write names the epoch; sqlstate
 * PG_FENCED in `fenced` says that the lease is lost.  What is read of them when a
 * mailbox begins: db/folder_load.h; what the worker says of it: db/folder_state.h.
 *
 * Requests are embedded by the caller, zeroed before their first use, and may
 * be used again after `done`; 0 and -errno as pg_tx_start().
 */
#define FOLDER_UUID 37

struct folder_lease {
	const char *workspace, *inbox; /* uuid */
	int64_t epoch;
};

/* ---- a folder's row ---- */

struct folder_ensure {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	char folder[FOLDER_UUID]; /* the row's; watermarks as they are there now */
	int64_t uid_gated, uid_ingested;
	void (*done)(struct folder_ensure *q);
};
/*
 * Make the row, or bring it to this UIDVALIDITY.  `start`: the UID before the first
 * one that will be looked at; it counts only where the row is new, had another
 * UIDVALIDITY, or its watermark is beyond `end` (the last UID there can be).  `role`: "inbox",
 * "junk", "sent", "all", "other".
 */
int folder_ensure_start(struct pg *pg, struct folder_ensure *q, const struct folder_lease *l,
			struct text wire_name, struct text name, const char *role,
			int64_t uidvalidity, int64_t start, int64_t end,
			void (*done)(struct folder_ensure *));

struct folder_role {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	void (*done)(struct folder_role *q);
};
/*
 * What LIST says now, and how the folder is looked at.  "other": the server has it no more, or
 * nobody waits for its watermark.  A folder that comes to be watched makes older proofs of the
 * inbox void.  `seen_by`: "push", "poll", "sweep", or "" as long as nobody knows; at least every
 * `seen_every_s`.
 */
int folder_role_start(struct pg *pg, struct folder_role *q, const struct folder_lease *l,
		      const char *folder, const char *role, const char *seen_by,
		      int64_t seen_every_s, void (*done)(struct folder_role *));

struct folder_modseq {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	void (*done)(struct folder_modseq *q);
};
/* Everything up to this HIGHESTMODSEQ (RFC 7162) was seen and is durable; under another UIDVALIDITY
 * it means nothing and is not written. */
int folder_modseq_start(struct pg *pg, struct folder_modseq *q, const struct folder_lease *l,
			const char *folder, int64_t uidvalidity, int64_t highestmodseq,
			void (*done)(struct folder_modseq *));

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
/* At most one proof per inbox.  The callbacks are set by the caller. */
int folder_proofs_start(struct pg *pg, struct folder_proofs *q, const struct folder_proof *proofs,
			size_t n);

#endif
