#ifndef INGEST_INTAKE_MATCH_H
#define INGEST_INTAKE_MATCH_H

#include <stddef.h>

#include "db/arrival.h"
#include "ingest/intake_mail.h"
#include "ingest/match/match_pick.h"

/*
 * What a mail on its way names, as PostgreSQL is asked, and whom it concerns by
 * the answer.  Its headers name something from the beginning, a report's parts and
 * its text once they are read.  Pure.
 */

/* Adds digests of what it names: room for LIMIT_MATCH_IDS + LIMIT_MATCH_NAMES ids and for
 * LIMIT_MATCH_NAMES names must be there. */
void intake_match_keys(const struct intake_mail *m, const struct intake_mail_place *p,
		       struct arrival_keys *ret);

/* What a stranger leaves behind: its ids and its sender. */
size_t intake_match_traces(const struct intake_mail *m, const struct intake_mail_place *p,
			   struct arrival_trace *ret, size_t max);

/* Those whom it concerns, by what was found. */
void intake_match_pick(const struct intake_mail *m, const struct intake_mail_place *p,
		       const struct arrival_outbound *found, size_t n, struct match_list *ret);

/* Does its text, as far as it was read, name anything? */
bool intake_match_is_named_inside(const struct intake_mail *m);

#endif
