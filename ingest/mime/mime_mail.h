#ifndef INGEST_MIME_MIME_MAIL_H
#define INGEST_MIME_MIME_MAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_pick.h"

/*
 * A whole mail as bytes -> its headers and its leaves, as BODYSTRUCTURE would
 * list them (RFC 3501 section 7.4.2), for mails that come from a file.  What
 * comes from an inbox is never fetched whole.
 *
 *   bytes -> mime_mail_read() -> mime_pick_parts(info) -> mime_mail_part()
 *
 * Nothing can fail.  Line ends may be CRLF, LF or CR alone; an mbox line
 * "From ..." in front is passed over.  A message that is attached is one leaf, and
 * only of a delivery report that another report wraps are the parts listed behind
 * it; a multipart without a part is a text.  Nothing of the mail is copied but its
 * headers: the bytes are the caller's and stay while the leaves are used.
 *
 * Time is linear: each of LIMIT_IMAP_DEPTH levels looks at a byte once, and no
 * part is looked for behind the last that is listed.
 */
struct mime_leaf {
	char section[MIME_SECTION], type[64], subtype[64], charset[MIME_CHARSET], encoding[32],
		disposition[32];
	struct text bytes; /* still encoded; of an attached message, from its first header on */
};

struct mime_mail {
	struct mime_head head;
	struct mime_leaf *leaf;      /* at most LIMIT_IMAP_PARTS, in order */
	struct mime_part_info *info; /* the same, for mime_pick_parts() */
	size_t n;
	bool is_partial; /* more parts, or deeper, than are listed */
	struct buf own;  /* the mail with other line ends, where its own are CR alone */
};

/* Cannot fail and allocates nothing. */
void mime_mail_init(struct mime_mail *m);
void mime_mail_clear(struct mime_mail *m);

/* What `m` held before is cleared; of `bytes`, at most LIMIT_MIME_MAIL are looked at.  They are
 * borrowed until mime_mail_clear(). */
void mime_mail_read(struct mime_mail *m, struct text bytes);

/* The bytes that an item of mime_pick_parts() asks for; empty: it is not there. */
struct text mime_mail_part(const struct mime_mail *m, const struct mime_pick_item *item);

#endif
