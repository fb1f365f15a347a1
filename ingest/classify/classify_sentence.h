#ifndef INGEST_CLASSIFY_CLASSIFY_SENTENCE_H
#define INGEST_CLASSIFY_CLASSIFY_SENTENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * The sentences of folded text (mime_fold).  A full stop behind an abbreviation
 * or within a number ends none; the end of a line does, unless the line is long
 * enough to have been wrapped: its line feed is made a blank in the buffer.
 */
#define CLASSIFY_SENTENCES 96 /* what stands behind them is not judged */

struct classify_sentence {
	struct text words;
	bool is_question;
};

struct classify_sentences {
	struct classify_sentence at[CLASSIFY_SENTENCES];
	size_t n;
};

/* The slices point into `folded`. */
void classify_sentence_cut(struct buf *folded, struct classify_sentences *ret);

#endif
