#ifndef INGEST_MIME_MIME_TYPE_H
#define INGEST_MIME_MIME_TYPE_H

#include "base/text.h"

/*
 * What a Content-Type field says (RFC 2045 section 5.1; parameters in pieces and
 * other charsets, RFC 2231).
 */
struct mime_type {
	char *type;        /* "multipart", lower case; NULL: no Content-Type */
	char *subtype;     /* "report", lower case */
	char *report_type; /* "delivery-status", lower case; NULL: none */
	char *method;      /* of text/calendar: "reply", lower case; NULL: none */
	char *charset;     /* lower case; NULL: none */
	char *boundary;    /* as written; NULL: none */
};

/* Cannot fail: of a field that says nothing, or is not there, all is NULL. */
void mime_type_read(struct text field, struct mime_type *ret);
/* Leaves all NULL; zeros are fine. */
void mime_type_clear(struct mime_type *t);

#endif
