#ifndef INGEST_MIME_MIME_HEAD_H
#define INGEST_MIME_MIME_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/mime/mime_fields.h"
#include "ingest/mime/mime_type.h"

/*
 * What the header block of a mail says (RFC 5322, 2045, 2047, 3834).
 *
 *   bytes -> mime_head_read() -> struct mime_head
 *
 * Nothing in a header can make this fail: broken fields are read as far as
 * they go, missing ones are NULL or empty, a block that was cut in the middle
 * gives what stands before the cut.  All text is valid UTF-8 without NUL and
 * without control bytes, and belongs to the struct until mime_head_clear().
 */

#define MIME_NO_DATE INT64_MIN

struct mime_address {
	char *address; /* "ann@mail.example"; its domain by hostname_ascii() */
	char *name;    /* display name, decoded; NULL: none */
};

struct mime_ids {
	char **at; /* normal form of mime_id.h */
	size_t n;
};

struct mime_addresses {
	struct mime_address *at;
	size_t n;
};

enum mime_path {
	MIME_PATH_ABSENT,
	MIME_PATH_NULL, /* "Return-Path: <>": a machine sent it, RFC 5321 section 4.5.5 */
	MIME_PATH_ADDRESS,
};

struct mime_head {
	struct mime_fields fields; /* raw; mime_head_field() */
	size_t length;             /* bytes of the block, its empty line included */

	char *message_id; /* normal form; NULL: none */
	struct mime_ids in_reply_to;
	struct mime_ids references; /* oldest first; the LAST LIMIT_MIME_IDS of them, nearest to
				       this mail */
	struct mime_address from;   /* the first mailbox of From, else Sender; address NULL: none */
	struct mime_addresses reply_to;
	struct mime_addresses
		to; /* To, then Cc, then Delivered-To and X-Original-To: for knowing own copies */
	struct mime_addresses failed; /* X-Failed-Recipients (Exim, Gmail) */
	char *subject;                /* decoded, white space runs are one space; "" when none */
	int64_t date;                 /* unix seconds; MIME_NO_DATE: none or unreadable */
	enum mime_path return_path;
	char *auto_submitted; /* RFC 3834, lower case, comments and parameters kept: "auto-replied
				 (vacation)"; NULL: none */
	char *precedence;     /* lower case; NULL: none */
	char *auto_suppress;  /* X-Auto-Response-Suppress, lower case; NULL: none */
	struct mime_type type;
	char *encoding; /* Content-Transfer-Encoding, lower case; NULL: none */
};

/* Cannot fail and allocates nothing. */
void mime_head_init(struct mime_head *h);
void mime_head_clear(struct mime_head *h);

/*
 * Read a header block: up to its empty line or the end of the bytes, of which
 * at most LIMIT_MIME_HEAD are looked at.  CRLF, LF and CR line ends.  What `h`
 * held before is cleared.
 */
void mime_head_read(struct mime_head *h, const void *bytes, size_t n);

/*
 * What can be told of a block over which GMime may die: the fields themselves, the
 * ids, the addresses as they stand (the first of each field), a subject that is not
 * encoded.  No date, no type.
 */
void mime_head_glance(struct mime_head *h, const void *bytes, size_t n);

/* The nth field of that name (folded case), from 0; empty text with at == NULL: there is none. */
struct text mime_head_field(const struct mime_head *h, const char *name, size_t nth);
bool mime_head_has(const struct mime_head *h, const char *name);

/* A date-time (RFC 5322 section 3.3) as unix seconds; MIME_NO_DATE: none, or not between 1970 and
 * 2200. */
int64_t mime_head_date(struct text raw);

/* "multipart/report", and with `report_type` not NULL also its report-type. */
bool mime_head_is_type(const struct mime_head *h, const char *type, const char *subtype,
		       const char *report_type);

#endif
