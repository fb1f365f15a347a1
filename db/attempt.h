#ifndef DB_ATTEMPT_H
#define DB_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/folder.h"
#include "db/pg.h"

/*
 * Attempts at a mail that may take the process down: written before its parts
 * are read, removed when that went well (table mail_attempt).  Ordinary mails leave no
 * attempt; the message they leave pending is one.  Requests as in db/arrival.h.
 */
struct attempt_begin {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	int tries; /* processes that have begun it, this one among them */
	void (*done)(struct attempt_begin *q);
};
struct attempt_what {
	const char *folder; /* uuid */
	int64_t uidvalidity, uid;
	const char *message; /* uuid; NULL: it has none yet */
	bool is_of_headers;  /* they have not been read by anybody */
	int leave_above; /* more tries than this, and nobody reads it any more: said at the gates
			    (table mail_unread); 0: never */
	int64_t done;    /* UID of an attempt that went well, and ends here; 0: none */
};
int attempt_begin_start(struct pg *pg, struct attempt_begin *q, const struct folder_lease *l,
			const struct attempt_what *what, void (*done)(struct attempt_begin *));

struct attempt_end {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	void (*done)(struct attempt_end *q);
};
int attempt_end_start(struct pg *pg, struct attempt_end *q, const struct folder_lease *l,
		      const char *folder, int64_t uidvalidity, int64_t uid,
		      void (*done)(struct attempt_end *));

#endif
