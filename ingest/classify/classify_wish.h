#ifndef INGEST_CLASSIFY_CLASSIFY_WISH_H
#define INGEST_CLASSIFY_CLASSIFY_WISH_H

#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_head.h"

/*
 * What a person wants who answered: intent, and with it the day asked for and
 * whom to write to instead.
 *
 *   new text -> sentences -> patterns of rules/intents.tsv -> the strongest
 *
 * Only the new text counts; the subject only where it says nothing and the mail
 * begins a conversation of its own (the mail that a mailto: unsubscribe sends).
 * A pattern inside a longer one of another meaning does not count ("interested"
 * in "not interested"), nor does one behind a negation.  An opt-out and a threat
 * need a pattern: no share of weaker signs makes one.
 */
struct classify_words {
	const struct mime_head *head;
	struct text subject; /* folded */
	struct buf *fresh;   /* new text, folded; line feeds of wrapped lines become blanks */
	struct text raw;     /* new text as it was written */
	int64_t received_at; /* unix seconds */
};

/* Sets intent, lang, followup_at and contact of a person's mail, and adds the rules that decided.
 */
void classify_wish_judge(const struct classify_words *w, struct classify_verdict *v);

#endif
