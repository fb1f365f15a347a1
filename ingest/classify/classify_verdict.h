#ifndef INGEST_CLASSIFY_CLASSIFY_VERDICT_H
#define INGEST_CLASSIFY_CLASSIFY_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "ingest/mime/mime_dsn.h"

/* What kind of mail came back, how sure we are, and why. */
enum classify_kind {
	CLASSIFY_REPLY,
	CLASSIFY_OUT_OF_OFFICE,
	CLASSIFY_AUTO_OTHER, /* receipts, tickets, delivered reports: automatic, but no absence */
	CLASSIFY_BOUNCE_HARD,
	CLASSIFY_BOUNCE_SOFT, /* mailbox full, policy, delayed, given up: the address may be alive
			       */
	CLASSIFY_UNRELATED,   /* a human's or a list's mail that matched nothing */
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

struct classify_bounce {
	char recipient[LIMIT_MIME_ADDRESS +
		       1]; /* as the sender wrote it where the report says so; "": not named */
	enum mime_action action;
	char status[MIME_STATUS]; /* "5.1.1"; "": none */
	unsigned smtp_code;       /* 550; 0: none */
	const char *reason;   /* static: "userunknown", "mailboxfull", "policyviolation", ...; NULL:
				 not a bounce */
	char diagnostic[400]; /* valid UTF-8; "": none */
};

#define CLASSIFY_DAY 11 /* "2026-09-14" and a NUL */

struct classify_verdict {
	enum classify_kind kind;
	double confidence; /* 0..1 */
	struct classify_evidence evidence[CLASSIFY_EVIDENCE];
	size_t n_evidence;
	char return_at[CLASSIFY_DAY];  /* first day back, of an absence; "": not said or not certain
					*/
	struct classify_bounce bounce; /* the worst failed recipient */
};

/* Add to the evidence; what passes CLASSIFY_EVIDENCE is left out.  `saw`: any bytes, made valid and
 * cut. */
void classify_verdict_add(struct classify_verdict *v, const char *rule, enum classify_source source,
			  struct text saw);

#endif
