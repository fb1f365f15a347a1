#ifndef INGEST_WATCH_FOLDER_H
#define INGEST_WATCH_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/imap/imap_folder.h"

/*
 * The folders of one inbox that are watched, and how far each has been seen.
 *
 *   rows of the database -> watch_folder_know()
 *   what LIST tells      -> watch_folder_listed() ... watch_folder_list_over()
 *
 * After that at[0] is INBOX and `is_here` says which of them this connection has.
 * The server's attribute decides what a folder is for; a guess by name counts only
 * where no folder has the attribute (imap_folder.h).
 */
#define WATCH_FOLDERS 8 /* watched ones, and those that were once */

enum watch_view {
	WATCH_VIEW_NONE,   /* what there is now is not known on this connection */
	WATCH_VIEW_MOVED,  /* STATUS says that something came: EXAMINE */
	WATCH_VIEW_BEHIND, /* open, and mails up to `announced` are to be fetched */
	WATCH_VIEW_EVEN,   /* all that was shown is fetched and durable */
};

struct watch_folder {
	char folder[37];  /* uuid of the row; "": there is none */
	char *raw, *name; /* as the server wrote it; for people */
	enum imap_role role;
	enum imap_role row_role; /* as the row has it */
	bool is_guess;           /* the role is from the name */
	bool is_here;            /* this connection has it, and it is watched */
	bool is_proven;          /* on this connection, once at least */
	enum watch_view view;
	uint32_t uidvalidity; /* of the row; 0: there is none */
	uint32_t uid_gated, uid_ingested;
	uint32_t announced; /* last UID to fetch; UINT32_MAX: whatever there is */
	int64_t shown_us;   /* the instant before the command that showed what there is */
	int64_t proven_us;  /* everything before this instant is durable; INT64_MIN: never proven */
};

struct watch_folders {
	struct watch_folder at[WATCH_FOLDERS];
	unsigned n;
};

/* What we know of a folder from before.  Texts are copied. */
struct watch_folder_known {
	const char *folder; /* uuid */
	struct text raw, name;
	enum imap_role role;
	uint32_t uidvalidity, uid_gated, uid_ingested;
};

void watch_folder_init(struct watch_folders *f);
void watch_folder_clear(struct watch_folders *f);
void watch_folder_know(struct watch_folders *f,
		       const struct watch_folder_known *k); /* more than fit are not known */

/* A new connection: nothing of it is known to be here. */
void watch_folder_forget(struct watch_folders *f);
/* LIST begins: what it does not tell is not here. */
void watch_folder_list_begin(struct watch_folders *f);
void watch_folder_listed(struct watch_folders *f, const struct imap_folder *l);
/* INBOX is put first, and is there even if it was not told: RFC 3501 section 5.1. */
void watch_folder_list_over(struct watch_folders *f);

/* Index of the row's folder; WATCH_FOLDERS: none. */
unsigned watch_folder_find(const struct watch_folders *f, const char *folder);
/* Which roles are watched. */
bool watch_folder_is_watched(enum imap_role role);
/* "inbox", "junk", "sent", "all" or "other": as table folder has it. */
const char *watch_folder_role_name(enum imap_role role);
enum imap_role watch_folder_role_of(const char *name);

#endif
