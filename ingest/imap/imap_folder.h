#ifndef INGEST_IMAP_IMAP_FOLDER_H
#define INGEST_IMAP_IMAP_FOLDER_H

#include <stdbool.h>

#include "base/text.h"

/*
 * What a folder is for.  The server's attribute decides (RFC 6154; Gmail sends
 * it without advertising it); only a folder without one is judged by its name,
 * in the languages mail programs have used.  Gmail's names are translated, so
 * a name alone is a guess: `is_guess` says so, and a folder with an attribute
 * beats every guess for the same role.
 */
#define IMAP_ROLES(X)                                                                              \
	X(NONE, "none")                                                                            \
	X(INBOX, "inbox")                                                                          \
	X(ALL, "all")                                                                              \
	X(SENT, "sent")                                                                            \
	X(JUNK, "junk")                                                                            \
	X(TRASH, "trash")                                                                          \
	X(DRAFTS, "drafts")                                                                        \
	X(ARCHIVE, "archive")                                                                      \
	X(FLAGGED, "flagged")                                                                      \
	X(IMPORTANT, "important")

enum imap_role {
#define IMAP_ROLE(name, word) IMAP_ROLE_##name,
	IMAP_ROLES(IMAP_ROLE)
#undef IMAP_ROLE
};

struct imap_folder {
	struct text name; /* UTF-8, for people and for our tables; never for a command */
	struct text raw;  /* as the server wrote it: what imap_session_examine() wants */
	char separator;   /* between levels, '\0': none */
	enum imap_role role;
	bool is_guess;      /* the role is from the name, not from an attribute */
	bool is_selectable; /* false: \Noselect or \NonExistent, cannot be examined */
	bool has_children;  /* \HasChildren */
};

/*
 * Fill role, is_guess, is_selectable and has_children of `f`, whose name and
 * separator are known, from the attributes: "\HasNoChildren \Junk".
 */
void imap_folder_judge(struct imap_folder *f, struct text attributes);

const char *imap_folder_role_name(enum imap_role role); /* "junk" */

#endif
