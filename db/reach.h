#ifndef DB_REACH_H
#define DB_REACH_H

#include <stdint.h>

#include "db/pg.h"

/* What the broker found out about an inbox's servers, written for people; as replyd_broker. */
struct reach_found {
	const char *workspace, *inbox, *link;
	/* table inbox_smtp */
	const char *state, *reason, *detail;
	const char *host; /* "" when none is known */
	int64_t port;
	const char *security; /* "tls", "starttls", "" */
	/* connect_link.offers: STARTTLS answers at this port where TLS does not; 0: nothing */
	int64_t starttls_port;
};

struct reach_put {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct reach_put *q);
};
int reach_put_start(struct pg *pg, struct reach_put *q, const struct reach_found *f,
		    void (*done)(struct reach_put *));

#endif
