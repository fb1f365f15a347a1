#ifndef INGEST_CLASSIFY_CLASSIFY_SIGNS_H
#define INGEST_CLASSIFY_CLASSIFY_SIGNS_H

#include <stdbool.h>

#include "base/text.h"
#include "ingest/classify/classify_prose.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/classify/classify_sender.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_head.h"

/*
 * Does a mail server speak?  What says so, from the headers, the subject and the
 * words; none of the weaker ones decides alone, since people write
 * "undeliverable", forward reports and are postmasters.
 */
struct classify_signs {
	bool report;    /* multipart/report, X-Failed-Recipients, the mark of Exchange */
	unsigned from;  /* set of enum classify_sender */
	bool machine;   /* null return path or Auto-Submitted */
	bool codes;     /* a code of SMTP stands in the text, or an enhanced status */
	bool status;    /* an enhanced status */
	bool answer;    /* both in a row: it quotes what a server answered */
	bool says_no;   /* "Auto-Submitted: no": a person sent it on */
	bool is_answer; /* "Re:", "Fwd:": a person's program wrote it */
	const struct classify_word_rule *subject; /* NULL: none */
	const char *words;                        /* rule id: what only a server says; NULL: none */
};

/* What the headers say, and nothing of the words; `subject` is folded. */
void classify_signs_of(const struct mime_head *h, struct text subject, struct classify_signs *ret);

/* Could it be a report, so that its words are worth reading?  Of most mail this is false. */
bool classify_signs_are_worth(const struct classify_signs *s);

void classify_signs_read(struct classify_signs *s, const struct classify_prose *prose);

/* Is it one, by the words as well; by its fields (RFC 3464), which a person may have attached. */
bool classify_signs_are_of_report(const struct classify_signs *s);
bool classify_signs_allow_fields(const struct classify_signs *s);

void classify_signs_tell(const struct classify_signs *s, const struct mime_head *h,
			 struct classify_verdict *v);

#endif
