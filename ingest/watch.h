#ifndef INGEST_WATCH_H
#define INGEST_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/imap/imap_session.h"
#include "ingest/watch_folder.h"

/*
 * What one inbox's connection does next, and what its watermarks may become.
 *
 *   LIST -> per folder: EXAMINE [-> SEARCH since lookback] -> FETCH, window by window
 *        -> INBOX open: IDLE -> every proof_ms: DONE, NOOP, STATUS of the side folders, IDLE
 *        -> EXISTS while idling: DONE, FETCH, IDLE
 *
 * Pure: events and the time come in, orders and facts come out.  One order is
 * under way at a time.  The driver passes every event of a ready session to
 * watch_heard(), then takes what watch_take_*() give, then asks watch_next().
 *
 * What is promised (design.md, promises 2 and 5):
 * - A folder's `uid_gated` moves only when the driver says that everything up to
 *   there is durable (watch_gated), in windows that follow each other.
 * - A proof names the instant before the command was sent whose answer showed
 *   what there is (EXAMINE, NOOP, STATUS), and is given only when all of that is
 *   durable.  An EXISTS pushed during IDLE proves nothing about other mails.
 * - Another UIDVALIDITY looks back again, from the date, as a first look does.
 *   Mails seen before fire nothing twice, since their identity is known.
 * - NOOP stands in every cycle although IDLE pushes, and every WATCH_DEEP cycles
 *   an EXAMINE and a LIST: an IDLE may be deaf, a count wrong, and a folder for
 *   junk may be made by the first mail that goes there.
 */
#define WATCH_WINDOW 50 /* UIDs asked for at once; more where they are sparse */
#define WATCH_TRIES  4  /* sessions in which a mail that cannot be had is asked for, at least */
#define WATCH_GIVE_UP_MS                                                                           \
	(UINT64_C(3600) * 1000) /* and so long: a server that is unwell refuses every mail */
#define WATCH_DEEP 30           /* proof cycles between two looks at UIDNEXT and the folders */

struct watch_params {
	int64_t lookback_s; /* a first look goes back so far */
	uint64_t proof_ms;  /* a proof cycle every so often */
	uint64_t poll_ms;   /* and where the server has no IDLE, this often */
	uint64_t keep_ms;   /* NOOP after so long without a command while the driver works */
};

/* ---- what it says ---- */

#define WATCH_ORDERS(X)                                                                            \
	X(LIST, "list")                                                                            \
	X(EXAMINE, "examine") /* folder */                                                         \
	X(SEARCH, "search")   /* since_unix_s */                                                   \
	X(FETCH, "fetch")     /* uid_from, uid_to: headers */                                      \
	X(STATUS, "status")   /* folder */                                                         \
	X(NOOP, "noop")                                                                            \
	X(IDLE, "idle")                                                                            \
	X(END_IDLE, "end_idle") /* no command of its own: the running IDLE ends with DONE */       \
	X(LOGOUT, "logout")

enum watch_order_kind {
#define WATCH_ORDER(name, word) WATCH_ORDER_##name,
	WATCH_ORDERS(WATCH_ORDER)
#undef WATCH_ORDER
};

enum watch_purpose {
	WATCH_ARRIVED, /* a window of the catch-up, or what EXISTS announced */
	WATCH_AGAIN,   /* one mail that was seen before: a recheck, or a message left pending */
};

struct watch_order {
	enum watch_order_kind kind;
	unsigned folder; /* index into folders.at */
	uint32_t uid_from, uid_to;
	enum watch_purpose purpose;
	int64_t since_unix_s;
	bool starts_cycle; /* the first of a proof cycle */
};

/* A FETCH that is over: its messages have been told, make them durable. */
struct watch_batch {
	unsigned folder;
	enum watch_purpose purpose;
	uint32_t uid_to; /* every UID up to here has been told; of WATCH_AGAIN: the one asked for */
	unsigned count;  /* messages told */
	int64_t proof_us;   /* proven once it is durable; INT64_MIN: nothing is, more is to come */
	int64_t noticed_us; /* when the server announced it; INT64_MIN: it was found by looking */
};

/* A folder that needs its row: new, or under another UIDVALIDITY. */
struct watch_start {
	unsigned folder;
	uint32_t uidvalidity;
	uint32_t uid_before; /* what came before the lookback ends here */
	uint32_t uid_end;    /* a watermark beyond this is of other mails; UINT32_MAX: not known */
	bool was_known;      /* under another UIDVALIDITY */
};

/* Everything that came into the folder before this instant is durable. */
struct watch_proof {
	unsigned folder;
	int64_t proof_us;
};

/* ---- the machine ---- */

/* What the session is doing for us, in life order. */
#define WATCH_STATES(X)                                                                            \
	X(UNREADY, "not ready")                                                                    \
	X(FREE, "free")                                                                            \
	X(LISTING, "folders")                                                                      \
	X(EXAMINING, "folder opened")                                                              \
	X(SEARCHING, "where to begin")                                                             \
	X(FETCHING, "headers")                                                                     \
	X(STATUSING, "folder counters")                                                            \
	X(NOOPING, "proof")                                                                        \
	X(IDLE_ASKED, "idle accepted")                                                             \
	X(IDLING, "mail")                                                                          \
	X(IDLE_ENDING, "idle ended")                                                               \
	X(LEAVING, "goodbye")

