#ifndef INGEST_MIME_MIME_CALENDAR_H
#define INGEST_MIME_MIME_CALENDAR_H

#include <stddef.h>

#include "base/text.h"
#include "ingest/mime/mime_part.h"

/*
 * What a calendar part says about an invitation (iTIP, RFC 5546; iCalendar, RFC
 * 5545): does somebody answer one, and how?  An invitation, a cancellation or a
 * published event is no answer.  Nothing can fail; lines are looked at once.
 */
enum mime_calendar_answer {
	MIME_CALENDAR_NONE, /* nobody answers */
	MIME_CALENDAR_ACCEPTED,
	MIME_CALENDAR_DECLINED,
	MIME_CALENDAR_TENTATIVE,
	MIME_CALENDAR_COUNTER, /* another time is proposed */
};

/* "2026-10-02T14:00:00Z" and a NUL */
#define MIME_CALENDAR_TIME 24

struct mime_calendar {
	enum mime_calendar_answer answer;
	/* RFC 3339 in UTC; of a time in a zone of its own without "Z": local there; of a whole day
	 * "2026-10-02"; "": not said.  Of a counter, the time that is proposed. */
	char starts_at[MIME_CALENDAR_TIME];
};

/*
 * Bytes as fetched, still in their transfer encoding.  `sender`: who sent the mail;
 * of several attendees that one answers, or else the first who has.  What `c` held
 * before is gone.
 */
void mime_calendar_read(struct mime_calendar *c, enum mime_encoding encoding, const void *bytes,
			size_t n, struct text sender);

const char *mime_calendar_answer_name(enum mime_calendar_answer a); /* "accepted" ...; "" */

#endif
