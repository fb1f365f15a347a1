#ifndef DB_FOLDER_STATE_H
#define DB_FOLDER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "db/folder.h"
#include "db/gather.h"

/*
 * What the worker says of an inbox, in table inbox_state; of many inboxes at a
 * time.  One with an event goes by itself.
 *
 * Embedded by the caller, zeroed before its first use, and may be used again after
 * `done`.
 */

struct folder_state {
	struct pg_tx tx;
	struct gather_ask ask;
	bool is_held; /* private: the lease is ours */
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
/* `g`: with what is said of others at the same time; NULL: by itself.  0 and -errno as
 * pg_tx_start() and gather_start(). */
int folder_state_start(struct pg *pg, struct gather *g, struct folder_state *q,
		       const struct folder_lease *l, const struct folder_said *said,
		       void (*done)(struct folder_state *));
void folder_state_cancel(struct folder_state *q); /* as pg_tx_cancel() */

/* ---- for db/gather.c ---- */

#define FOLDER_STATE_STMTS 2
extern const struct pg_stmt folder_state_stmts[FOLDER_STATE_STMTS];

#endif
