#ifndef INGEST_CLASSIFY_CLASSIFY_BOUNCE_H
#define INGEST_CLASSIFY_CLASSIFY_BOUNCE_H

#include <stdbool.h>

#include "base/text.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_dsn.h"
#include "ingest/mime/mime_head.h"

/*
 * Does a mail server speak, and what does it say about whom?  The first of all
 * tests, since reports carry the marks of automatic replies too.
 *
 * `dsn`: NULL for none.  `subject` is folded.  `text`: the body, unfolded; empty
 * while it has not been fetched, and then every bounce is soft.
 *
 * false: no report, and `ret` is untouched.  true: kind, confidence, evidence
 * and bounce are set; a report of success is CLASSIFY_AUTO_OTHER.
 */
bool classify_bounce_judge(const struct mime_head *head, const struct mime_dsn *dsn,
			   struct text subject, struct text text, struct classify_verdict *ret);

#endif
