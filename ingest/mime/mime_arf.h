#ifndef INGEST_MIME_MIME_ARF_H
#define INGEST_MIME_MIME_ARF_H

#include <stddef.h>

#include "base/limits.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_part.h"

/*
 * What a feedback report says (RFC 5965): somebody pressed "this is spam".
 *
 *   message/feedback-report                    -> mime_arf_read()
 *   headers of the mail that it is about       -> mime_arf_read_original()
 *
 * The second is for the reports of Microsoft (JMRP), which have no feedback part:
 * the returned mail says by a header of its own whose inbox it lay in.  Nothing
 * can fail.
 */
enum mime_arf_type {
	MIME_ARF_NONE, /* no report */
	MIME_ARF_ABUSE,
	MIME_ARF_FRAUD,
	MIME_ARF_VIRUS,
	MIME_ARF_OTHER,        /* whatever else is registered or written */
	MIME_ARF_OPT_OUT,      /* the reader wants no more of it */
	MIME_ARF_NOT_SPAM,     /* the reader says that it is none */
	MIME_ARF_AUTH_FAILURE, /* RFC 6591: a mail server's, about signatures; no reader's */
};

struct mime_arf {
	enum mime_arf_type type;
	char recipient[LIMIT_MIME_ADDRESS + 1]; /* who complained; "": not named, or blacked out */
};

/* Bytes as fetched, still in their transfer encoding.  What `a` held before is gone. */
void mime_arf_read(struct mime_arf *a, enum mime_encoding encoding, const void *bytes, size_t n);
/* Adds what only the returned mail tells; what the report itself said stays. */
void mime_arf_read_original(struct mime_arf *a, const struct mime_head *original);

const char *mime_arf_type_name(enum mime_arf_type type); /* "abuse", "opt-out"; "": no report */

#endif
