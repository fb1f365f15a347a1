#ifndef INGEST_MAILBOX_INSIDE_H
#define INGEST_MAILBOX_INSIDE_H

#include "base/backoff.h"
#include "base/io/timer.h"
#include "ingest/chronicle.h"
#include "ingest/entry.h"
#include "ingest/farewell.h"
#include "ingest/mailbox.h"
#include "ingest/pass.h"
#include "ingest/renewal.h"
#include "ingest/standing.h"
#include "ingest/vigil.h"

/*
 * What the files of the mailbox share; for ingest/mailbox*.c only.
 *
 *   mailbox.c        what its owner calls, and the pump
 *   mailbox_life.c   the states: how it comes to watch, and what a failure leads to
 *   mailbox_watch.c  the session that is watched, and its change for another
 */
struct mailbox {
	const struct mailbox_params *p;
	void *owner;
	const struct provider_row *row;
	enum mailbox_state state;
	bool is_closing;
	bool is_attempt; /* admitted, and not settled */
	bool was_live;   /* the log said so of this session */
	bool is_bereft;  /* see vigil_params */
	struct log log;
	char workspace[LEASE_UUID], inbox[LEASE_UUID];
	char *address, *host, *login_name;
	uint16_t port;
	enum conn_security security;
	struct folder_lease lease; /* epoch 0: a standby */
	struct secret key;         /* of the workspace */
	struct timer timer;
	struct standing standing;
	struct chronicle notes;
	uint32_t verbs;      /* of sessions that are over, not told yet */
	uint32_t told_verbs; /* some time */
	struct pass pass;
	int64_t poked_version; /* of the credential that last woke a held inbox */
	int64_t said_version;  /* of the one that the last bad news was about */
	struct vigil *vigil;   /* NULL: a standby has none */
	struct entry *entry;   /* a connection on its way in; NULL: none */
	struct line *line;     /* the one that is watched; NULL: none */
	struct farewell *farewell;
	int64_t session_version; /* of the credential that `line` was logged in with */
	struct renewal renewal;  /* of `line` */
	struct backoff backoff;
	uint64_t kept_ms;    /* see line_keep() */
	uint64_t failing_ms; /* since when it is not live; 0: it is */
	uint64_t wake_ms;    /* of the states that wait for time */
	uint64_t patient_ms; /* the server asked another worker to stay away until then */
	uint64_t since_ms;   /* when the session became ready */
};

/* ---- mailbox.c ---- */

/* After anything: look at what moved, act, and set the timer. */
void mailbox_pump(struct mailbox *m);
void mailbox_arm(struct mailbox *m);
/* What it waits for just now, for its standing. */
void mailbox_look(struct mailbox *m);

/* ---- mailbox_life.c ---- */

void mailbox_life_enter(struct mailbox *m, enum mailbox_state state);
/* Wait for time in `state`. */
void mailbox_life_wait(struct mailbox *m, enum mailbox_state state, uint64_t wait_ms);
/* The attempt is over: NULL for good. */
void mailbox_life_settle(struct mailbox *m, const struct plight *why);
/* Admitted: rows first, or for a standby the connection. */
void mailbox_life_admitted(struct mailbox *m);
void mailbox_life_start_load(struct mailbox *m);
/* The rows have come, or the entry has moved: what follows. */
void mailbox_life_step(struct mailbox *m);
/* A connection on its way in; `later_than`: see entry.h. */
void mailbox_life_open_entry(struct mailbox *m, int64_t later_than);
/* The one place where a failure becomes what follows from it. */
void mailbox_life_suffer(struct mailbox *m, const struct plight *p, const struct outcome *told);
/* The refusal of the entry's fresh token is not believed yet. */
bool mailbox_life_doubts(struct mailbox *m, const struct plight *p);
void mailbox_life_lost(struct mailbox *m, const char *why);
/* The connection and all that hangs on it. */
void mailbox_life_close(struct mailbox *m);

/* ---- mailbox_watch.c ---- */

/* The entry is ready: its line is watched from now on. */
void mailbox_watch_begin(struct mailbox *m);
/* What the session said, what the vigil wants, what it came to. */
void mailbox_watch_step(struct mailbox *m);
/* Time to change the session, or the change goes on. */
void mailbox_watch_renew(struct mailbox *m, uint64_t now_ms);
/* An answer takes too long. */
void mailbox_watch_stalled(struct mailbox *m);

#endif
