#ifndef INGEST_MIME_MIME_IDENTITY_H
#define INGEST_MIME_MIME_IDENTITY_H

#include <stdint.h>

#include "base/buf.h"
#include "ingest/mime/mime_head.h"

/*
 * The bytes whose digest is the identity of a mail (the digest is made with
 * base/sign, under the workspace's key).
 *
 * The same mail in two folders or two inboxes gives the same bytes; two
 * auto-replies that reuse one Message-ID do not, since From, Date and Subject
 * are in.  Each field is written with its length before it, so no two
 * different mails can be joined into the same bytes.  Without a Message-ID the
 * server's internal date and size are in as well.
 *
 * `internal_date`: unix seconds.  `size`: RFC822.SIZE, bytes.  `ret` needs a
 * ceiling of LIMIT_MIME_IDENTITY.
 */
void mime_identity_bytes(const struct mime_head *h, int64_t internal_date, uint64_t size,
			 struct buf *ret);

#endif
