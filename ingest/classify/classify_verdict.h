#ifndef INGEST_CLASSIFY_CLASSIFY_VERDICT_H
#define INGEST_CLASSIFY_CLASSIFY_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "ingest/mime/mime_dsn.h"

/* What kind of mail came back, how sure we are, and why. */
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
/* A machine answered in a person's name. */
bool classify_kind_is_auto(enum classify_kind kind);
/* Somebody wrote words of his own. */
bool classify_kind_is_human(enum classify_kind kind);

/* What a person wants who answered. */
enum classify_intent {
	CLASSIFY_INTENT_NONE, /* nobody answered, or nothing was read */
	CLASSIFY_INTENT_INTERESTED,
	CLASSIFY_INTENT_MEETING,
	CLASSIFY_INTENT_INFORMATION_REQUEST,
	CLASSIFY_INTENT_NOT_NOW,
	CLASSIFY_INTENT_NOT_INTERESTED,
	CLASSIFY_INTENT_WRONG_PERSON,
	CLASSIFY_INTENT_REFERRAL,
	CLASSIFY_INTENT_LEFT_COMPANY,
	CLASSIFY_INTENT_UNSUBSCRIBE,
	CLASSIFY_INTENT_COMPLAINT_THREAT,
	CLASSIFY_INTENT_NEUTRAL, /* none of these, or a language that nobody here reads */
};

const char *classify_intent_name(enum classify_intent intent); /* "interested"; "": none */

/* Whom to write to instead: the alternate of who is away, the successor, the person referred to. */
struct classify_contact {
	char name[128];                       /* "": not said */
	char address[LIMIT_MIME_ADDRESS + 1]; /* "": not said */
};

enum classify_source { CLASSIFY_BY_HEADER, CLASSIFY_BY_DSN, CLASSIFY_BY_TEXT, CLASSIFY_BY_SUBJECT };
const char *
classify_verdict_source_name(enum classify_source source); /* "header", "dsn", "text", "subject" */

#define CLASSIFY_EVIDENCE 8

struct classify_evidence {
	const char *rule; /* id of the rule, static: "header.auto-replied" */
	enum classify_source source;
	char text[120]; /* what it saw, valid UTF-8 */
};

/* Whose fault a bounce is. */
enum classify_fault {
	CLASSIFY_FAULT_NONE,
	CLASSIFY_FAULT_RECIPIENT,      /* the address, the mailbox, its domain */
	CLASSIFY_FAULT_SENDER,         /* our address, server, reputation, volume, authentication */
	CLASSIFY_FAULT_CONTENT,        /* what we wrote */
	CLASSIFY_FAULT_INFRASTRUCTURE, /* servers, networks, name lookup */
};

const char *classify_fault_name(enum classify_fault fault); /* "recipient"; "": none */

struct classify_bounce {
	char recipient[LIMIT_MIME_ADDRESS +
		       1]; /* as the sender wrote it where the report says so; "": not named */
	enum mime_action action;
	char status[MIME_STATUS]; /* "5.1.1"; "": none */
	unsigned smtp_code;       /* 550; 0: none */
	const char *reason; /* static: "userunknown", "mailboxfull", "policyviolation", ...; NULL:
			       not a bounce */
	enum classify_fault fault;
	char diagnostic[400]; /* valid UTF-8; "": none */
};

#define CLASSIFY_DAY 11 /* "2026-09-14" and a NUL */

struct classify_verdict {
	enum classify_kind kind;
	double confidence; /* 0..1 */
	struct classify_evidence evidence[CLASSIFY_EVIDENCE];
	size_t n_evidence;
	char return_at[CLASSIFY_DAY]; /* first day back, of an absence; "": not said or not certain
				       */
	enum classify_intent intent;
	char followup_at[CLASSIFY_DAY]; /* of not_now: the first day that suits; "": not said */
	struct classify_contact contact;
	struct classify_bounce bounce; /* the worst failed recipient */
};

/* Add to the evidence; what passes CLASSIFY_EVIDENCE is left out.  `saw`: any bytes, made valid and
 * cut. */
void classify_verdict_add(struct classify_verdict *v, const char *rule, enum classify_source source,
			  struct text saw);

#endif
