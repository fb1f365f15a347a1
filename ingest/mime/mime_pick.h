#ifndef INGEST_MIME_MIME_PICK_H
#define INGEST_MIME_MIME_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/mime/mime_part.h"

/*
 * Which parts of a mail are worth fetching.  Bodies are never fetched whole:
 * the best text part, a calendar part, and of a report its status and the
 * original's headers.
 *
 * In: the leaves of BODYSTRUCTURE (RFC 3501 section 7.4.2) in order, flat.  A
 * message/rfc822 part is one leaf; its inner parts are not listed, or are
 * listed after it with longer section numbers.
 */
struct mime_part_info {
	struct text section;       /* "1.2" */
	struct text type, subtype; /* any case */
	struct text charset;       /* parameter; empty: none */
	struct text encoding;
	struct text disposition; /* "attachment", "inline"; empty: none */
	uint64_t size;           /* bytes as encoded */
};

enum mime_want {
	MIME_WANT_TEXT,     /* to mime_part_text() with `part`; all others to mime_report_read() */
	MIME_WANT_STATUS,   /* of a delivery report */
	MIME_WANT_ORIGINAL, /* headers of the mail that a report is about */
	MIME_WANT_FEEDBACK, /* of a complaint */
	MIME_WANT_RECEIPT,  /* that a mail was read */
	MIME_WANT_CALENDAR, /* perhaps the answer to an invitation */
};

#define MIME_PICK_MAX 6
#define MIME_SECTION  32

struct mime_pick_item {
	enum mime_want want;
	char section[MIME_SECTION]; /* for BODY.PEEK[section]<0.max_bytes> */
	struct mime_part part;      /* how to read what comes */
	size_t max_bytes;
};

struct mime_pick {
	struct mime_pick_item at[MIME_PICK_MAX];
	size_t n;
};

/* What the headers say (classify_head_pick_as()): people attach reports, too. */
enum mime_pick_as {
	MIME_PICK_AS_MAIL,    /* a person's, or nothing speaks for a report */
	MIME_PICK_AS_REPORT,  /* multipart/report, or it looks like a bounce or a complaint */
	MIME_PICK_AS_SERVERS, /* it may be a mail server's: a report if it has a status part */
};

/* Nothing to fetch (pictures only) gives n == 0. */
void mime_pick_parts(const struct mime_part_info *parts, size_t n, enum mime_pick_as as,
		     struct mime_pick *ret);

#endif
