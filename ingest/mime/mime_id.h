#ifndef INGEST_MIME_MIME_ID_H
#define INGEST_MIME_MIME_ID_H

#include <stddef.h>

#include "base/limits.h"
#include "base/text.h"

/*
 * The normal form of a Message-ID (RFC 5322 section 3.6.4): the one form that
 * is stored, digested and compared, whoever wrote the id down.
 *
 *   " <Ab.1@Mail.EXAMPLE> "  ->  "Ab.1@mail.example"
 *
 * Trimmed, without angle brackets, without the white space that folding leaves
 * inside; the local part keeps its case, the domain (after the last '@') is
 * lower case in ASCII.  Always valid UTF-8 without control bytes: a foreign
 * byte becomes U+FFFD.
 */
#define MIME_ID (LIMIT_MIME_ID + 1) /* bytes for a normal form and its NUL */

/* Bytes written without the NUL; 0 and an empty string: there is no id, or it is longer than
 * LIMIT_MIME_ID. */
size_t mime_id_normal(struct text raw, char ret[MIME_ID]);

/*
 * A header value that lists ids (In-Reply-To, References).  mime_id_list_next()
 * takes them one by one from the front: what stands in angle brackets, and when
 * there are none at all every word with an '@' in it, since some clients forget
 * them.
 */
struct mime_id_list {
	struct text rest;
	bool bare; /* no angle bracket anywhere: words are ids */
};

void mime_id_list_init(struct mime_id_list *l, struct text value);
/* true: an id, normalised, in `ret`; false: no more. */
bool mime_id_list_next(struct mime_id_list *l, char ret[MIME_ID]);

#endif
