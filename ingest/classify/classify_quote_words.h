#ifndef INGEST_CLASSIFY_CLASSIFY_QUOTE_WORDS_H
#define INGEST_CLASSIFY_CLASSIFY_QUOTE_WORDS_H

#include <stdbool.h>

#include "base/text.h"

/* What quotes look like in the languages of the world: tables over one folded line (mime_fold). */

enum classify_label {
	CLASSIFY_LABEL_NONE,
	CLASSIFY_LABEL_FROM,
	CLASSIFY_LABEL_DATE,
	CLASSIFY_LABEL_TO,
	CLASSIFY_LABEL_CC,
	CLASSIFY_LABEL_SUBJECT,
};

/* "From: ...", "*Von:* ...": which field of a quoted header block the line is. */
enum classify_label classify_quote_words_label(struct text line);

/* "-----Original Message-----": everything after it is quoted. */
bool classify_quote_words_is_original(struct text line);

/* "---------- Forwarded message ---------", "Begin forwarded message:" */
bool classify_quote_words_is_forward(struct text line);

/* Does an attribution line begin like this ("On ", "Am ")?  And does it hold a word for "wrote"? */
bool classify_quote_words_is_intro(struct text line);
bool classify_quote_words_has_verb(struct text line);

/* "CAUTION: This email originated from outside ...": what a gateway wrote over the mail. */
bool classify_quote_words_is_banner(struct text line);

/* "Sent from my iPhone", "Get Outlook for Android" */
bool classify_quote_words_is_mobile(struct text line);

#endif
