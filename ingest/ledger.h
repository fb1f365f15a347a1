#ifndef INGEST_LEDGER_H
#define INGEST_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "db/arrival.h"
#include "db/folder.h"
#include "db/pg.h"
#include "ingest/backlog.h"
#include "ingest/watch.h"

/*
 * What the database knows of one inbox's folders, kept in step with the
 * watcher: rows and half-done messages are read before a session begins, rows
 * are made and brought to another UIDVALIDITY, folders that are no more are
 * retired, proofs are collected for the worker.  A part of vigil.c.
 */
struct ledger_params {
	struct pg *pg;
	const struct log *log;     /* borrowed */
	struct folder_lease lease; /* texts borrowed */
	struct watch *watch;       /* borrowed */
	struct backlog *backlog;   /* borrowed */
	void *owner;
	void (*on_step)(void *owner); /* something was answered; not from inside a call */
};

struct ledger {
	struct ledger_params p;
	bool is_loaded;
	bool is_fenced; /* the lease is lost */
	bool has_roles; /* what LIST said last is in the rows */
	struct folder_load load;
	struct folder_ensure ensure;
	struct watch_start start; /* what it makes */
	uint64_t ensure_at_ms;    /* another try; UINT64_MAX: none is wanted */
	struct folder_role role;
	struct arrival_close ingested;
	bool lags[WATCH_FOLDERS]; /* the ingested watermark of the row is behind the watcher's */
	int64_t told_us;          /* the proof that was taken last; INT64_MIN: none */
};

void ledger_init(struct ledger *l, const struct ledger_params *p);
void ledger_clear(struct ledger *l); /* cancels everything */
/* Read everything; on_step comes when it is done: is_loaded, is_fenced, or neither.  -errno as
 * pg_tx_start(). */
int ledger_load(struct ledger *l);
/* The session is over: what it had begun is forgotten. */
void ledger_end(struct ledger *l);
/* Carry the watcher's facts to the database. */
void ledger_act(struct ledger *l, uint64_t now_ms);
/* Mails of this folder were settled without its watermark: it catches up when nothing is half done
 * there. */
void ledger_lags(struct ledger *l, unsigned folder);
uint64_t ledger_deadline(const struct ledger *l); /* UINT64_MAX: none */
/* Every watched folder was proven since the last one was taken. */
bool ledger_has_proof(const struct ledger *l);
/* A proof of the inbox as a whole.  false: none is new. */
bool ledger_take_proof(struct ledger *l, struct folder_proof *ret);

#endif
