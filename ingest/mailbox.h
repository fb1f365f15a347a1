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
#include "ingest/provider/provider_table.h"
#include "ingest/token_source.h"

/*
 * One inbox that this worker holds: its connection, its session, the watcher
 * that decides, the intake that makes mails durable, and when to try again.
 *
 *   waiting (admission) -> loading -> asking (token) -> connecting -> logging in -> watching
 *        ^                                                                            |
 *        +---- backing off, or held until somebody mended it <------------------------+
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

	uint64_t lookback_ms, proof_ms, idle_renew_ms;
	size_t text_max;
	const char *rawlog_dir;  /* "" or NULL: none */
	uint64_t retry_first_ms; /* 0: 1 s; the back-off after a connection that did not last */
	bool is_clear;           /* tests on loopback only: no TLS */

	void *owner;
	/* None of them is called from inside a call to this file, except as said. */
	void (*on_want)(void *owner); /* wants to connect: mailbox_admit() when there is room */
	/* The attempt is over, for good or bad: the room is free again.  Also from inside
	 * mailbox_admit(). */
	void (*on_settled)(void *owner);
	void (*on_proof)(void *owner);                 /* mailbox_take_proofs() has something */
	void (*on_lost)(void *owner, const char *why); /* the lease is lost: drop it */
};

/* Texts of `row` are copied.  Starts as waiting: admit it. */
struct mailbox *mailbox_open(const struct mailbox_params *p, const struct lease_inbox *row);
/* Ends at once, callable anywhere; no callback comes afterwards.  Freed when its last handle is
 * closed. */
void mailbox_drop(struct mailbox *m);

/* There is room: connect.  Nothing if it does not wait. */
void mailbox_admit(struct mailbox *m);
/* Something was mended (a reconnect, another address): the row as it is now, and no waiting. */
void mailbox_update(struct mailbox *m, const struct lease_inbox *row);
void mailbox_poke(struct mailbox *m);
/* An outbound registered late names this mail. */
void mailbox_recheck(struct mailbox *m, const char *folder, int64_t uidvalidity, int64_t uid);

/* Proofs since the last call, newest of each folder; at most `max`. */
size_t mailbox_take_proofs(struct mailbox *m, struct folder_proof *ret, size_t max);

/* Name, and what it waits for where connection or watcher do not know better. */
#define MAILBOX_STATES(X)                                                                          \
	X(WAITING, "waiting", "admission")                                                         \
	X(LOADING, "loading", "database")                                                          \
	X(ASKING, "asking", "token")                                                               \
	X(CONNECTING, "connecting", "connection")                                                  \
	X(LOGGING_IN, "logging_in", "login")                                                       \
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
