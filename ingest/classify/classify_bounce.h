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
 * false: no report, and `ret` is untouched.  true: kind, confidence, evidence
 * and bounce are set; a report of success is CLASSIFY_AUTO_OTHER.
 */
struct classify_bounce_mail {
	const struct mime_head *head;
	const struct mime_dsn *dsn; /* NULL: none */
	struct text subject;        /* folded */
	struct text text;  /* the body; empty while it has not been fetched: every bounce is soft */
	struct text fresh; /* what is new in it: of an answer only that speaks for a server */
};

bool classify_bounce_judge(const struct classify_bounce_mail *mail, struct classify_verdict *ret);

/* Is it a report by its type, but a receipt's or a complaint's (RFC 8098, 5965)? */
bool classify_bounce_is_other(const struct mime_head *head);

#endif
