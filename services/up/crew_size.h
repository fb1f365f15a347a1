#ifndef SERVICES_UP_CREW_SIZE_H
#define SERVICES_UP_CREW_SIZE_H

#include <stdint.h>

#include "base/io/loop.h"
#include "base/log.h"
#include "base/secret.h"

/*
 * How many workers `replyd up` starts when nobody said a number: as many as the
 * inboxes ask for.  They are counted every few seconds; the number only grows,
 * since a worker too many costs little, and one that ends moves its inboxes.
 */
struct crew_size;

struct crew_size_params {
	struct loop *loop;
	const struct log *log;
	const char *place;             /* of the database, without user */
	const struct secret *password; /* of replyd_admin */
	int64_t capacity;              /* of one worker */
	void *owner;
	void (*on_size)(void *owner, int n); /* so many are wanted */
};

/* -errno as pg_open(). */
int crew_size_open(const struct crew_size_params *p, struct crew_size **ret);
void crew_size_drop(struct crew_size *c); /* NULL is nothing */

/*
 * For `inboxes`, with workers of that capacity that are full at nine tenths: at
 * least one, at most CREW_SIZE_PER_CORE for each core and what half of the memory
 * holds.
 */
#define CREW_SIZE_PER_CORE 4
#define CREW_SIZE_INBOX_KB 32 /* of memory, OpenSSL's included */
int crew_size_for(int64_t inboxes, int64_t capacity, int64_t cores, int64_t memory_kb);

#endif
