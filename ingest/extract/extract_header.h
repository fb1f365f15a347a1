#ifndef INGEST_EXTRACT_EXTRACT_HEADER_H
#define INGEST_EXTRACT_EXTRACT_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "ingest/extract/extract_lines.h"

/*
 * The header block that a client writes over the mail it quotes or passes on:
 *
 *   From: Bo <bo@send.example>       labels in any language, bold or not, with an
 *   Sent: Monday 10:02               empty line between them or not, wrapped or not
 *   To: Ann
 *   Subject: Offer
 *
 * Three labels with a sender or a recipient among them make one, or two that
 * hold a time and an address.  With `sure`, because a separator stands over it,
 * one is enough.
 */
struct extract_header {
	size_t end;                  /* the line behind it */
	size_t line[CLASSIFY_MARKS]; /* where a label stands; SIZE_MAX: nowhere */
};

bool extract_header_at(const struct extract_lines *l, size_t i, bool sure,
		       struct extract_header *ret);

/* The value of a label, with the lines it goes on in, as it stands in the body; empty: not there.
 */
struct text extract_header_value(const struct extract_lines *l, const struct extract_header *h,
				 enum classify_mark label);

#endif
