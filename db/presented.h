#ifndef DB_PRESENTED_H
#define DB_PRESENTED_H

#include "base/sign.h"
#include "db/pg.h"

/*
 * Whoever shows a secret sees the row that belongs to it, whatever its workspace:
 * the walls ask presented_now() (0001).  Only its digest goes to PostgreSQL.
 */
#define PRESENTED (2 * SIGN_SHA256 + 1)

/* After pg_tx_init and before the start; `keep` stays as long as `tx`. */
void presented_set(struct pg_tx *tx, char keep[PRESENTED], const uint8_t digest[SIGN_SHA256]);

#endif
