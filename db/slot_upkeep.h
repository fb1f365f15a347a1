#ifndef DB_SLOT_UPKEEP_H
#define DB_SLOT_UPKEEP_H

#include "base/rand.h"
#include "db/pg.h"

/*
 * What nobody comes back for, over all workspaces (db/schema/0026_slot.sql): promises that ran
 * out, refunds that are owed, promises of inboxes that may not keep them, mails whose senders fell
 * silent.  Each call is one transaction, and any number may run.
 *
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().
 */
#define SLOT_SILENT 32 /* told at once */

struct slot_upkeep {
	struct pg_tx tx;
	struct outcome outcome;
	char what[16]; /* of sweep and find: what became of it; "": nothing was done */
	int64_t n;     /* of unfit: promises taken back; of silent: rows */
	struct {
		char workspace[RAND_UUID], slot[RAND_UUID];
		int64_t begun_us;
	} silent[SLOT_SILENT];
	void (*done)(struct slot_upkeep *q);
};
/* One thing: "expired", "unknown" (no word for `silence_ms` after begin), "refunded". */
int slot_upkeep_sweep_start(struct pg *pg, struct slot_upkeep *q, uint64_t silence_ms,
			    void (*done)(struct slot_upkeep *));
/* At most `most` inboxes; blind ones after `grace_ms`. */
int slot_upkeep_unfit_start(struct pg *pg, struct slot_upkeep *q, uint64_t grace_ms, int64_t most,
			    void (*done)(struct slot_upkeep *));
/* The next unknown ones, begun behind `after_us`. */
int slot_upkeep_silent_start(struct pg *pg, struct slot_upkeep *q, int64_t after_us,
			     void (*done)(struct slot_upkeep *));
/* One of these: "sent", "failed", "". */
int slot_upkeep_find_start(struct pg *pg, struct slot_upkeep *q, const char *workspace,
			   const char *slot, uint64_t patience_ms,
			   void (*done)(struct slot_upkeep *));

#endif
