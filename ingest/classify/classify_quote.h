#ifndef INGEST_CLASSIFY_CLASSIFY_QUOTE_H
#define INGEST_CLASSIFY_CLASSIFY_QUOTE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"

/*
 * Cuts the newly written text of a mail from what it quotes and from the
 * signature.  Plain text with LF ends in; slices of it out.
 *
 *   On Mon, 3 Mar 2025, Ann wrote:     attribution line, many languages, up to 3 lines long
 *   -----Original Message-----         separator
 *   From: .. Sent: .. To: ..           header block of Outlook, localised
 *   > quoted                           quoted line
 *   --                                 signature (RFC 3676 section 4.3)
 *
 * Answers below or between quoted lines are kept, as slices of their own.  A
 * forward, and a mail that would be left empty although it has text, is kept
 * whole.  One pass over the lines; time is linear in the input.
 */
struct classify_quote {
	struct text at[LIMIT_QUOTE_SLICES]; /* trimmed, in order, none empty */
	size_t n;
};

void classify_quote_cut(struct text body, struct classify_quote *ret);

/* The slices joined by empty lines; cut at the ceiling of `ret`. */
void classify_quote_join(const struct classify_quote *q, struct buf *ret);

#endif
