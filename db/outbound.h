#ifndef DB_OUTBOUND_H
#define DB_OUTBOUND_H

#include "db/pg.h"

/*
 * Register what the sequence engine sent.  One transaction for a batch; keys are
 * taken in the order of their digests (outbound_register() in the schema).
 */
struct outbound_result {
	int item;             /* index in the batch */
	const char *result;   /* "created", "repeated", "conflict", "unknown_inbox" */
	const char *outbound; /* uuid; "" for unknown_inbox */
	int rechecks;         /* mails seen before that name it: they are looked at again */
};

struct outbound_register {
	struct pg_tx tx;
	struct outcome outcome;
	void (*each)(struct outbound_register *q, const struct outbound_result *r);
	void (*done)(struct outbound_register *q);
};
/* `items_json`: see outbound_register() in db/schema/0003_outreach.sql. */
int outbound_register_start(struct pg *pg, struct outbound_register *q, const char *workspace,
			    const char *items_json,
			    void (*each)(struct outbound_register *,
					 const struct outbound_result *),
			    void (*done)(struct outbound_register *));

#endif
