#ifndef INGEST_CLASSIFY_CLASSIFY_H
#define INGEST_CLASSIFY_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/mime/mime_dsn.h"
#include "ingest/mime/mime_head.h"

/*
 * What kind of mail came back, how sure we are, and why.
 *
 *   classify_head()   from headers alone: how far the gate closes at first
 *   classify_full()   with the text and the delivery report: what the event says
 *
 * Order of decision: delivery report, automatic reply by header, by subject
 * prefix, by phrase with a second signal; what is left is a human.  A human
 * taken for a machine is the worst error, so weak signals never decide alone.
 */
enum classify_kind {
	CLASSIFY_REPLY,
	CLASSIFY_OUT_OF_OFFICE,
	CLASSIFY_AUTO_OTHER, /* receipts, tickets, delivered reports: automatic, but no absence */
	CLASSIFY_BOUNCE_HARD,
	CLASSIFY_BOUNCE_SOFT, /* mailbox full, policy, delayed, given up: the address may be alive */
	CLASSIFY_UNRELATED,   /* a human's or a list's mail that matched nothing */
};

/* "reply", "auto_reply.out_of_office", "auto_reply.other", "bounce.hard", "bounce.soft", "unrelated" */
const char *classify_kind_name(enum classify_kind kind);

enum classify_source { CLASSIFY_BY_HEADER, CLASSIFY_BY_DSN, CLASSIFY_BY_TEXT, CLASSIFY_BY_SUBJECT };
const char *classify_source_name(enum classify_source source); /* "header", "dsn", "text", "subject" */

#define CLASSIFY_EVIDENCE 8

struct classify_evidence {
	const char *rule; /* id of the rule, static: "auto.header.auto-submitted" */
	enum classify_source source;
	char text[120]; /* what it saw, valid UTF-8 */
};

struct classify_bounce {
	char recipient[LIMIT_MIME_ADDRESS + 1]; /* as the sender wrote it where the report says so; "": not named */
	enum mime_action action;
	char status[MIME_STATUS]; /* "5.1.1"; "": none */
	unsigned smtp_code;       /* 550; 0: none */
	const char *reason;       /* static: "userunknown", "mailboxfull", "policyviolation", ...; NULL: not a bounce */
	char diagnostic[400];     /* valid UTF-8; "": none */
};

#define CLASSIFY_DAY 11 /* "2026-09-14" and a NUL */

struct classify_verdict {
	enum classify_kind kind;
	double confidence; /* 0..1 */
	struct classify_evidence evidence[CLASSIFY_EVIDENCE];
	size_t n_evidence;
	char return_at[CLASSIFY_DAY]; /* first day back, of an absence; "": not said or not certain */
	struct classify_bounce bounce; /* the worst failed recipient */
};

struct classify_input {
	const struct mime_head *head;
	struct text body;           /* the whole text of the mail (mime_part_text); empty: not fetched or gone */
	const struct mime_dsn *dsn; /* NULL: none */
	bool matched;               /* at least one outbound was found; without, a human's mail is `unrelated` */
	bool matched_by_dsn;        /* the original inside the report is one of our outbounds */
	int64_t received_at;        /* unix seconds: what "12 September" is relative to */
};

void classify_full(const struct classify_input *in, struct classify_verdict *ret);

/* Headers only; never `unrelated`.  Kinds are provisional: a bounce is CLASSIFY_BOUNCE_SOFT until its report was read. */
void classify_head(const struct mime_head *head, struct classify_verdict *ret);

#endif
