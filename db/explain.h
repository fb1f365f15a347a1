#ifndef DB_EXPLAIN_H
#define DB_EXPLAIN_H

#include "db/view.h"

/*
 * Why an event is what it is, as JSON: what it was matched by and taken for, the rules that said
 * so, the prospect's gate before and after, and what became of it at each endpoint it was owed to.
 * As pg_tx_start(); `event`: a uuid.
 */
int explain_start(struct pg *pg, struct view *v, const char *workspace, const char *event,
		  view_cb done);

#endif
