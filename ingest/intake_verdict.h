#ifndef INGEST_INTAKE_VERDICT_H
#define INGEST_INTAKE_VERDICT_H

#include <stdint.h>

#include "db/arrival.h"
#include "db/event_id.h"
#include "ingest/intake_mail.h"

/*
 * What a READ mail turned out to be: its kind, the gate's level, its event.  All that
 * transaction 2 takes along.  Pure.
 */
struct intake_verdict {
	struct arrival_verdict v; /* borrows from the mail and from what follows */
	char event[EVENT_ID];
	char *evidence, *event_data, *snippet; /* owned */
};

/* -EILSEQ: a text of it is not UTF-8.  To be cleared in either case. */
int intake_verdict_of(const struct intake_mail *m, const struct intake_mail_place *p,
		      int64_t now_us, struct intake_verdict *ret);
void intake_verdict_clear(struct intake_verdict *v);

#endif
