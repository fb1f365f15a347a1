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

/* ---- what the worker says of the inbox ---- */

struct folder_state {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	int64_t links; /* connect links that it settled: notify replyd_connected, replyd_event */
	void (*done)(struct folder_state *q);
};
struct folder_said {
	const char *state, *reason;          /* as table inbox_state has them */
	const char *detail;                  /* for people, printable */
	const char *waiting_for;             /* in words; "": nothing */
	int64_t progress_done, progress_of;  /* of a long catching up; of 0: nothing long */
	int64_t retry_at_us;                 /* no connection before, unix us; 0: whenever */
	const char *event;                   /* uuid of the event that says so too; NULL: none */
	const char *event_type, *event_data; /* data: json */
};
int folder_state_start(struct pg *pg, struct folder_state *q, const struct folder_lease *l,
		       const struct folder_said *said, void (*done)(struct folder_state *));

#endif
