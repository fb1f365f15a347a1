#ifndef INGEST_STANDING_H
#define INGEST_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "db/folder.h"
#include "db/gather.h"
#include "db/pg.h"

/*
 * How an inbox stands, as told to everybody in table inbox_state: the last word
 * counts, one transaction at a time, the same again is not written.  That the
 * user is needed is an event too.  What it waits for and how far it has come goes
 * with every word, and on the way to "live" also by itself, every few seconds.
 * A state on the way that does not last is not told at all: when ten thousand
 * inboxes come back at once, their commits are most of what it takes.  What a
 * write needs is there only while one runs.
 */
struct standing_now {
	const char *waiting_for; /* static, in words; NULL: nothing */
	uint32_t done, of;       /* of a long catching up; of 0: nothing long */
};

struct standing {
	struct pg *pg;
	struct gather *gather;            /* NULL: none */
	const struct folder_lease *lease; /* borrowed, as `address` is */
	const char *address;
	void *owner;
	void (*on_told)(void *owner); /* a write was answered: is_fenced, or another deadline; not
					 from inside a call */

	struct standing_write *write; /* on its way; NULL: none */
	bool is_fenced;               /* the lease is lost */
	bool is_overwritten;          /* by others: the same again is written */
	bool is_waiting;       /* a state on the way, told at retry_at_ms if it is still so */
	const char *state;     /* static; what was said last; NULL: nothing yet */
	char *reason, *detail; /* with it; detail: until it is written */
	int64_t retry_at_us;   /* with it: no connection before; 0: whenever */
	int64_t refused; /* the version of the credential that an event tells was refused; 0: no
			    event */
	uint64_t retry_at_ms;          /* of a write that failed or waits; UINT64_MAX: none does */
	struct standing_now now, told; /* as it is, and as it was written last */
	uint64_t told_ms;              /* when that was */
	uint64_t again_ms;             /* `now` is written then; UINT64_MAX: it need not be */
};

void standing_init(struct standing *s, struct pg *pg, struct gather *gather,
		   const struct folder_lease *lease, const char *address, void *owner,
		   void (*on_told)(void *owner));
void standing_clear(struct standing *s); /* cancels */
/* `state` must be static; `detail` for people.  `refused`: for "reauth_required", what the event
 * is about. */
void standing_say(struct standing *s, const char *state, const char *reason, struct text detail,
		  int64_t refused);
/* The same with an instant (unix us) before which nobody is to connect, this worker or another. */
void standing_say_until(struct standing *s, const char *state, const char *reason,
			struct text detail, int64_t refused, int64_t retry_at_us);
/* Others have written there, since consent was given again: the next word is written whatever it
 * is. */
void standing_forget(struct standing *s);
/* How it is just now. */
void standing_look(struct standing *s, const struct standing_now *now, uint64_t now_ms);
bool standing_is(const struct standing *s, const char *state); /* that was said last */
uint64_t standing_deadline(const struct standing *s);          /* UINT64_MAX: none */
void standing_tick(struct standing *s, uint64_t now_ms);

#endif
