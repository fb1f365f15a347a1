#ifndef INGEST_WATCH_FOLDER_H
#define INGEST_WATCH_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/imap/imap_folder.h"

/*
 * The folders of one inbox that are watched, the one that is being visited, and
 * how far each has been seen.
 *
 *   rows of the database -> watch_folder_know()
 *   what LIST tells      -> watch_folder_list_begin, watch_folder_listed ... watch_folder_list_over
 *
 * After that at[0] is the main folder: the one of all mail where the provider's row
 * wants it and there is one, else INBOX.  `is_here` says which of them this
 * connection has.  The server's attribute decides what a folder is for; a guess by
 * name counts only where no folder has the attribute (imap_folder.h).
 *
 * A place keeps its index as long as its folder; an empty one has no `raw`.
 */
#define WATCH_FOLDERS 8 /* watched, visited, and once watched */

enum watch_view {
	WATCH_VIEW_NONE,   /* what there is now is not known on this connection */
	WATCH_VIEW_MOVED,  /* counters say that something came: EXAMINE */
	WATCH_VIEW_BEHIND, /* open, and mails up to `announced` are to be fetched */
	WATCH_VIEW_EVEN,   /* all that was shown is fetched and durable */
};

/* How a folder comes to be looked at. */
enum watch_folder_by {
	WATCH_FOLDER_UNSAID,
	WATCH_FOLDER_PUSH,  /* IDLE or NOTIFY */
	WATCH_FOLDER_POLL,  /* every proof cycle */
	WATCH_FOLDER_SWEEP, /* every sweep */
};

struct watch_folder {
	char *raw, *name; /* as the server wrote it; for people.  NULL: an empty place */
	char folder[37];  /* uuid of the row; "": there is none */
	bool is_guess;    /* the role is from the name */
	bool is_listed;   /* by the LIST under way */
	bool is_there;    /* the last LIST told it, and it is watched */
	bool is_here;     /* so it is, or it is being visited, and it can be opened */
	bool is_proven;   /* on this connection, once at least */
	bool is_shut;     /* the server did not open it; told */
	bool is_needed;   /* something in it is half done: its place is kept */
	bool is_recalled; /* it is not watched, but something in it is to be seen again */
	bool is_lagging;  /* the ingested watermark of its row is behind ours */
	bool is_back;     /* looked back from a date: which UIDs were there before is not known */
	bool is_missed;   /* what is fetched now should have been seen before: it is recovered */
	bool is_counted;  /* the row has a `modseq` of this connection, or a later one */
	enum imap_role role;
	enum imap_role row_role; /* as the row has it */
	enum watch_folder_by by, row_by;
	enum watch_view view;
	uint32_t uidvalidity; /* of the row; 0: there is none */
	uint32_t uid_gated, uid_ingested;
	uint32_t announced; /* last UID to fetch; UINT32_MAX: whatever there is */
	uint32_t held;   /* mails in it when it was seen to its end last; UINT32_MAX: it was not */
	uint64_t modseq; /* HIGHESTMODSEQ as last told, RFC 7162; 0: never */
	uint64_t row_modseq; /* as the row has it */
	uint32_t told, due;  /* mails of this catching up: fetched, and how many there are */
	int64_t shown_us;    /* the instant before the command that showed what there is */
	int64_t proven_us;   /* everything before it is durable; INT64_MIN: never proven */
};

struct watch_folders {
	struct watch_folder *at; /* moves when one is added */
	unsigned n;
};

/* What we know of a folder from before.  Texts are copied. */
struct watch_folder_known {
	const char *folder; /* uuid */
	struct text raw, name;
	enum imap_role role;
	enum watch_folder_by by;
	uint32_t uidvalidity, uid_gated, uid_ingested;
	uint64_t modseq; /* 0: not known */
};

void watch_folder_init(struct watch_folders *f);
void watch_folder_clear(struct watch_folders *f);
/* Its place; NULL: more than fit are not known. */
struct watch_folder *watch_folder_know(struct watch_folders *f, const struct watch_folder_known *k);
/* A place for a folder that is visited.  NULL: none is free. */
struct watch_folder *watch_folder_visit(struct watch_folders *f, struct text raw, struct text name);
/* Could one more be known? */
bool watch_folder_has_place(const struct watch_folders *f);
void watch_folder_leave(struct watch_folder *at); /* the visit is over: the place is empty */

/* A new connection: nothing of it is known to be here. */
void watch_folder_forget(struct watch_folders *f);
void watch_folder_list_begin(struct watch_folders *f);
void watch_folder_listed(struct watch_folders *f, const struct imap_folder *l, bool watches_all);
/*
 * What was not told is not here.  The main folder is put first, INBOX even if it was not
 * told (RFC 3501 section 5.1).  Returns whose place it took; 0: nobody's.
 */
unsigned watch_folder_list_over(struct watch_folders *f);

/* Is its row to be told with watch_folder_know() before anything in it can be seen again? */
bool watch_folder_is_unknown(const struct watch_folders *f, const char *folder);
/* Index; WATCH_FOLDERS: none. */
unsigned watch_folder_find(const struct watch_folders *f, const char *folder); /* by row */
unsigned watch_folder_of_raw(const struct watch_folders *f, struct text raw);
/* Watched on every connection, if it is there; the others are swept. */
bool watch_folder_is_watched(enum imap_role role);
/* The gate is judged by it: prospects write there. */
bool watch_folder_is_judged(enum imap_role role);
/* "inbox", "junk", "sent", "all" or "other": as table folder has it. */
const char *watch_folder_role_name(enum imap_role role);
enum imap_role watch_folder_role_of(const char *name);
const char *watch_folder_by_name(enum watch_folder_by by); /* "push": as the table has it */
enum watch_folder_by watch_folder_by_of(const char *name);

#endif
