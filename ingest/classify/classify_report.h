#ifndef INGEST_CLASSIFY_CLASSIFY_REPORT_H
#define INGEST_CLASSIFY_CLASSIFY_REPORT_H

#include <stdbool.h>

#include "ingest/classify/classify_seen.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_report.h"

/*
 * Mails that programs write about a mail or an invitation of ours: complaints (RFC
 * 5965, Microsoft's JMRP, X-ARF and prose), read receipts (RFC 8098), answers to
 * invitations (RFC 5546).
 */

/* By their own parts, which leave no doubt.  `report`: NULL: none was read.  false: it is none. */
bool classify_report_by_parts(const struct mime_head *head, const struct mime_report *report,
			      struct classify_verdict *ret);

/* By words, each with a second signal: what clients write that send no such part, or of which it
 * was not to be had.  `names_original`: the text or a part names the mail that it is about. */
bool classify_report_by_words(const struct mime_head *head, const struct classify_seen *s,
			      bool names_original, struct classify_verdict *ret);

#endif
