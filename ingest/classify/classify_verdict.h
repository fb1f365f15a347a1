#ifndef INGEST_CLASSIFY_CLASSIFY_VERDICT_H
#define INGEST_CLASSIFY_CLASSIFY_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "ingest/classify/classify_fault.h"
#include "ingest/classify/classify_intent.h"
#include "ingest/classify/classify_kind.h"
#include "ingest/mime/mime_dsn.h"

/* Whom to write to instead: the alternate of who is away, the successor, the person referred to. */
struct classify_contact {
	char name[128];                       /* "": not said */
	char address[LIMIT_MIME_ADDRESS + 1]; /* "": not said */
};

enum classify_source { CLASSIFY_BY_HEADER, CLASSIFY_BY_DSN, CLASSIFY_BY_TEXT, CLASSIFY_BY_SUBJECT };
const char *
classify_verdict_source_name(enum classify_source source); /* "header", "dsn", "text", "subject" */

#define CLASSIFY_EVIDENCE 8
#define CLASSIFY_HINTS    5 /* of them for what was only seen */

struct classify_evidence {
	const char *rule; /* id of the rule, static: "header.auto-replied" */
	enum classify_source source;
	char text[120]; /* what it saw, valid UTF-8 */
};

struct classify_bounce {
	char recipient[LIMIT_MIME_ADDRESS +
		       1]; /* as the sender wrote it where the report says so; "": not named */
	enum classify_kind kind; /* of this recipient alone */
	enum mime_action action;
	char status[MIME_STATUS]; /* "5.1.1"; "": none */
	unsigned smtp_code;       /* 550; 0: none */
	const char *reason; /* static: "userunknown", "mailboxfull", "policyviolation", ...; NULL:
			       not a bounce */
	enum classify_fault fault;
	char diagnostic[400]; /* valid UTF-8; "": none */
};

#define CLASSIFY_RECIPIENTS 32 /* told of one report */

/* Of CLASSIFY_COMPLAINT. */
struct classify_complaint {
	const char *type;      /* static: "abuse", "opt-out" ... (RFC 5965); NULL: no complaint */
	const char *recipient; /* who complained, borrowed from the report; "": not named */
};

/* Of CLASSIFY_CALENDAR_REPLY. */
struct classify_calendar {
	const char *answer;    /* static: "accepted", "declined", "tentative", "counter"; NULL */
	const char *starts_at; /* struct mime_calendar, borrowed from the report; "": not said */
};

#define CLASSIFY_DAY 11 /* "2026-09-14" and a NUL */

struct classify_verdict {
	enum classify_kind kind;
	double confidence; /* 0..1 */
	bool is_unproven;  /* what it says cannot be taken back, and anybody may have written it */
	struct classify_evidence evidence[CLASSIFY_EVIDENCE];
	size_t n_evidence;
	char return_at[CLASSIFY_DAY]; /* first day back, of an absence; "": not said or not certain
				       */
	enum classify_intent intent;
	char lang[4];                   /* of the new text: "en"; "": not certain */
	char followup_at[CLASSIFY_DAY]; /* of not_now: the first day that suits; "": not said */
	struct classify_contact contact;
	struct classify_bounce bounce; /* the worst failed recipient */
	struct classify_complaint complaint;
	struct classify_calendar calendar;
	size_t n_recipients;
	struct classify_bounce recipients[CLASSIFY_RECIPIENTS]; /* all that failed or wait; those
								   behind n_recipients are not
								   written */
};

/* Nothing is said.  Cannot fail and allocates nothing; `recipients` are left as they are, since
 * they are most of it and most mails have none. */
void classify_verdict_init(struct classify_verdict *v, enum classify_kind kind);

/* What cannot be taken back becomes what can: hard bounces, of the mail and of each recipient,
 * soft ones; a complaint a reply. */
void classify_verdict_soften(struct classify_verdict *v);

/* Add to the evidence; where it is full in place of the last, since what decides is told last.
 * `saw`: any bytes, made valid and cut. */
void classify_verdict_add(struct classify_verdict *v, const char *rule, enum classify_source source,
			  struct text saw);

/* The same of what was seen and is yet to be weighed: each rule once, and never so much that what
 * decides finds no room. */
void classify_verdict_add_hint(struct classify_verdict *v, const char *rule,
			       enum classify_source source, struct text saw);

#endif
