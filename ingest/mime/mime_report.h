#ifndef INGEST_MIME_MIME_REPORT_H
#define INGEST_MIME_MIME_REPORT_H

#include "base/text.h"
#include "ingest/mime/mime_arf.h"
#include "ingest/mime/mime_calendar.h"
#include "ingest/mime/mime_dsn.h"
#include "ingest/mime/mime_mdn.h"
#include "ingest/mime/mime_pick.h"

/*
 * What the parts of a mail that programs wrote say, whatever the mail is: a
 * complaint, a receipt, an answer to an invitation.  Delivery reports have a room
 * of their own (mime_dsn.h), into which goes also whatever names the mail that it
 * is all about.  Zeroed: nothing was said.
 */
struct mime_report {
	struct mime_arf arf;
	struct mime_mdn mdn;
	struct mime_calendar calendar;
};

/* A part that mime_pick_parts() asked for, MIME_WANT_TEXT excepted.  `sender`: of the mail. */
void mime_report_read(struct mime_report *r, struct mime_dsn *dsn, struct text sender,
		      const struct mime_pick_item *item, struct text bytes);

#endif
