#ifndef INGEST_CLASSIFY_CLASSIFY_REASON_H
#define INGEST_CLASSIFY_CLASSIFY_REASON_H

#include <stdbool.h>

#include "base/text.h"
#include "ingest/mime/mime_dsn.h"

/*
 * Why a mail was refused, and whether the address is dead.
 *
 * Hard only when the words or the code speak of the address or its domain.
 * Everything about the sender, the content, a policy or the day is soft: a
 * wrong "hard" loses a living prospect, a missed one costs another bounce.
 */
struct classify_reason {
	bool hard;
	const char *reason; /* static, in Sisimai's vocabulary: "userunknown"; "undefined" when
			       nothing is known */
	const char *rule;   /* static: what decided, for the evidence */
};

/*
 * `action` and `status` ("5.1.1", "" for none) as the report gives them,
 * `smtp_code` 0 for none, `words`: the diagnostic text, folded.
 */
struct classify_reason classify_reason_of(enum mime_action action, const char *status,
					  unsigned smtp_code, struct text words);

/* The first "550" and the first "5.1.1" that stand in a text as words; untouched when there are
 * none. */
void classify_reason_codes(struct text t, unsigned *ret_smtp_code, char ret_status[MIME_STATUS]);

#endif
