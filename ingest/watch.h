#ifndef INGEST_WATCH_H
#define INGEST_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/imap/imap_session.h"
#include "ingest/sweep.h"
#include "ingest/watch_folder.h"

/*
 * What one inbox's connection does next, and what its watermarks may become.
 *
 *   LIST [with counters] -> [NOTIFY] -> main folder: EXAMINE [-> SEARCH since lookback]
 *        -> FETCH, window by window -> the same for the side folders -> main folder: IDLE
 *        -> every proof_ms one PROOF: NOOP for the main folder, STATUS of the side folders
 *        -> EXISTS while idling: DONE, FETCH, IDLE
 *        -> every sweep_ms LIST: all other folders are compared, and visited if they moved
 *
 * The main folder is INBOX, or that of all mail (watch_folder.h); side folders are
 * Junk and Sent.  Pure: events and the time come in, orders and facts come out.
 * One order is under way at a time.  The driver passes every event of a ready
 * session to watch_heard(), then takes what watch_take_*() give, then asks
 * watch_next().
 *
 * What is promised (design.md, promises 2 and 5):
 * - A folder's `uid_gated` moves only when the driver says that everything up to
 *   there is durable (watch_gated), in windows that follow each other.
 * - A proof names the instant before the command was sent whose answer showed
 *   what there is (EXAMINE, PROOF, LIST with counters), and is given only when all of
 *   that is durable.  What is pushed (EXISTS, NOTIFY's STATUS) proves nothing, it
 *   only makes us look.
 * - Another UIDVALIDITY, or a UIDNEXT below what was seen, looks back again from the
 *   date: by the lookback, or to a day before the last proof if that is longer ago.
 *   Mails seen before fire nothing twice, since their identity is known.
 * - A mail that the server does not give is set aside after two tries: the watermark
 *   in the database stays before it, the proof does not.  It is asked for again;
 *   after four tries and an hour, and others given meanwhile, it is left out and told.
 *   A mail at whose FETCH the connection dies again and again is set aside too.
 * - PROOF stands in every cycle although IDLE pushes, and every WATCH_DEEP cycles an
 *   EXAMINE: an IDLE may be deaf, a count wrong.  Where that EXAMINE (or the counters of
 *   LIST) shows what neither IDLE nor NOOP told, only EXAMINE proves the main folder, with
 *   every cycle, until the server is heard to tell; a second time, for good.
 * - The main folder is never left for long: a side folder or a visit gives way after
 *   WATCH_AWAY_MS and goes on later.
 */
#define WATCH_WINDOW 50 /* UIDs asked for at once; more where they are sparse */
#define WATCH_TRIES  4  /* times that a mail set aside is asked for, at least */
#define WATCH_GIVE_UP_MS                                                                           \
	(UINT64_C(3600) * 1000) /* and so long: a server that is unwell refuses every mail */
#define WATCH_POISON_MS (UINT64_C(600) * 1000) /* between two of these times */
#define WATCH_DEATHS    3                      /* connections that end at the FETCH of one mail */
#define WATCH_DEEP      30   /* proof cycles between two looks at UIDNEXT of the main folder */
#define WATCH_DEAF      2    /* times that a mail was not told until the server counts as deaf */
#define WATCH_AWAY_MS   5000 /* another folder is open no longer than this at a time */
#define WATCH_RELIST_MS 5000 /* between two LISTs that the server gave reason for */
#define WATCH_SLACK_MS  5000 /* what writing a proof may take; with two proofs it is tolerated */
/* Folder commands of a sweep per proof cycle: Exchange throttles after 30 to 40 of them in a row
 * (field notes 1.6). */
#define WATCH_SWEEP_FEW  12
#define WATCH_SWEEP_MANY 128 /* where one LIST tells all counters */

struct watch_params {
	int64_t lookback_s; /* a first look goes back so far */
	uint64_t proof_ms;  /* a proof cycle every so often */
	uint64_t sweep_ms;  /* and a look at all other folders */
	uint64_t poll_ms;   /* where the server has no IDLE, a cycle this often */
	uint64_t keep_ms;   /* NOOP after so long without a command while the driver works */
	bool watches_all;   /* the folder of all mail is the main one, if there is one */
};

/* ---- what it says ---- */

#define WATCH_ORDERS(X)                                                                            \
	X(LIST, "list")                                                                            \
	X(LIST_STATUS, "list_status")                                                              \
	X(NOTIFY, "notify")                                                                        \
	X(EXAMINE, "examine") /* folder */                                                         \
	X(SEARCH, "search")   /* since_unix_s */                                                   \
	X(FETCH, "fetch")     /* uid_from, uid_to: headers */                                      \
	X(PROOF, "proof")     /* side: at rest, or while idling */                                 \
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
	WATCH_AGAIN,   /* one mail that was seen or asked for before */
};

