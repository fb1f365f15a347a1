#ifndef DB_REMOVAL_H
#define DB_REMOVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/outcome.h"
#include "db/pg.h"

/*
 * Inboxes that are let go.
 *
 *   asked (API, command line: watching ends at once) -- broker: revoked at the provider -->
 *       every secret deleted, event inbox.removed
 *
 * and consents that no inbox has (db/loose_consent.h): revoked likewise, and deleted.
 *
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().
 */

/* In a workspace.  Then notify replyd_inbox and replyd_removal. */
struct removal_ask {
	struct pg_tx tx;
	struct outcome outcome;
	bool is_there, is_new;
	char state[16], reason[64]; /* "asked", or how an earlier one ended */
	void (*done)(struct removal_ask *q);
};
int removal_ask_start(struct pg *pg, struct removal_ask *q, const char *workspace,
		      const char *inbox, void (*done)(struct removal_ask *));

/* The broker's side, across workspaces. */
struct removal_row {
	const char *workspace, *provider;
	const char *id; /* uuid: the inbox, or the loose consent */
	bool is_loose;
	const char *kind;      /* of the grant; "": there is none (any more) */
	const uint8_t *sealed; /* purpose "grant", subject the id */
	size_t sealed_len;
	int tries;      /* this one included */
	bool is_shared; /* the same mailbox is connected elsewhere too, with the same consent */
};
/* What was taken, as whose end it is written. */
struct removal_of {
	const char *workspace, *id, *claim;
	bool is_loose;
};
struct removal_take {
	struct pg_tx tx;
	struct outcome outcome;
	int taken;
	void (*each)(struct removal_take *q, const struct removal_row *r);
	void (*done)(struct removal_take *q);
};
/* Claims older than `stale_ms` are retaken (UINT64_MAX: none). */
int removal_take_start(struct pg *pg, struct removal_take *q, const char *claim, int most,
		       uint64_t stale_ms,
		       void (*each)(struct removal_take *, const struct removal_row *),
		       void (*done)(struct removal_take *));

struct removal_write {
	struct pg_tx tx;
	struct outcome outcome;
	bool is_ours; /* false: the claim is somebody else's now, nothing was written */
	void (*done)(struct removal_write *q);
};
/* The end: secrets deleted, of an inbox the event written (notify replyd_event). */
int removal_end_start(struct pg *pg, struct removal_write *q, const struct removal_of *of,
		      const char *state, const char *reason, const char *evidence,
		      void (*done)(struct removal_write *));
/* Not yet: again in so long. */
int removal_again_start(struct pg *pg, struct removal_write *q, const struct removal_of *of,
			const char *reason, const char *evidence, int64_t wait_s,
			void (*done)(struct removal_write *));

#endif
