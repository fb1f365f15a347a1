#ifndef INGEST_CLASSIFY_CLASSIFY_PATTERN_H
#define INGEST_CLASSIFY_CLASSIFY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Patterns over one sentence of folded text (mime_fold), all looked for in one pass.
 *
 *   remove (me|us) .. list     pieces in this order, a few words between them
 *   intere*                    any ending
 *   (|please )stop             either, or nothing
 *   =stop                      and besides it only courtesy in its sentence
 *   ==no                       and besides it only courtesy in the whole text
 *   how does .. work?          the sentence is a question
 *
 * A piece begins and ends where a word does; scripts without blanks between
 * words, and those that join small words to the next, are taken anywhere.
 *
 * The pieces are one automaton (classify_automaton.h): a walk costs the length of
 * the sentence times the longest piece at the worst, and patterns that are not
 * there cost nothing.
 */
enum classify_pattern_scope {
	CLASSIFY_PATTERN_PART,     /* whatever stands around it */
	CLASSIFY_PATTERN_SENTENCE, /* "=" */
	CLASSIFY_PATTERN_TEXT,     /* "==" */
};

struct classify_pattern_hit {
	uint32_t value; /* as given to classify_pattern_add() */
	enum classify_pattern_scope scope;
	bool has_gap;    /* it has several pieces: other words may stand between them */
	size_t from, to; /* in the sentence; with everything between the pieces */
};

#define CLASSIFY_PATTERN_HITS 96 /* of one sentence; more say nothing new */

struct classify_pattern_found {
	struct classify_pattern_hit at[CLASSIFY_PATTERN_HITS];
	size_t n;
};

struct classify_patterns;

struct classify_patterns *classify_pattern_new(void);
void classify_pattern_free(struct classify_patterns *p); /* NULL is fine */

/* NULL, or what is wrong with it: "is not folded ...". */
const char *classify_pattern_add(struct classify_patterns *p, const char *pattern, uint32_t value);

/* Once, behind the last that is added and before the first that is looked for. */
void classify_pattern_compile(struct classify_patterns *p);

void classify_pattern_find(const struct classify_patterns *p, struct text sentence,
			   bool is_question, struct classify_pattern_found *ret);

#endif
