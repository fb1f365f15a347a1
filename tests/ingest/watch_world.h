#ifndef TESTS_INGEST_WATCH_WORLD_H
#define TESTS_INGEST_WATCH_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"
#include "ingest/watch.h"

/*
 * A random world around one watcher: a mailbox in which mails come, go and are
 * moved, folders that vanish, come back and are renamed, a server that tells
 * things late and may be without this or that, a driver that is slow, a database
 * that keeps rows.  It checks at every step what a watermark or a proof claims.
 */
#define WORLD_MAILS   1500
#define WORLD_FOLDERS 5 /* INBOX, Bulk Mail, Sent, Work (or Archive/Work), Trash */
#define WORLD_NAMES   2 /* that a folder may have */
#define WORLD_PROOF   20000
#define WORLD_SWEEP   60000
#define WORLD_DAY_US  (INT64_C(86400) * 1000000)

enum { WORLD_INBOX, WORLD_JUNK, WORLD_SENT, WORLD_WORK, WORLD_TRASH };

struct world_mail {
	unsigned folder;
	uint32_t uid;
	int64_t came_us; /* INTERNALDATE */
	int64_t put_us;  /* into this folder */
	bool is_gone;
	bool is_refused; /* a FETCH with it is refused */
	bool is_deadly;  /* the connection dies at it */
	bool is_seen;    /* in the view of the session */
	bool is_told;    /* in the FETCH or batch under way */
	bool is_durable; /* transaction 1 of a batch that held it */
	unsigned tells;  /* durable ones under this row */
};

struct world_row { /* in the database, of a folder under one of its names */
	bool is_there;
	uint32_t uidvalidity, uid_gated, uid_ingested;
	char id[37];
};

struct world {
	struct rand_gen g;
	struct watch w;
	/* the server */
	bool has_idle, has_uidnext, has_list_status, has_notify;
	struct world_mail mails[WORLD_MAILS];
	size_t n_mails;
	struct {
		uint32_t uidnext, uidvalidity;
		bool is_there;
		unsigned name;
	} folders[WORLD_FOLDERS];
	unsigned open;            /* WORLD_FOLDERS: none */
	size_t view[WORLD_MAILS]; /* mails of the open folder by sequence number */
	uint32_t n_view;
	struct imap_event pushed[64]; /* STATUS on its way, NOTIFY */
	unsigned n_pushed;
	bool is_notifying;
	/* the session */
	struct watch_order order;
	char side[IMAP_PROOF_SIDES][40];
	bool is_busy, is_idling, is_proof_in_idle;
	/* the driver and the database */
	struct watch_batch batch;
	enum { WORLD_WORK_NONE, WORLD_WORK_BATCH, WORLD_WORK_GATED } work;
	struct watch_start start;
	bool has_start;
	struct world_row rows[WORLD_FOLDERS][WORLD_NAMES];
	/* the play */
	bool is_quiet; /* nothing comes any more */
	uint64_t now_ms;
	int64_t now_us;
	int64_t proven_us; /* the inbox's last proof */
	int64_t absent_us; /* the last proof before a long absence; INT64_MAX: there was none */
	unsigned seed, proofs, skipped;
};

uint64_t world_below(struct world *w, uint64_t n);
void world_pass_time(struct world *w, uint64_t ms);

void world_arrive(struct world *w, unsigned folder, int64_t came_us);
/* To another folder, or away for good. */
void world_move(struct world *w, size_t mail, unsigned folder);
void world_vanish(struct world *w, size_t mail);
/* A folder goes with all that is in it, or is made anew; not while it is open. */
void world_folder_goes_or_comes(struct world *w, unsigned folder);
void world_rename(struct world *w);
void world_new_uidvalidity(struct world *w, unsigned folder);
/* Some of what changed is told. */
void world_push(struct world *w);
/* Answer the command that runs. */
void world_serve(struct world *w);

void world_connect(struct world *w);   /* what was before is cut */
void world_take_over(struct world *w); /* another session, if the watcher is quiet */
void world_gate(struct world *w);
void world_worked(struct world *w);
void world_write_row(struct world *w);
/* Take facts, ask for the next order. */
void world_drive(struct world *w);

/* Mails that should have been told by now and were not. */
unsigned world_missing(const struct world *w);

#endif
