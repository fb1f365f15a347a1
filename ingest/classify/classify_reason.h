#ifndef INGEST_CLASSIFY_CLASSIFY_REASON_H
#define INGEST_CLASSIFY_CLASSIFY_REASON_H

#include <stdbool.h>

#include "base/text.h"
#include "ingest/mime/mime_dsn.h"

/*
 * Why a mail came back, in the vocabulary of Sisimai: from what the server said
 * (rules/reasons.tsv), the enhanced status (RFC 3463), and what it had been told
 * when it said so.
 *
 * "userunknown" is only what a server says when it is told the recipient, or a
 * status that says so: one that takes the mail first and then calls the user
 * unknown may hide a filter behind it, and that is "filtered".
 */
enum classify_stage {
	CLASSIFY_STAGE_NONE, /* not told */
	CLASSIFY_STAGE_CONNECT,
	CLASSIFY_STAGE_MAIL,
	CLASSIFY_STAGE_RCPT,
	CLASSIFY_STAGE_DATA,
};

struct classify_answer {
	enum mime_action action;
	const char *status; /* "5.1.1"; "": none */
	unsigned smtp_code; /* 0: none */
	enum classify_stage stage;
	struct text words; /* what the server said, folded, without line ends */
	bool is_preamble;  /* the words are those of every such report, not of this failure */
};

struct classify_reason {
	const char *reason; /* static: "userunknown"; "onhold" when words are there that nobody
			       understands, "undefined" when nothing is known */
	const char *rule;   /* static: what decided, for the evidence */
	bool hard;          /* the address is dead for good */
};

struct classify_reason classify_reason_of(const struct classify_answer *a);

/* Did words or a status that names a cause decide, so that no more needs to be asked?  Not of a
 * zeroed one. */
bool classify_reason_is_certain(const struct classify_reason *r);

#endif
