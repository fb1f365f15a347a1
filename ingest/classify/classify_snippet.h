#ifndef INGEST_CLASSIFY_CLASSIFY_SNIPPET_H
#define INGEST_CLASSIFY_CLASSIFY_SNIPPET_H

#include "base/text.h"

/*
 * The first words of a text for a list or an event: at most 300 characters
 * (code points), blanks and line ends as single spaces, cut between words where
 * that costs less than 40 characters, with "…" when something was cut.
 */
#define CLASSIFY_SNIPPET (300 * 4 + 1) /* bytes, NUL included */

void classify_snippet(struct text t, char ret[CLASSIFY_SNIPPET]);

#endif
