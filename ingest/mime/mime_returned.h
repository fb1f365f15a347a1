#ifndef INGEST_MIME_MIME_RETURNED_H
#define INGEST_MIME_MIME_RETURNED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * A returned mail that stands as words in the text of a report (qmail, Exim,
 * Exchange, all before RFC 3464): where its headers begin, indented or quoted as
 * they may be.
 *
 *   text ->  what the mail server says | headers | the rest
 *
 * Headers are three fields in a row or more, among which a trace of transport
 * (Received, Message-ID, ...), or two of those a person sees (Subject, To,
 * Date, From).  The second kind is a digest that some servers write into the
 * middle of what they say: then the report goes on behind it.
 */
struct mime_returned {
	size_t report;    /* bytes of `text` that are the server's words */
	struct text head; /* the header lines as they stand there; empty: none */
	bool is_digest;   /* no trace of transport among them */
};

/* Linear.  false: no headers, and then `report` is all of the text. */
bool mime_returned_find(struct text text, struct mime_returned *ret);

/* `head` without the indentation or "> " of its first line, to mime_head_read(). */
void mime_returned_head(const struct mime_returned *r, struct buf *ret);

#endif
