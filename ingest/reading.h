#ifndef INGEST_READING_H
#define INGEST_READING_H

#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "ingest/classify/classify.h"
#include "ingest/extract/extract.h"
#include "ingest/match/match_ids.h"
#include "ingest/mime/mime_mail.h"

/*
 * One whole mail read without inbox and database: everything that can be said
 * of it by itself.  The same engines in the same order as behind an inbox, so
 * that what support people see is what the product would say.  Pure.
 *
 * Without a database nobody knows which mails are answers to ours: one that
 * names another mail, or quotes one, or whose subject says "Re:", is taken for
 * an answer.
 */
struct reading {
	struct mime_mail mail;
	struct mime_dsn dsn;
	struct mime_report report;
	struct buf text;                 /* of the best text part */
	struct buf links;                /* that it does not show, one a line */
	struct match_ids ids;            /* points into `mail` and `dsn` */
	struct match_body body;          /* what its text names */
	struct extract cut;              /* points into `text` */
	struct buf fresh;                /* what is new in it, joined */
	struct classify_verdict verdict; /* points into `report` */
};

void reading_init(struct reading *r);
void reading_clear(struct reading *r);
/* Cannot fail.  `received_at`: unix seconds; 0: the mail's own top Received field, else its Date.
 */
void reading_of(struct reading *r, struct text mail, int64_t received_at);
/* A text by itself, as if it were the body of an answer. */
void reading_of_text(struct reading *r, struct text text, int64_t received_at);

#endif
