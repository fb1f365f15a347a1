#include "db/erase.h"

#include "base/mem.h"

static const struct pg_stmt known = { "erase_known", "select prospect_known($1)::text" };
static const struct pg_stmt erase = { "erase", "select prospects_erase($1)::text" };

int erase_known_start(struct pg *pg, struct view *v, const char *workspace, const char *word,
		      view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &known, "t", word);
	return view_begin(pg, v, done);
}

int erase_start(struct pg *pg, struct view *v, const char *workspace, const char *items,
		view_cb done)
{
	pg_tx_init(&v->tx, workspace);
	pg_tx_add(&v->tx, &erase, "j", items);
	return view_begin(pg, v, done);
}
