#ifndef DB_TIMELINE_H
#define DB_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "db/folder.h"
#include "db/pg.h"

/*
 * The history of each inbox, for people: append-only lines such as "server said
 * BYE: session expired", "new session already live; no gap" (table timeline,
 * partitioned by month, months are dropped when their time is over).  Lines of many inboxes are
 * written in one statement; a line whose lease is lost is still true and is written.
 */
#define TIMELINE_WORDS 200
/* A note with this code is no line: its words are the IMAP commands that the inbox was sent, as
 * "EXAMINE, UID FETCH", and go to table inbox_commands. */
#define TIMELINE_COMMANDS "commands"
struct timeline_note {
	char workspace[FOLDER_UUID], inbox[FOLDER_UUID];
	int64_t at_us;
	char code[32]; /* stable: "connected", "live", "bye", "renewed", "token_refused" ... */
	char words[TIMELINE_WORDS]; /* printable, no secrets, no addresses of prospects */
};

struct timeline_put {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct timeline_put *q);
};
/* In this order.  `words` of wrong UTF-8 are left out.  0 and -errno as pg_tx_start(). */
int timeline_put_start(struct pg *pg, struct timeline_put *q, const struct timeline_note *notes,
		       size_t n, void (*done)(struct timeline_put *));

#endif
