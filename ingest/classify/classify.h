#ifndef INGEST_CLASSIFY_CLASSIFY_H
#define INGEST_CLASSIFY_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_dsn.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_pick.h"
#include "ingest/mime/mime_report.h"

/*
 * What kind of mail came back, how sure we are, and why.
 *
 *   classify_head()   from headers alone: how far the gate closes at first
 *   classify_full()   with the text and the delivery report: what the event says
 *
 * Order of decision: delivery report; complaint, read receipt and answer to an
 * invitation by their parts; mail servers in prose; the same three by words; automatic
 * reply by header, by subject prefix, by phrase with a second signal; what is left is
 * a human.  A human taken for a machine is the worst error, so weak signals never
 * decide alone.
 *
 * What cannot be taken back (bounce.hard, complaint, unsubscribe) needs a proof that the
 * mail is about one of ours, or that its sender is who it says.  Without, a bounce is
 * told as soft and a complaint as a reply; the wish of a reply is kept, since it may well
 * be true, and `is_unproven` keeps the gate from closing further than for any reply
 * (ladder_of).  "*.unproven" stands in the evidence.
 */
struct classify_input {
	const struct mime_head *head;
	struct text
		body; /* the whole text of the mail (mime_part_text); empty: not fetched or gone */
	struct text fresh; /* what is new in it (extract_cut): quoted words are not the writer's */
	const struct mime_dsn *dsn;       /* NULL: none */
	const struct mime_report *report; /* NULL: none */
	bool matched; /* at least one outbound was found; without, a human's mail is `unrelated` */
	bool matched_by_dsn; /* the original inside the report is one of our outbounds */
	bool is_known; /* it names one of our outbounds by an id or a thread: not From alone */
	bool is_head;  /* nothing but the headers is known yet */
	const char *authserv; /* struct provider_row; NULL: nobody vouches for its sender */
	int64_t received_at;  /* unix seconds: what "12 September" is relative to; INT64_MIN: not
			       * known, no day is read */
};

void classify_full(const struct classify_input *in, struct classify_verdict *ret);

/* Headers only; never `unrelated`.  Kinds are provisional: a bounce is CLASSIFY_BOUNCE_SOFT until
 * its report was read. */
void classify_head(const struct mime_head *head, struct classify_verdict *ret);

/* How far its parts are to be believed: is it a report, or may a mail server have sent it? */
enum mime_pick_as classify_head_pick_as(const struct mime_head *head);

/* Do the headers say that it is about another mail, whose headers are worth reading: a report of
 * whatever kind, a bounce, a complaint? */
bool classify_head_is_report(const struct mime_head *head);

#endif