struct watch_order {
	enum watch_order_kind kind;
	unsigned folder; /* index into folders.at */
	uint32_t uid_from, uid_to;
	enum watch_purpose purpose;
	int64_t since_unix_s;
	bool starts_cycle;                  /* the first of a proof cycle */
	struct text side[IMAP_PROOF_SIDES]; /* raw names, good until the next call */
	unsigned n_sides;
};

/* A FETCH that is over: its messages have been told, make them durable. */
struct watch_batch {
	unsigned folder;
	enum watch_purpose purpose;
	uint32_t uid_to; /* every UID up to here has been told; of WATCH_AGAIN: the one asked for */
	uint32_t
		uid_row; /* where the row's watermark may go: before a mail set aside; 0: nowhere */
	unsigned count;  /* messages told */
	uint32_t vanished;  /* UIDs that nobody has any more */
	int64_t proof_us;   /* proven once it is durable; INT64_MIN: nothing is, more is to come */
	int64_t noticed_us; /* when the server announced it; INT64_MIN: it was found by looking */
	bool is_missed;     /* it should have been seen before: recovered */
};

/* A folder that needs its row: new, or under another UIDVALIDITY. */
struct watch_start {
	unsigned folder;
	uint32_t uidvalidity;
	uint32_t uid_before; /* what came before the lookback ends here */
	uint32_t uid_end;    /* a watermark beyond this is of other mails; UINT32_MAX: not known */
	bool was_known;      /* under another UIDVALIDITY */
	bool is_restored;    /* the watermark is of other mails, wherever it stands */
	uint64_t modseq;     /* HIGHESTMODSEQ as the folder was opened; 0: not told */
};

/* What a catching up of the watched folders has come to; since the session began. */
struct watch_gap {
	uint32_t replayed; /* mails that were told */
	uint32_t vanished; /* UIDs that were given and are gone */
	uint32_t skipped;  /* mails set aside or left out */
	bool is_unsure;    /* somewhere the UIDs from before mean nothing any more */
};

/* Something for the inbox's history; the texts are static or the folder's. */
struct watch_told {
	enum watch_told_kind {
		WATCH_TOLD_NOTHING,
		WATCH_TOLD_SET_ASIDE,   /* the server does not give this mail; asked for again */
		WATCH_TOLD_LEFT_OUT,    /* and now no more */
		WATCH_TOLD_UIDVALIDITY, /* the folder's mails have other names: looked back */
		WATCH_TOLD_SHRUNK,      /* UIDNEXT is below what was seen: looked back */
		WATCH_TOLD_TOO_MANY,    /* folders that are not swept: `uid` of them */
		WATCH_TOLD_SHUT,        /* a watched folder cannot be opened; tried again */
		WATCH_TOLD_RESTORED,    /* HIGHESTMODSEQ is below what was told: looked back */
		WATCH_TOLD_DEAF,        /* mails are not told while it is open: EXAMINE only */
		WATCH_TOLD_DEADLY,      /* two processes died over this mail; the driver says so */
	} kind;
	unsigned folder;
	uint32_t uid;
};

/* ---- the machine ---- */

/* What the session is doing for us, in life order. */
#define WATCH_STATES(X)                                                                            \
	X(UNREADY, "session")                                                                      \
	X(FREE, "next command")                                                                    \
	X(LISTING, "list of folders")                                                              \
	X(NOTIFYING, "notifications accepted")                                                     \
	X(EXAMINING, "folder opened")                                                              \
	X(SEARCHING, "where to begin")                                                             \
	X(FETCHING, "headers")                                                                     \
	X(PROVING, "proof")                                                                        \
	X(NOOPING, "sign of life")                                                                 \
	X(IDLE_ASKED, "idle accepted")                                                             \
	X(IDLING, "mail")                                                                          \
	X(IDLE_PROVING, "proof")                                                                   \
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
	uint32_t uidvalidity, uid;
};

/* A mail that the server does not give. */
struct watch_poison {
	unsigned folder;
	uint32_t uidvalidity, uid;
	unsigned tries;
	bool was_well; /* other mails were given since */
	uint64_t since_ms, again_ms;
};

/* What was asked for with the PROOF under way: a place of ours, or one of the sweep. */
struct watch_asked {
	bool is_swept;
	uint32_t at;
};