enum watch_state {
#define WATCH_STATE(name, words) WATCH_STATE_##name,
	WATCH_STATES(WATCH_STATE)
#undef WATCH_STATE
};

/* What the driver is doing for us, beside that. */
enum watch_work {
	WATCH_WORK_NONE,
	WATCH_WORK_BATCH_READY, /* watch_take_batch() has one */
	WATCH_WORK_BATCH,       /* the driver makes it durable */
	WATCH_WORK_GATED,       /* transaction 1 is committed */
	WATCH_WORK_START_READY, /* watch_take_start() has one */
	WATCH_WORK_START,       /* the driver writes the row */
};

struct watch_seen {
	unsigned folder;
	uint32_t uid;
};

struct watch {
	struct watch_params p;
	enum watch_state state;
	enum watch_work work;
	struct watch_folders folders;
	unsigned open;  /* which folder is open; WATCH_FOLDERS: none */
	unsigned about; /* which folder the order under way is about */
	bool has_listed, has_idle;
	bool is_leaving;  /* asked to say goodbye */
	bool is_doubtful; /* EXISTS was repeated: look at the next cycle whether something came */
	uint32_t exists;  /* mails in the open folder */
	uint32_t told;    /* of them, how many the last FETCH could see */
	uint32_t uidnext; /* as the open folder said; 0: it did not */
	int64_t sent_us;  /* when the order under way was sent */
	int64_t noticed_us;
	uint32_t window;                     /* UIDs per FETCH */
	uint32_t uid_from, uid_to, uid_seen; /* of the FETCH under way; the highest UID it told */
	uint32_t asked_to;     /* where no end was announced: nothing was found up to here */
	unsigned count;        /* mails it told */
	uint32_t bad_uid;      /* a mail that the server would not give */
	unsigned tries;        /* and in how many sessions */
	uint64_t bad_since_ms; /* and since when */
	enum watch_purpose purpose;
	uint32_t lowest;                 /* what SEARCH found */
	unsigned cycles;                 /* since the last deep one */
	unsigned skipped;                /* mails that the server would not give, ever */
	uint64_t proof_due_ms, spoke_ms; /* next cycle; last command */
	const char *stuck;               /* why nothing more can be done here; NULL: it can */
	struct watch_seen again[LIMIT_WATCH_AGAIN];
	unsigned n_again;
	struct watch_batch batch;
	struct watch_start start;
	struct watch_proof proofs[WATCH_FOLDERS];
	unsigned n_proofs;
};

/* Cannot fail and allocates nothing. */
void watch_init(struct watch *w, const struct watch_params *p);
void watch_clear(struct watch *w);
/* A folder's row, before the session is ready. */
void watch_know(struct watch *w, const struct watch_folder_known *k);
/* A session is ready; what an earlier one had under way is forgotten, rows and mails to look at
 * again stay. */
void watch_ready(struct watch *w, uint64_t caps, uint64_t now_ms);
/* The session is over. */
void watch_unready(struct watch *w);

void watch_heard(struct watch *w, const struct imap_event *ev, uint64_t now_ms, int64_t now_us);
/* The next order, to be carried out at once: its instant is taken here.  false: wait for the
 * session, the driver or the time. */
bool watch_next(struct watch *w, uint64_t now_ms, int64_t now_us, struct watch_order *ret);
/* When to ask again although nothing happened; UINT64_MAX: never. */
uint64_t watch_deadline(const struct watch *w);

/*
 * A batch to work on, once; then watch_gated() and watch_worked(), in this order.
 * Meanwhile the folder stays open and the session is free for the driver's own
 * commands (parts), except while watch_next() keeps it alive.
 */
bool watch_take_batch(struct watch *w, struct watch_batch *ret);
void watch_gated(struct watch *w);  /* transaction 1 is committed, with its watermark */
void watch_worked(struct watch *w); /* transaction 2 of everything in it too */
/* Instead of both: fetch the same again, in smaller windows. */
void watch_refetch(struct watch *w);
/* Or: a mail of it has no headers; that is no better than a refusal of the server. */
void watch_refuse(struct watch *w, uint64_t now_ms);

/* A row to write, once; then watch_started() with what stands there. */
bool watch_take_start(struct watch *w, struct watch_start *ret);
void watch_started(struct watch *w, const char *folder, uint32_t uid_gated, uint32_t uid_ingested);

bool watch_take_proof(struct watch *w, struct watch_proof *ret);

/*
 * Look at this mail again when there is time.  -ENOENT: no such folder under
 * this UIDVALIDITY; -ENOBUFS: too many wait, say it again later; -EALREADY: it waits.
 */
int watch_again(struct watch *w, const char *folder, uint32_t uidvalidity, uint32_t uid);
/* Say goodbye as soon as nothing is under way. */
void watch_leave(struct watch *w);

/* Prove as soon as it can be done. */
void watch_probe(struct watch *w);
/* The least proof of the folders that are here; INT64_MIN: one has none. */
int64_t watch_proven_us(const struct watch *w);
/* Nothing is under way but waiting for mail: another session may take over. */
bool watch_is_quiet(const struct watch *w);
/* Every folder has been seen to its end on this connection, and all of that is durable. */
bool watch_is_live(const struct watch *w);
const char *watch_state_words(const struct watch *w);
const char *watch_order_name(enum watch_order_kind kind);

#endif
