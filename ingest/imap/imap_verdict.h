#ifndef INGEST_IMAP_IMAP_VERDICT_H
#define INGEST_IMAP_IMAP_VERDICT_H

#include <stdint.h>

#include "base/outcome.h"
#include "base/text.h"

/*
 * What a server's NO, BAD or BYE means, and what cures it.
 *
 * Response codes (RFC 3501 section 7.1, RFC 5530) come first; then the words
 * that providers really send, as rows of a table.  A provider that rephrases
 * costs a row, not a branch.
 */
enum imap_remedy {
	IMAP_REMEDY_NONE,        /* it worked */
	IMAP_REMEDY_RETRY,       /* connect again, with the usual back-off */
	IMAP_REMEDY_WAIT,        /* their limit or their outage: back off, at least `backoff_ms` */
	IMAP_REMEDY_FRESH_TOKEN, /* force one refresh and try once more; refused again: ask the user
				  */
	IMAP_REMEDY_USER,  /* only the mailbox's owner can help: web login, IMAP switched off */
	IMAP_REMEDY_ADMIN, /* only the domain's administrator can help */
	IMAP_REMEDY_SKIP,  /* this one command or message: leave it, the session is sound */
	IMAP_REMEDY_OURS,  /* our mistake: keep the bytes, alarm */
};

struct imap_verdict {
	struct outcome outcome;
	enum imap_remedy remedy;
	uint64_t
		backoff_ms; /* they suggested, or their kind of limit calls for; 0: nothing known */
};

/* What we were doing when the answer came. */
enum imap_phase {
	IMAP_PHASE_GREETING,
	IMAP_PHASE_LOGIN,
	IMAP_PHASE_COMMAND,
	IMAP_PHASE_IDLE,
};

enum imap_condition {
	IMAP_CONDITION_OK,
	IMAP_CONDITION_NO,
	IMAP_CONDITION_BAD,
	IMAP_CONDITION_BYE,
	IMAP_CONDITION_PREAUTH,
};

/*
 * `code`: the word in brackets, "AUTHENTICATIONFAILED", empty when none;
 * `said`: the text after it, or the decoded JSON of a failed OAuth login.
 */
struct imap_verdict imap_verdict_of(enum imap_phase phase, enum imap_condition condition,
				    struct text code, struct text said);

const char *imap_verdict_remedy_name(enum imap_remedy remedy); /* "fresh_token" */

#endif
