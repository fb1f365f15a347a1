#ifndef INGEST_CLASSIFY_CLASSIFY_PROSE_H
#define INGEST_CLASSIFY_CLASSIFY_PROSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/text.h"
#include "ingest/classify/classify_reason.h"
#include "ingest/mime/mime_head.h"

/*
 * A report as people read it: which recipients it names and what it says of each.
 * There is no grammar but custom: servers begin a line with the address, stand
 * it alone on one, or name it behind words like "to" and "recipient".
 *
 *   text (LF lines) -> classify_prose_read() -> recipients, what was seen
 *
 * Linear in the text, of which LIMIT_CLASSIFY_PROSE bytes are read.
 */
#define CLASSIFY_PROSE_RECIPIENTS 32 /* a report of more says nothing new */

struct classify_prose_recipient {
	struct text address; /* as written, in the text that was read */
	size_t from, to;     /* lines of the folded text that speak of it */
	bool is_answer;      /* of a transcript: what led there stands before it */
};

struct classify_prose {
	struct text text;  /* the server's words: what stands before the returned mail */
	struct buf folded; /* the same, folded; lines stay lines */
	struct classify_prose_recipient at[CLASSIFY_PROSE_RECIPIENTS];
	size_t n;
	const char *sign;          /* id of the rule that only a server's words fit; NULL: none */
	const char *trying;        /* id of the rule that says it is still tried; NULL: none */
	const char *done;          /* id of the rule that says it was delivered; NULL: none */
	enum classify_stage stage; /* of the first answer; CLASSIFY_STAGE_NONE: not told */
};

void classify_prose_init(struct classify_prose *p); /* allocates nothing */
void classify_prose_clear(struct classify_prose *p);

/*
 * `head`: of the report; `original`: of the returned mail, NULL for none.  Who is
 * named there as sender, or as the one who gets the report, is nobody's recipient.
 */
void classify_prose_read(struct classify_prose *p, struct text text, const struct mime_head *head,
			 const struct mime_head *original);

/*
 * What the report says of the nth recipient, folded and in one line, into `ret`: his lines and all
 * others that name him.  `n` past the last: all of the report.
 */
void classify_prose_words(const struct classify_prose *p, size_t n, struct buf *ret);

/* The lines about the nth recipient as they were written. */
struct text classify_prose_lines(const struct classify_prose *p, size_t n);

/* Do the lines of the nth recipient name him and say nothing, as in a list? */
bool classify_prose_is_bare(const struct classify_prose *p, size_t n);

/* The recipient with this address; SIZE_MAX: not named. */
size_t classify_prose_find(const struct classify_prose *p, struct text address);

/* What had been said to the other server when it answered this; CLASSIFY_STAGE_NONE: not told. */
enum classify_stage classify_prose_stage(struct text folded);

#endif
