#ifndef DB_PROBE_H
#define DB_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "db/folder.h"
#include "db/pg.h"

/*
 * "Is everything seen up to now?"  Who is about to send asks for a fresh proof of
 * one inbox (table probe; its id is the asker's nonce); the worker that watches
 * it proves and answers.  Channels: replyd_probe (asked), replyd_probed (answered).
 *
 * Requests are embedded by the caller, zeroed before their first use; 0 and
 * -errno as pg_tx_start().
 */

/* ---- the worker's side ---- */

struct probe_asked {
	const char *probe, *workspace, *inbox; /* uuid; good inside the call */
};
struct probe_list {
	struct pg_tx tx;
	struct outcome outcome;
	void (*each)(struct probe_list *q, const struct probe_asked *p); /* before `done` */
	void (*done)(struct probe_list *q);
};
/* Probes of inboxes leased to `worker` that nobody has answered. */
int probe_list_start(struct pg *pg, struct probe_list *q, const char *worker,
		     void (*each)(struct probe_list *, const struct probe_asked *),
		     void (*done)(struct probe_list *));

struct probe_answer {
	char probe[FOLDER_UUID], inbox[FOLDER_UUID];
	int64_t epoch;
	/* Everything that came before this instant has its gates committed; taken on the worker's
	 * clock after the question was heard. */
	int64_t gated_through_us;
};
struct probe_answers {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct probe_answers *q);
};
/* Writes the proof into the watermark too.  A lost lease answers nothing. */
int probe_answers_start(struct pg *pg, struct probe_answers *q, const struct probe_answer *answers,
			size_t n, void (*done)(struct probe_answers *));

/* ---- the asker's side ---- */

struct probe_ask {
	struct pg_tx tx;
	struct outcome outcome;
	bool is_there; /* false: the workspace has no such inbox, nobody was asked */
	void (*done)(struct probe_ask *q);
};
/* `probe`: a fresh uuid. */
int probe_ask_start(struct pg *pg, struct probe_ask *q, const char *workspace, const char *inbox,
		    const char *probe, void (*done)(struct probe_ask *));

struct probe_read {
	struct pg_tx tx;
	struct outcome outcome;
	bool is_answered;
	/* Nobody will answer, as it stands: paused, no worker, or no session until somebody mends
	 * something. */
	bool is_hopeless;
	int64_t gated_through_us; /* not before the question; INT64_MIN: no answer yet */
	/* Of the inbox now: why there is no answer; "paused", whatever state that left it in. */
	char state[32], reason[64];
	struct buf covers; /* what a proof of this inbox covers, json; empty when it does not fit */
	void (*done)(struct probe_read *q);
};
int probe_read_start(struct pg *pg, struct probe_read *q, const char *workspace, const char *probe,
		     void (*done)(struct probe_read *));
void probe_read_clear(struct probe_read *q); /* cancels, too; a zeroed one is fine */

#endif
