#ifndef INGEST_IMAP_IMAP_ANSWER_H
#define INGEST_IMAP_IMAP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "ingest/imap/imap_body.h"
#include "ingest/imap/imap_command.h"
#include "ingest/imap/imap_parse.h"
#include "ingest/imap/imap_session.h"

/*
 * What a server's untagged data means for the command that runs and for the
 * folder that is open.  RFC 3501 section 7: data may come at any time, asked
 * for or not.
 */
enum imap_opened_state { IMAP_OPENED_NONE, IMAP_OPENED_SOON, IMAP_OPENED };

struct imap_opened {
	enum imap_opened_state state;
	uint32_t uidvalidity, uidnext, exists;
	uint64_t highestmodseq;
	bool is_uid_unsticky;
};

struct imap_answer {
	struct imap_asked asked;
	struct imap_opened opened;
	uint32_t lowest, found; /* SEARCH */
	unsigned rounds;        /* SEARCH: how often it went on below a MESSAGELIMIT */
	unsigned lost;          /* FETCH: mails that it told of, and nobody knows what */
	bool is_short;          /* the server stopped at its MESSAGELIMIT */
	bool is_utf8;           /* of the session: names are UTF-8 (RFC 6855) */
	bool is_notified;       /* of the session: folders are told of unasked (RFC 5465) */
	struct imap_body body;  /* of the message last told */
	struct buf name;        /* of the folder last told, in UTF-8 */
};

void imap_answer_init(struct imap_answer *a);
void imap_answer_clear(
	struct imap_answer *a); /* gives back what the last event needed, forgets all */

/* Give back the memory of the last event. */
void imap_answer_rest(struct imap_answer *a);

/* A command begins. */
void imap_answer_expect(struct imap_answer *a, const struct imap_asked *asked);
/*
 * Its tagged answer came with OK.  true: the server stopped at its MESSAGELIMIT
 * (RFC 9738); what `asked` says now is what is left of a search, uid_to 0 if
 * that is nothing.
 */
bool imap_answer_limited(struct imap_answer *a, const struct imap_resp *r);
/* Its tagged answer came.  true: `ret` is what it leaves to say (EXAMINED, LOWEST_UID). */
bool imap_answer_ended(struct imap_answer *a, bool is_ok, struct imap_event *ret);

/*
 * One untagged response, except BYE and those of the entrance.  true: `ret` is
 * filled.  `max_literal`: imap_lex.h.
 */
bool imap_answer_heard(struct imap_answer *a, const struct imap_resp *r, size_t max_literal,
		       struct imap_event *ret);

#endif
