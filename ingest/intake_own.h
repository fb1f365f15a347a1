#ifndef INGEST_INTAKE_OWN_H
#define INGEST_INTAKE_OWN_H

#include <stdbool.h>

#include "base/text.h"
#include "db/sent.h"
#include "ingest/intake_mail.h"

/*
 * A mail that the inbox itself sent: what is noted of it (db/sent.h).  Pure.
 */
struct intake_own {
	struct sent_item item; /* borrows from the mail and from what follows */
	char message[EVENT_ID];
	uint8_t answers[LIMIT_MATCH_IDS][ARRIVAL_DIGEST];
	const char *answers_ids[LIMIT_MATCH_IDS];
	uint8_t names[LIMIT_MATCH_NAMES][ARRIVAL_DIGEST];
	uint8_t copies[LIMIT_MIME_ADDRESSES][ARRIVAL_DIGEST];
	const char *addresses[LIMIT_MIME_ADDRESSES];
	char folded[LIMIT_MIME_ADDRESSES][LIMIT_MIME_ADDRESS + 1];
};

/* `ret` holds pointers into itself. */
void intake_own_of(struct intake_mail *m, const struct intake_mail_place *p,
		   struct intake_own *ret);

/* Does the list of flags or labels hold "\\mark"?  As FLAGS and X-GM-LABELS give them, quoted or
 * not. */
bool intake_own_is_marked(struct text list, struct text mark);

#endif
