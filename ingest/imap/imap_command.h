#ifndef INGEST_IMAP_IMAP_COMMAND_H
#define INGEST_IMAP_IMAP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/imap/imap_body.h"
#include "ingest/imap/imap_session.h"
#include "ingest/imap/imap_text.h"

/*
 * The words of every command that speaks of a mailbox: the one file to read to
 * know what replyd can do to one.  EXAMINE, never SELECT; BODY.PEEK, never
 * BODY.  RFC 3501 section 6.
 */
struct imap_asked {
	enum imap_command command;
	struct text raw;           /* EXAMINE, STATUS: the folder */
	struct imap_known known;   /* EXAMINE; zeros: nothing is known */
	int64_t since_unix_s;      /* SEARCH */
	uint32_t uid_from, uid_to; /* FETCH; uid_to UINT32_MAX: to the last */
	char section[IMAP_BODY_SECTION + 8];
	uint32_t max_bytes;
	bool is_partial; /* only the first bytes are asked for: <0.n> */
};

/* Must a folder be open for it? */
bool imap_command_needs_folder(enum imap_command command);

/* "1", "2.1", "2.MIME", "HEADER": a section that can be asked for.  RFC 3501 section 9. */
bool imap_command_is_section(struct text t);

/*
 * Write the whole command; `a->is_partial` is set as it was said.
 *   -EINVAL      see imap_session.h; nothing was written
 *   -EOPNOTSUPP  IDLE, LIST-STATUS or NOTIFY, and the server does not offer it
 */
int imap_command_write(struct imap_text *out, uint32_t tag, struct imap_asked *a,
		       const struct imap_means *means);

#endif
