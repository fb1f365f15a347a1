#ifndef INGEST_LEDGER_ROWS_H
#define INGEST_LEDGER_ROWS_H

#include <stdbool.h>

#include "ingest/ledger.h"

/* Reading what the database knows of an inbox.  A part of ledger.c. */

/* `is_reload`: only for mails to be seen again in folders that are not known.  -errno as
 * pg_tx_start(); l->p.on_step comes when it is over. */
int ledger_rows_read(struct ledger *l, bool is_reload);
void ledger_rows_drop(struct ledger *l); /* what is under way is given up */

#endif
