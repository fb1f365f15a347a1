#ifndef DB_FOLDER_H
#define DB_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "db/pg.h"

/*
 * What is known of an inbox's folders: the watermarks, what was left half done,
 * and what the worker says of the inbox.  Every write and every read names the
 * epoch; sqlstate PG_FENCED in `fenced` says that the lease is lost.
 *
 * Requests are embedded by the caller, zeroed before their first use, and may
 * be used again after `done`; 0 and -errno as pg_tx_start().
 */
#define FOLDER_UUID 37

struct folder_lease {
	const char *workspace, *inbox; /* uuid */
	int64_t epoch;
};

/* ---- everything a mailbox wants to know when it begins ---- */

/* Texts of the rows are good inside the call only. */
struct folder_row {
	const char *folder; /* uuid */
	const char *wire_name, *name, *role;
	int64_t uidvalidity, uid_gated, uid_ingested;
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
	struct outcome outcome;
	bool fenced;
	void (*folder)(struct folder_load *q,
		       const struct folder_row *f); /* per row, before `done` */
	void (*pending)(struct folder_load *q, const struct folder_pending *p);
	void (*recheck)(struct folder_load *q, const struct folder_recheck *r);
	void (*done)(struct folder_load *q);
};
/* The callbacks are set by the caller. */
int folder_load_start(struct pg *pg, struct folder_load *q, const struct folder_lease *l);

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
/* What LIST says now.  "other": the server has it no more, nobody waits for its watermark. */
int folder_role_start(struct pg *pg, struct folder_role *q, const struct folder_lease *l,
		      const char *folder, const char *role, void (*done)(struct folder_role *));

/* ---- proofs, of many inboxes in one statement ---- */

struct folder_proof {
	char inbox[FOLDER_UUID], folder[FOLDER_UUID];
	int64_t epoch, uidvalidity;
	int64_t gated_at_us; /* everything that came before this instant has its gates committed */
	int64_t ingested_at_us; /* and its events; INT64_MIN: not all of them */
};
struct folder_proofs {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t written; /* fewer than given: some lease is lost, or a folder has another
			    UIDVALIDITY */
	void (*done)(struct folder_proofs *q);
};
int folder_proofs_start(struct pg *pg, struct folder_proofs *q, const struct folder_proof *proofs,
			size_t n, void (*done)(struct folder_proofs *));

/* ---- what the worker says of the inbox ---- */

struct folder_state {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	void (*done)(struct folder_state *q);
};
/*
 * `state`, `reason`: as table inbox_state has them; `detail`: for people, printable.
 * `event`: uuid of the event that says so too, with its type and data (json); NULL: none.
 */
int folder_state_start(struct pg *pg, struct folder_state *q, const struct folder_lease *l,
		       const char *state, const char *reason, const char *detail, const char *event,
		       const char *event_type, const char *event_data,
		       void (*done)(struct folder_state *));

#endif
