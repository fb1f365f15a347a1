#ifndef INGEST_MAILBOX_H
#define INGEST_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io/loop.h"
#include "base/log.h"
#include "base/netaddr.h"
#include "base/secret.h"
#include "base/tls.h"
#include "db/folder.h"
#include "db/lease.h"
#include "db/pg.h"
#include "db/timeline.h"
#include "ingest/line.h"
#include "ingest/plight.h"
#include "ingest/provider/provider_table.h"
#include "ingest/token_source.h"

/*
 * One inbox that this worker holds: its connection, its session, the watcher
 * that decides, the intake that makes mails durable, and when to try again.
 *
 *   waiting (admission) -> loading -> entering (token, connection, login) -> watching
 *        ^                                                                    |
 *        +---- backing off, or held until somebody mended it <----------------+
 *
 * A connection that will end (with its access token, with the longest session a
 * provider gives) is replaced before it does: a second one enters while the first
 * watches, the watching moves at a quiet moment, the first says goodbye.  It
 * needs admission as well, and does not happen where the provider's row allows
 * one connection only: there the first leaves before the second enters.
 *
 * Opened with epoch 0 it stands by for another worker's lease: it enters, is kept
 * alive, and begins when it is given an epoch.  A standby that fails is lost.
 *
 * It never gives up its lease by itself except when the database says that the
 * lease is lost (`on_lost`).  While PostgreSQL is away it keeps its connection.
 */
struct mailbox;

struct mailbox_params {
	struct loop *loop;
	struct pg *pg;
	const struct log *log; /* parent of the mailbox's own */
	struct tls_context *tls;
	const struct netaddr_policy *policy;
	const struct token_source *tokens;
	const struct secret *digest_master; /* key.digest; borrowed during mailbox_open() */
	struct rand_gen *rand;

	const struct provider_table *providers; /* rows as configured; NULL: as they are */

	uint64_t lookback_ms;
	uint64_t proof_ms, idle_renew_ms; /* 0: as the provider's row says */
	size_t text_max;
	bool opens_answers;       /* struct intake_mail_place */
	struct gather *gather;    /* transactions of many inboxes in one; NULL: each by itself */
	uint64_t manual_grace_ms; /* own mails that nobody registers were written by hand */
	const char *rawlog_dir;   /* "" or NULL: nothing is written down */
	bool is_rawlog_whole; /* every dialogue is, not only the end of those that failed by us */
	/* Of the back-offs; 0: 1 s after a connection, 5 s after a renewal that failed. */
	uint64_t retry_first_ms;
	uint64_t entry_ms;             /* 0: ENTRY_MS */
	struct line_patience patience; /* zeros: the defaults */
	bool is_clear;                 /* tests on loopback only: no TLS */

	/* `owner` is who mailbox_open() was given.  None of them is called from inside a call to
	 * this file, except as said. */
	void (*on_want)(void *owner); /* wants to connect: mailbox_admit() when there is room */
	/* The attempt is over, for good (NULL) or bad: the room is free again.  Also from inside
	 * mailbox_admit(). */
	void (*on_settled)(void *owner, const struct plight *why);
	void (*on_proof)(void *owner); /* mailbox_take_proofs() has something */
	/* mailbox_take_notes() has something.  NULL: nobody wants it. */
	void (*on_note)(void *owner);
	/* The lease is lost, or the standby: drop it.  Take its notes before. */
	void (*on_lost)(void *owner, const char *why);
	/* Epoch 0: ready; mailbox_begin() when the lease is ours. */
	void (*on_standby)(void *owner);
	/* Is the provider down for others too?  NULL: never.  Called from anywhere. */
	bool (*is_down)(void *owner);
};

/* `p` is borrowed; texts of `row` are copied.  Starts as waiting: admit it; or as backing off, if
 * its server asked for that. */
struct mailbox *mailbox_open(const struct mailbox_params *p, void *owner,
			     const struct lease_inbox *row);
/* Ends at once, callable anywhere; no callback comes afterwards.  Freed when its last handle is
 * closed. */
void mailbox_drop(struct mailbox *m);

/* There is room: connect.  Nothing if it does not wait. */
void mailbox_admit(struct mailbox *m);
/* The lease of a standby is ours now.  Nothing if it does not stand by (any more). */
void mailbox_begin(struct mailbox *m, int64_t epoch);
/* Something was mended (a reconnect, another address): the row as it is now, and no waiting. */
void mailbox_update(struct mailbox *m, const struct lease_inbox *row);
void mailbox_poke(struct mailbox *m);
/* Its provider lets nobody in: that is said of it, if it is out and not held.  Was it out? */
bool mailbox_provider_down(struct mailbox *m);
/* An outbound registered late names this mail. */
void mailbox_recheck(struct mailbox *m, const char *folder, int64_t uidvalidity, int64_t uid);

/* Prove as soon as it can be done; see mailbox_proven_us(). */
void mailbox_probe(struct mailbox *m);
/* Everything that came before this instant (unix us) has its gates committed; INT64_MIN: there is
 * none. */
int64_t mailbox_proven_us(const struct mailbox *m);
/* A gap stands open although the inbox is live: it is closed with the next proof. */
void mailbox_gap_open(struct mailbox *m);

/* The newest proof, if there is one since the last call; at most `max`. */
size_t mailbox_take_proofs(struct mailbox *m, struct folder_proof *ret, size_t max);

/* What happened since the last call, oldest first; at most `max`. */
size_t mailbox_take_notes(struct mailbox *m, struct timeline_note *ret, size_t max);

/* Name, and what it waits for where connection or watcher do not know better. */
#define MAILBOX_STATES(X)                                                                          \
	X(WAITING, "waiting", "admission")                                                         \
	X(LOADING, "loading", "database")                                                          \
	X(ENTERING, "entering", "connection")                                                      \
	X(STANDBY, "standby", "the lease")                                                         \
	X(WATCHING, "watching", "mail")                                                            \
	X(BACKING_OFF, "backing_off", "another try")                                               \
	X(HELD, "held", "somebody to mend it")                                                     \
	X(LOST, "lost", "its owner")

enum mailbox_state {
#define MAILBOX_STATE(name, word, wait) MAILBOX_##name,
	MAILBOX_STATES(MAILBOX_STATE)
#undef MAILBOX_STATE
};

enum mailbox_state mailbox_state_of(const struct mailbox *m);
const char *mailbox_state_name(enum mailbox_state s);
bool mailbox_is_live(const struct mailbox *m);
const char *mailbox_inbox(const struct mailbox *m); /* uuid */
int64_t mailbox_epoch(const struct mailbox *m);
/* "tcp connect", "token", "mail", "gate transaction": for logs and the admin view. */
const char *mailbox_waiting_for(const struct mailbox *m);

#endif
