#ifndef INGEST_MIME_MIME_PART_H
#define INGEST_MIME_MIME_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * One fetched body part -> text a person would read: transfer decoding (RFC
 * 2045 section 6), charset to UTF-8, HTML to lines, Unicode NFC, LF line ends.
 *
 * Nothing can fail: a byte that is not in its charset becomes U+FFFD, an
 * unknown or lying charset is read as UTF-8 where that fits and else as
 * windows-1252, a part that was cut ends where it was cut.
 */
enum mime_encoding { MIME_PLAIN, MIME_BASE64, MIME_QUOTED, MIME_UUENCODED };

enum mime_encoding
mime_part_encoding(struct text name); /* "base64", ...; whatever else there is: MIME_PLAIN */

#define MIME_CHARSET 48

struct mime_part {
	enum mime_encoding encoding;
	bool html;
	char charset[MIME_CHARSET]; /* as the mail names it; "": not named */
};

/* Undo the transfer encoding only (for delivery-status and embedded headers); cut at the ceiling of
 * `ret`. */
void mime_part_bytes(enum mime_encoding encoding, const void *bytes, size_t n, struct buf *ret);

/*
 * Append the text of the part to `ret`, whose ceiling (LIMIT_MIME_TEXT is
 * meant) cuts it between two characters.  Valid UTF-8 in NFC, no NUL, LF ends.
 * `links`: as mime_html_text().
 */
void mime_part_text(const struct mime_part *p, const void *bytes, size_t n, struct buf *ret,
		    struct buf *links);

#endif
