#ifndef INGEST_LEDGER_H
#define INGEST_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "db/arrival.h"
#include "db/folder.h"
#include "db/gap.h"
#include "db/gather.h"
#include "db/pg.h"
#include "ingest/backlog.h"
#include "ingest/recall.h"
#include "ingest/watch.h"

/*
 * What the database knows of one inbox's folders, kept in step with the
 * watcher: rows, half-done messages and the last proof are read before a session
 * begins, rows are made and brought to another UIDVALIDITY, folders that are no
 * more are retired, a gap is closed when everything has been seen again.  A part
 * of vigil.c.
 *
 * What is known outlives a session.  The next one begins without reading anything
 * when nothing was half done as the last one ended: nobody else writes these rows
 * as long as the lease is ours, and should it not be, every write finds that out.
 *
 * Requests live on the heap while they are under way: an idle inbox has none.
 */
struct ledger_params {
	struct pg *pg;
	struct gather *gather;            /* NULL: none */
	const struct log *log;            /* borrowed */
	const struct folder_lease *lease; /* borrowed */
	struct watch *watch;              /* borrowed */
	struct backlog *backlog;          /* borrowed */
	void *owner;
	void (*on_step)(void *owner); /* something was answered; not from inside a call */
};

struct ledger_load;
struct ledger_ensure;
struct ledger_mark;
struct ledger_gap;
struct ledger_look;

struct ledger {
	struct ledger_params p;
	bool is_loaded;
	bool is_doubtful; /* what is known may not be what the rows say: ledger_doubt() */
	bool is_fenced;   /* the lease is lost */
	bool was_whole;   /* everything was seen once, by this worker */
	/* Blind time, as it concerns this session. */
	enum ledger_blind {
		LEDGER_BLIND_UNJUDGED, /* not everything has been seen again */
		LEDGER_BLIND_CLOSING,  /* a gap is written, or will be tried again */
		LEDGER_BLIND_OVER,
	} blind;
	/* Under way; NULL: not. */
	struct ledger_load *load;
	struct ledger_ensure *ensure;
	struct ledger_mark *mark;
	struct ledger_gap *gap;
	struct ledger_look *look;
	struct recall recall;     /* folders whose rows were read again */
	struct watch_start start; /* the row that is made */
	uint64_t retry_ms;        /* another try of what failed; UINT64_MAX: nothing did */
	int64_t blind_from_us;    /* the last proof before this session; INT64_MIN: none */
	int64_t told_us;          /* the newest proof that was taken */
};

void ledger_init(struct ledger *l, const struct ledger_params *p);
void ledger_clear(struct ledger *l); /* cancels everything */
/* Read everything; on_step comes when it is done: is_loaded, is_fenced, or neither.  -errno as
 * pg_tx_start(). */
int ledger_load(struct ledger *l);
bool ledger_is_loading(const struct ledger *l);
/*
 * Go on with what is known, instead of ledger_load().  false: it is not known for
 * certain, or so long ago that somebody may have opened a gap.
 */
bool ledger_go_on(struct ledger *l, int64_t now_us);
/* What is known may not be what the rows say: the next session begins with reading them. */
void ledger_doubt(struct ledger *l);
/* Something in this folder, which has no place, is to be seen again: its row is read and gets one,
 * if one is free and that was not tried lately for this folder. */
void ledger_reload(struct ledger *l, const char *folder, uint64_t now_ms);
/* The session is over: what it had begun is forgotten. */
void ledger_end(struct ledger *l);
/* Carry the watcher's facts to the database. */
void ledger_act(struct ledger *l, uint64_t now_ms);
/* A gap was opened although everything is seen: it is closed with the next proof. */
void ledger_gap_open(struct ledger *l);
uint64_t ledger_deadline(const struct ledger *l); /* UINT64_MAX: none */
/* The newest proof, if there is one since the last call. */
bool ledger_has_proof(const struct ledger *l);
bool ledger_take_proof(struct ledger *l, struct folder_proof *ret);

#endif
