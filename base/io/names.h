#ifndef BASE_IO_NAMES_H
#define BASE_IO_NAMES_H

#include <netdb.h>

#include "base/io/loop.h"
#include "base/list.h"

/*
 * The addresses of host names, as the system's resolver has them: asked once for all
 * who want the same ones at the same time, and good for NAMES_FRESH_MS.  When ten
 * thousand connections to one provider are cut, its name is looked up a few times.  What
 * could not be found is told to those who asked, and not remembered.
 *
 * Asks are embedded by the caller, zeroed before their first use.
 */
#define NAMES_FRESH_MS 2000 /* shorter than any address is moved in */

struct names_ask;
/* status: 0 or libuv's error.  `found` is good inside the call only; its ports are 0. */
typedef void (*names_cb)(struct names_ask *q, int status, const struct addrinfo *found);

struct names_ask {
	struct list link;
	struct name *name; /* NULL: nothing is asked */
	names_cb answered;
	unsigned turn; /* so many were told the same before: not all begin with the same address */
};

/* 0: the answer comes once, from the loop.  -EINVAL: no name by IDNA's rules. */
int names_ask_start(struct loop *l, struct names_ask *q, const char *host, names_cb answered);
void names_ask_cancel(struct names_ask *q); /* the answer does not come; idempotent */

/* ---- for base/io/loop.c ---- */

struct names *names_open(struct loop *l);
/* Its handle closes; nobody asks any more, and no lookup is under way. */
void names_drop(struct names *n);

#endif
