#ifndef INGEST_CLASSIFY_CLASSIFY_KIND_H
#define INGEST_CLASSIFY_CLASSIFY_KIND_H

#include <stdbool.h>

/* What kind of mail came back. */
enum classify_kind {
	CLASSIFY_REPLY,         /* a person wrote it, or nothing says otherwise */
	CLASSIFY_OUT_OF_OFFICE, /* the person is away and comes back */
	CLASSIFY_LEFT_COMPANY,  /* the person does not come back, or the mailbox is given up */
	CLASSIFY_TICKET,        /* a help desk made a case of it */
	CLASSIFY_CHALLENGE,     /* prove that you are human, and it is delivered */
	CLASSIFY_AUTO_OTHER, /* received with thanks, delivered reports: automatic, none of these */
	CLASSIFY_BOUNCE_HARD,
	CLASSIFY_BOUNCE_SOFT,    /* mailbox full, policy, given up: the address may be alive */
	CLASSIFY_BOUNCE_DELAYED, /* a mail server is still trying */
	CLASSIFY_COMPLAINT,      /* marked as spam (RFC 5965) */
	CLASSIFY_READ_RECEIPT,   /* RFC 8098 */
	CLASSIFY_CALENDAR_REPLY, /* a person answered an invitation (RFC 5546) */
	CLASSIFY_LIST_MAIL,      /* sent to many */
	CLASSIFY_UNRELATED,      /* a person's mail that matched nothing */
};
#define CLASSIFY_KINDS (CLASSIFY_UNRELATED + 1)

/* "reply", "auto_reply.out_of_office", "bounce.hard" ... */
const char *classify_kind_name(enum classify_kind kind);
bool classify_kind_is_bounce(enum classify_kind kind);
/* Somebody wrote words of his own. */
bool classify_kind_is_human(enum classify_kind kind);

#endif
