#ifndef SERVICES_RESEALER_H
#define SERVICES_RESEALER_H

#include "base/log.h"
#include "db/reseal.h"

/*
 * Seals anew what stands under an older master key, while everybody goes on
 * working: a pass over all places of a group, RESEAL_BATCH boxes per
 * transaction.  PostgreSQL says whose turn it is; a process that dies over it
 * leaves whole boxes of one kind or the other.
 *
 *   RESEALER_IDLE -> taking -> putting -> taking ... -> ending -> RESEALER_IDLE
 */
enum resealer_state { RESEALER_IDLE, RESEALER_TAKING, RESEALER_PUTTING, RESEALER_ENDING };

struct resealer {
	enum resealer_state state;
	struct pg *pg;
	const struct log *log;
	struct vault *vault;
	const char *instance; /* uuid of the process */
	size_t at;            /* place */
	char after[37];       /* id of the last box looked at there */
	unsigned to_id;
	int moved;        /* in the batch at hand */
	int64_t unopened; /* in the pass */
	struct reseal_take take;
	struct reseal_put put;
	struct reseal_end end;
};

/* All borrowed for its life. */
void resealer_init(struct resealer *r, struct pg *pg, const struct log *log, struct vault *v,
		   const char *instance);
/* Begin a pass unless one is under way. */
void resealer_kick(struct resealer *r);
void resealer_drop(struct resealer *r); /* safe on zeros */

#endif