struct watch {
	struct watch_params p;
	enum watch_state state;
	enum watch_work work;
	struct watch_folders folders;
	struct sweep sweep;
	unsigned open;  /* which folder is open; WATCH_FOLDERS: none */
	unsigned about; /* which folder the order under way is about */
	bool has_listed, has_idle, has_list_status, has_notify;
	bool wants_notify; /* offered, and not asked for on this session */
	bool is_leaving;   /* asked to say goodbye */
	bool is_doubtful;  /* EXISTS was repeated: look at the next cycle whether something came */
	bool has_gap;      /* one is open in the database */
	bool is_behind;    /* or the inbox was not proven for longer than is tolerated */
	uint32_t exists;   /* mails in the open folder */
	uint32_t told;     /* of them, how many the last FETCH could see */
	uint32_t uidnext;  /* as the open folder said; 0: it did not */
	uint32_t lists;    /* LISTs that are over */
	int64_t sent_us;   /* when the order under way was sent */
	int64_t noticed_us;
	int64_t since_us; /* the inbox's last proof before this session; INT64_MIN: none */
	int64_t told_us;  /* the inbox's proof that was taken last */
	/* the FETCH under way */
	uint32_t window;                     /* UIDs per FETCH */
	uint32_t uid_from, uid_to, uid_seen; /* the highest UID it told */
	uint32_t asked_to; /* where no end was announced: nothing was found up to here */
	unsigned count;    /* mails it told */
	enum watch_purpose purpose;
	uint32_t bad_uid;     /* a mail that the server refused in this session */
	unsigned dead_folder; /* where the connection died during a FETCH */
	uint32_t dead_from, dead_to;
	unsigned deaths;          /* how often in a row at this place */
	uint32_t lowest, found;   /* by SEARCH */
	unsigned cycles;          /* since the last deep one */
	unsigned untold;          /* mails came that neither IDLE nor NOOP told; of all sessions */
	bool was_even, is_untold; /* the main folder was, before the EXAMINE under way; it is not */
	unsigned budget;          /* folder commands that the sweep has left in this cycle */
	unsigned batches;         /* since the folder was opened */
	uint64_t proof_due_ms, list_due_ms; /* next cycle; next LIST */
	uint64_t listed_ms, spoke_ms;
	uint64_t away_ms;  /* since when the main folder is not open */
	const char *stuck; /* why nothing more can be done here; NULL: it can */
	struct watch_seen *again;
	unsigned n_again;
	struct watch_poison *poison;
	unsigned n_poison;
	struct watch_asked *asked; /* NULL: no PROOF is under way */
	unsigned n_asked;
	struct watch_batch batch;
	struct watch_start start;
	struct watch_gap gap;
	struct watch_told tell;
};

/* Cannot fail and allocates nothing. */
void watch_init(struct watch *w, const struct watch_params *p);
void watch_clear(struct watch *w);
/* A folder's row, before the session is ready: of a watched folder, or of one in which something
 * is to be seen again. */
void watch_know(struct watch *w, const struct watch_folder_known *k);
/* The inbox's last proof, unix us, as the database has it (INT64_MIN: none), and whether a gap was
 * opened since. */
void watch_know_proof(struct watch *w, int64_t proof_us, bool is_gap_open);
/* A session is ready; what an earlier one had under way is forgotten, rows and mails to look at
 * again stay. */
void watch_ready(struct watch *w, uint64_t caps, uint64_t now_ms, int64_t now_us);
/* Another session takes over from one that is quiet: what is known of the folders stays. */
void watch_move(struct watch *w, uint64_t caps, uint64_t now_ms);
/* The session is over. */
void watch_unready(struct watch *w);

void watch_heard(struct watch *w, const struct imap_event *ev, uint64_t now_ms, int64_t now_us);
/* The next order, to be carried out at once: its instant is taken here.  false: wait for the
 * session, the driver or the time. */
bool watch_next(struct watch *w, uint64_t now_ms, int64_t now_us, struct watch_order *ret);
/* The session cannot carry it out.  `is_for_now`: it is only busy, the order comes again. */
void watch_cannot(struct watch *w, const struct watch_order *o, bool is_for_now, uint64_t now_ms);
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

/* The inbox's proof, if it is newer than the one taken before. */
bool watch_take_proof(struct watch *w, int64_t *ret_us);
bool watch_take_told(struct watch *w, struct watch_told *ret);

/*
 * Look at this mail again when there is time.  -ENOENT: no such folder under
 * this UIDVALIDITY; -ENOBUFS: too many wait, say it again later; -EALREADY: it waits.
 */
int watch_again(struct watch *w, const char *folder, uint32_t uidvalidity, uint32_t uid);
/* Say goodbye as soon as nothing is under way. */
void watch_leave(struct watch *w);

/* Prove as soon as it can be done. */
void watch_probe(struct watch *w);
/* The least proof of the folders by which the gate is judged; INT64_MIN: one has none. */
int64_t watch_proven_us(const struct watch *w);
/* So long without a proof is no gap, ms. */
uint64_t watch_tolerated_ms(const struct watch *w);
/* Nothing is under way but waiting for mail: another session may take over. */
bool watch_is_quiet(const struct watch *w);
/* The server has listed its folders and opened one. */
bool watch_has_opened(const struct watch *w);
/* Every folder by which the gate is judged has been seen to its end on this connection, and all of
 * that is durable. */
bool watch_is_live(const struct watch *w);
/* And so has Sent: `gap` is complete. */
bool watch_is_whole(const struct watch *w);
/* What is being caught up with; WATCH_FOLDERS: nothing. */
unsigned watch_catching_up(const struct watch *w);
/* Where the row's watermark of this folder may go: before every mail set aside. */
uint32_t watch_row_uid(const struct watch *w, unsigned folder);
const char *watch_state_words(const struct watch *w);
const char *watch_order_name(enum watch_order_kind kind);

#endif
