#ifndef DB_RECHECK_H
#define DB_RECHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "db/arrival.h"
#include "db/folder.h"

/*
 * A mail that is looked at again because an outbound registered late names it, or
 * because its message was left pending.
 *
 *   recheck_take -> looked at -> recheck_done
 *
 * An outbound that is registered in between takes the mail back: recheck_done removes nothing
 * then, and it is looked at once more.  Requests as in db/arrival.h.
 */
struct recheck_mail {
	const char *folder; /* uuid */
	int64_t uidvalidity, uid;
};

struct recheck_take {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	struct arrival_outbound *found; /* owned: recheck_take_clear() */
	size_t n_found;
	int64_t seen_us; /* when the mail was seen first; INT64_MIN: nothing was found */
	void (*done)(struct recheck_take *q);
};
/* `is_gone`: the mail is no more: `found` is what it was looked at for, and no other mail tells. */
int recheck_take_start(struct pg *pg, struct recheck_take *q, const struct folder_lease *l,
		       const struct recheck_mail *m, bool is_gone,
		       void (*done)(struct recheck_take *));
void recheck_take_clear(struct recheck_take *q); /* what was found; and cancels */

struct recheck_done {
	struct pg_tx tx;
	struct outcome outcome;
	bool fenced;
	void (*done)(struct recheck_done *q);
};
int recheck_done_start(struct pg *pg, struct recheck_done *q, const struct folder_lease *l,
		       const struct recheck_mail *m, void (*done)(struct recheck_done *));

#endif
