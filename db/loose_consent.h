#ifndef DB_LOOSE_CONSENT_H
#define DB_LOOSE_CONSENT_H

#include "db/connect_link.h"

/*
 * The refresh token of a consent that no inbox has (yet).
 *
 *   held     written the moment it came, before anything is made of it
 *    |--> settled: the transaction that gives it to an inbox deletes it here
 *    v
 *   loose    that attempt failed, or its broker died: due, and revoked by db/removal.h
 *
 * As replyd_broker.
 */
struct loose_consent {
	const char *workspace, *id, *link; /* uuid */
	const char *provider;
	const char *address; /* whose account it is; "": nobody said yet */
	const void *sealed;  /* purpose "grant", subject the id */
	size_t sealed_len;
	int64_t due_in_s; /* when nobody can be at work on its attempt any more */
};
/* version 1: written. */
int loose_consent_hold_start(struct pg *pg, struct connect_link_write *q,
			     const struct loose_consent *c,
			     void (*done)(struct connect_link_write *));

/* For db/connect_link, in its transactions: it is an inbox's; it is nobody's, and due at once. */
void loose_consent_add_settled(struct pg_tx *tx, const char *id, const char *claim);
void loose_consent_add_failed(struct pg_tx *tx, const char *id, const char *address,
			      const char *problem);

#endif
