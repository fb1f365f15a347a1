#ifndef DB_PG_HOST_H
#define DB_PG_HOST_H

#include <uv.h>

#include "base/buf.h"
#include "base/io/loop.h"

/*
 * The addresses of the hosts in a conninfo, looked up on libuv's threads.
 * libpq would look them up itself, and stop the whole loop while a name server
 * does not answer.  For db/pg*.c only.
 *
 * The answer is three lists as libpq reads them (host, hostaddr, port), an entry
 * per address: a name with three addresses stands there three times.
 */
struct pg_host;
typedef void (*pg_host_cb)(struct pg_host *h);

struct pg_host {
	struct loop *loop;
	pg_host_cb done;
	struct buf host, hostaddr, port;
	size_t entries; /* of each list */
	int error;      /* of the last name without an address, libuv's; 0: none */

	uv_getaddrinfo_t lookup; /* private from here */
	char *names, *ports;     /* of the conninfo */
	size_t at;               /* bytes of `names` that are done */
	enum { PG_HOST_IDLE, PG_HOST_LOOKING, PG_HOST_CANCELLED } state;
};

/*
 * 1: there is nothing to look up (sockets, numbers, hostaddr), and `done` does
 * not come; 0: it comes once, later; -errno: it does not come.
 */
int pg_host_start(struct pg_host *h, struct loop *l, const char *conninfo, pg_host_cb done);
/* true: a thread is still at work; `done` comes once more when it is over, and the memory must stay
 * until then. */
bool pg_host_cancel(struct pg_host *h);
void pg_host_clear(struct pg_host *h); /* while it is idle */

#endif
