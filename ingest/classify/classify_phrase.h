#ifndef INGEST_CLASSIFY_CLASSIFY_PHRASE_H
#define INGEST_CLASSIFY_CLASSIFY_PHRASE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/*
 * Phrases in folded text (mime_fold).  A phrase must begin where a word begins
 * when it begins with an ASCII letter or digit; where it ends is free, so that
 * one stem stands for its endings.
 */

/* Does one stand at the front?  Nothing of a word may go on behind it. */
bool classify_phrase_starts(struct text folded, const char *phrase);

/* Position of the first from `from` on; SIZE_MAX: not there. */
size_t classify_phrase_find(struct text folded, const char *phrase, size_t from);

bool classify_phrase_in(struct text folded, const char *phrase);

/* May a phrase begin at `at`: not in the middle of a word? */
bool classify_phrase_may_begin(struct text folded, size_t at);

#endif
