#ifndef INGEST_MIME_MIME_MDN_H
#define INGEST_MIME_MIME_MDN_H

#include <stddef.h>

#include "ingest/mime/mime_id.h"
#include "ingest/mime/mime_part.h"

/*
 * What a read receipt says (RFC 8098 section 3.2): a message/disposition-notification
 * part.  Nothing can fail.
 */
enum mime_mdn_disposition {
	MIME_MDN_NONE, /* no receipt */
	MIME_MDN_DISPLAYED,
	MIME_MDN_DELETED, /* perhaps unread */
	MIME_MDN_OTHER,   /* dispatched, processed, denied, failed, or not said */
};

struct mime_mdn {
	enum mime_mdn_disposition disposition;
	char original_id[MIME_ID]; /* of the mail that was read, normal form; "": not named */
};

/* Bytes as fetched, still in their transfer encoding.  What `m` held before is gone. */
void mime_mdn_read(struct mime_mdn *m, enum mime_encoding encoding, const void *bytes, size_t n);

const char *mime_mdn_name(enum mime_mdn_disposition d); /* "displayed", "deleted", "other"; "" */

#endif
