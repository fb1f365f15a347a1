#ifndef INGEST_MIME_MIME_FIELDS_H
#define INGEST_MIME_MIME_FIELDS_H

#include <stddef.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/mime/mime_part.h"

/*
 * A block of "Name: value" lines cut into its fields (RFC 5322 section 2.2):
 * the headers of a mail, and each block of a delivery report (RFC 3464
 * section 2.1).
 */
struct mime_field {
	struct text name;  /* as written */
	struct text value; /* unfolded and trimmed; raw: any byte but CR, LF, NUL */
};

struct mime_fields {
	char *block;           /* what the fields point into */
	struct mime_field *at; /* at most LIMIT_MIME_FIELDS, in order */
	size_t n;
};

/* Cannot fail and allocates nothing. */
void mime_fields_init(struct mime_fields *f);
void mime_fields_clear(struct mime_fields *f);

/*
 * Read one block: up to its empty line or the end of `bytes`, of which at most
 * LIMIT_MIME_HEAD are looked at.  CRLF, LF, or nothing but CR as line end.
 * Lines that are no field are passed over.  Returns the bytes read, the empty
 * line included.
 */
size_t mime_fields_read(struct mime_fields *f, struct text bytes);

/* The first block of a part of a report: bytes as fetched, of which LIMIT_MIME_REPORT are looked
 * at; empty lines before it are passed over. */
void mime_fields_read_part(struct mime_fields *f, enum mime_encoding encoding, const void *bytes,
			   size_t n);

/* The nth of that name (folded case), from 0; at == NULL: there is none. */
struct text mime_fields_get(const struct mime_fields *f, const char *name, size_t nth);

#endif
