#ifndef INGEST_EXTRACT_EXTRACT_SIGNATURE_H
#define INGEST_EXTRACT_EXTRACT_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "ingest/extract/extract_lines.h"

/*
 * The end of a letter: closing formula, name, address block, small print, the line of a phone.
 * Without a closing formula, the sender's own name (`sender`, folded; empty: unknown) on a line by
 * itself begins it.
 */

/* "-- " (RFC 3676 section 4.3; the blank is often lost on the way). */
bool extract_signature_is_mark(const struct extract_lines *l, size_t i);

/*
 * Marks the end of the new lines [from, to) as signature and disclaimer, as far as it is one.
 * `bare`: nothing new stands before them; then something is left, unless `may_empty` and a closing
 * formula stands at their front: who quotes a mail may add nothing but his signature.
 */
void extract_signature_cut(struct extract_lines *l, size_t from, size_t to, struct text sender,
			   bool bare, bool may_empty);

#endif
