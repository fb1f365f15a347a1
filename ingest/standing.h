#ifndef INGEST_STANDING_H
#define INGEST_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "db/folder.h"
#include "db/pg.h"

/*
 * How an inbox stands, as told to everybody in table inbox_state: the last word
 * counts, one transaction at a time, the same again is not written.  That the
 * user is needed is an event too.
 */
struct standing {
	struct pg *pg;
	struct folder_lease lease;
	const char *address; /* borrowed */
	void *owner;
	void (*on_told)(void *owner); /* a write was answered: is_fenced, or another deadline; not
					 from inside a call */

	struct folder_state write;
	bool is_fenced; /* the lease is lost */
	enum standing_phase {
		STANDING_TOLD,    /* what is said is what stands there */
		STANDING_WRITING, /* `sent` is on its way */
		STANDING_LATER,   /* it failed: again at `retry_at_ms` */
	} phase;
	const char *state, *sent_state; /* static */
	char reason[48], sent_reason[48];
	char detail[200];
	int64_t refused; /* the version of the credential that an event tells was refused; 0: no
			    event */
	uint64_t retry_at_ms;
};

/* Texts of `lease` and `address` are borrowed. */
void standing_init(struct standing *s, struct pg *pg, const struct folder_lease *lease,
		   const char *address, void *owner, void (*on_told)(void *owner));
void standing_clear(struct standing *s); /* cancels */
/* `state` and `reason` must be static; `detail` for people.  `round`: for "reauth_required", what
 * the event is about. */
void standing_say(struct standing *s, const char *state, const char *reason, struct text detail,
		  int64_t refused);
uint64_t standing_deadline(const struct standing *s); /* UINT64_MAX: none */
void standing_tick(struct standing *s, uint64_t now_ms);

#endif
