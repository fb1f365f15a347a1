#ifndef INGEST_MIME_MIME_DSN_H
#define INGEST_MIME_MIME_DSN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_part.h"

/*
 * What a delivery report says (RFC 3464; codes RFC 3463).
 *
 *   message/delivery-status                     -> mime_dsn_read_status()
 *   message/rfc822 or text/rfc822-headers       -> mime_dsn_read_original()
 *
 * The fields are what MTAs really write: "rfc/822;", a space before the colon,
 * angle brackets, missing types.  Nothing can fail.
 */
enum mime_action {
	MIME_ACTION_NONE, /* the field is missing or unknown */
	MIME_ACTION_FAILED,
	MIME_ACTION_DELAYED,
	MIME_ACTION_DELIVERED,
	MIME_ACTION_RELAYED,
	MIME_ACTION_EXPANDED,
};

#define MIME_STATUS 12 /* "5.1.1" and a NUL; three digits at most in the last two places */

struct mime_dsn_recipient {
	char *final;    /* address; NULL: not named */
	char *original; /* address as the sender wrote it, before forwarding; NULL: not named */
	enum mime_action action;
	char status[MIME_STATUS]; /* ""; none */
	char *diagnostic;         /* Diagnostic-Code without its type, unfolded; NULL: none */
	char *comment;            /* behind the status, "(unknown user)"; NULL: none */
	bool will_retry;          /* Will-Retry-Until is there */
};

struct mime_dsn {
	char *reporting_mta; /* NULL: not named */
	char *original_id;   /* X-Original-Message-ID of Exchange, or from the text; normal form;
				NULL: none */
	struct mime_dsn_recipient *rcpt; /* at most LIMIT_MIME_RECIPIENTS */
	size_t n_rcpt;
	struct mime_head original; /* headers of the mail that bounced */
	bool has_original;         /* a mail was returned, not only told of */
};

void mime_dsn_init(struct mime_dsn *d);
void mime_dsn_clear(struct mime_dsn *d);

/* Bytes as fetched, still in their transfer encoding.  A second call of the same kind replaces
 * recipients and original; reporting_mta and original_id are whose that named them first. */
void mime_dsn_read_status(struct mime_dsn *d, enum mime_encoding encoding, const void *bytes,
			  size_t n);
void mime_dsn_read_original(struct mime_dsn *d, enum mime_encoding encoding, const void *bytes,
			    size_t n);

/*
 * For a report that says in words what others say in parts (qmail, Exim, all
 * before RFC 3464): its text, by mime_part_text().  What the parts have told
 * already stays.  Fields of RFC 3464 in the text become recipients, the headers
 * of the returned mail become `original` (mime_returned), and where only a
 * "Message-ID:" line is left of them, original_id.
 */
void mime_dsn_read_text(struct mime_dsn *d, struct text text);

/* Another part of the report names the mail it is about (RFC 8098 section 3.2.5); `id` in any
 * form, empty: it does not.  An id that stands already stays. */
void mime_dsn_name_original(struct mime_dsn *d, struct text id);

/* Anything read at all? */
bool mime_dsn_is_empty(const struct mime_dsn *d);

const char *mime_dsn_action_name(enum mime_action action); /* "failed", ...; "" for none */

#endif
