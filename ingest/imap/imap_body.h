#ifndef INGEST_IMAP_IMAP_BODY_H
#define INGEST_IMAP_IMAP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"

/*
 * A mail's shape as the server tells it: BODYSTRUCTURE, flattened into the
 * list of parts that can be fetched one by one.  RFC 3501 sections 6.4.5 (how
 * sections are numbered) and 7.4.2 (BODYSTRUCTURE), RFC 9051 section 7.5.2.
 *
 *   multipart/report            parts[0] "1"    text/plain                 inside 0
 *     text/plain                parts[1] "2"    message/delivery-status    inside 0
 *     message/delivery-status   parts[2] "3"    message/rfc822             inside 0
 *     message/rfc822            parts[3] "3.1"  text/plain                 inside 1
 *       text/plain
 *
 * Leaves are listed in the order of the mail, and message/rfc822 both as a
 * part of its own and, after it, with what it carries.  Multiparts are not
 * listed; a part knows the subtype of the multipart it lies in.
 *
 * Servers describe broken mails in broken ways.  A shape that cannot be
 * understood costs the part it belongs to, never the mail: what was
 * understood is kept and `is_partial` says that there is more.
 */
#define IMAP_BODY_SECTION (4 * LIMIT_IMAP_DEPTH + 4) /* bytes of a section's name */

struct imap_part {
	char section[IMAP_BODY_SECTION]; /* "1.2", as BODY.PEEK[] wants it */
	unsigned inside; /* how many attached messages it lies in; 0: the mail itself */
	uint64_t size;   /* bytes, still transfer-encoded; 0: unknown.  Exchange estimates */

	/* All of these are empty when the server did not say; compare with text_ieq(). */
	struct text multipart;   /* subtype of the nearest multipart around it: "alternative" */
	struct text type;        /* "text" */
	struct text subtype;     /* "plain" */
	struct text charset;     /* parameter of the type: "utf-8" */
	struct text encoding;    /* "base64" */
	struct text disposition; /* "attachment" */
	struct text name; /* filename of the disposition, else name of the type; as sent, RFC 2047
			     and 2231 not undone */
	struct text id;   /* Content-ID, with its brackets */
};

struct imap_body {
	struct imap_part *parts; /* owned; slices point into the bytes that were parsed */
	size_t n_parts;
	bool is_partial; /* some of it passed LIMIT_IMAP_PARTS or _DEPTH, or could not be understood
			  */
};

/* Cannot fail and allocates nothing. */
void imap_body_init(struct imap_body *b);
void imap_body_clear(struct imap_body *b); /* safe on zeros; `b` is empty and usable again */

/*
 * Read one BODYSTRUCTURE value, parentheses included; what `b` held is gone.
 * The bytes are used up: escapes in quoted strings are undone where they
 * stand, so `at` must be writable and must live as long as `b`.
 * `max_literal`: of a literal at most this many bytes are there (imap_line.h).
 * Never fails: nothing understood is n_parts == 0 and is_partial.
 */
void imap_body_parse(struct imap_body *b, char *at, size_t len, size_t max_literal);

/* The first part whose type and subtype are these, not inside an attached message; NULL: none. */
const struct imap_part *imap_body_find(const struct imap_body *b, struct text type,
				       struct text subtype);

#endif
