#ifndef DB_ENDPOINT_H
#define DB_ENDPOINT_H

#include "db/pg.h"

/* Where a workspace wants its events posted.  The secret arrives sealed. */
struct endpoint_create {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct endpoint_create *q);
};
/* `types_json`: a JSON array of event types, NULL for all. */
int endpoint_create_start(struct pg *pg, struct endpoint_create *q, const char *workspace,
			  const char *endpoint, const char *url, const char *types_json,
			  const void *sealed, size_t sealed_len,
			  void (*done)(struct endpoint_create *));

#endif
