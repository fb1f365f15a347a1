#ifndef DB_GAP_H
#define DB_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "db/folder.h"
#include "db/pg.h"

/*
 * Spans of time in which an inbox was blind (table gap).  They are opened by
 * rotation, which sees that proofs stopped, whoever should have given them, and
 * closed by the worker that has seen everything again.  Both say so in the event
 * log (inbox.gap.opened, inbox.gap.closed) and on the inbox's timeline.  At most
 * one is open per inbox.
 *
 * Requests are embedded by the caller, zeroed before their first use; 0 and
 * -errno as pg_tx_start().
 */
struct gap_facts {
	int64_t blind_from_us; /* last proof before: the least of the watched folders */
	int64_t blind_to_us;   /* first proof after: likewise */
	int64_t replayed; /* mails that came meanwhile and were told now, concerning us or not */
	int64_t vanished; /* UIDs below UIDNEXT that were gone before anybody looked */
	int64_t skipped;  /* mails that the server would not give */
	bool verified;    /* every UID up to UIDNEXT of every watched folder was enumerated */
	int64_t tolerated_ms; /* a shorter span that nobody opened is no gap */
	const char *cause;    /* stable code: "network", "worker_gone", "reauth_required" ...; it
				 counts where rotation has not opened the gap with its own */
};

struct gap_close {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	bool was_gap; /* one was open, or the span is long enough to be told as one */
	void (*done)(struct gap_close *q);
};
/* Writes the proof `blind_to` in the same transaction.  Repeating it changes nothing. */
int gap_close_start(struct pg *pg, struct gap_close *q, const struct folder_lease *l,
		    const struct gap_facts *f, void (*done)(struct gap_close *));

struct gap_open {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t opened;
	int64_t now_us; /* PostgreSQL's clock, unix us; 0: it did not answer */
	void (*done)(struct gap_open *q);
};
/*
 * Open at most `most` gaps, of inboxes whose proofs stopped: enabled, once live, and silent for
 * longer than two of their proof intervals and 5 s; and tell PostgreSQL's time.  `since_us`: its
 * time at the call before.  If that is more than GAP_PAUSE_S ago (the machine slept, PostgreSQL
 * was stopped) nobody could prove meanwhile and nothing is opened, nor if `most` is 0.
 */
#define GAP_PAUSE_S 15
int gap_open_start(struct pg *pg, struct gap_open *q, int64_t most, int64_t since_us,
		   void (*done)(struct gap_open *));

#endif
