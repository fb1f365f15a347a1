#ifndef INGEST_CLASSIFY_CLASSIFY_MARKS_H
#define INGEST_CLASSIFY_CLASSIFY_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/classify/classify_trie.h"

/*
 * Words that part a mail into what was newly written and what was not, in the
 * languages of the world (rules/quotes.tsv): over folded text (mime_fold).
 *
 *   FROM .. OTHER       labels of a header block; CLASSIFY_MARK_OTHER: one of no use
 *   INTRO, VERB         "On ... wrote:", the line over a quote
 *   ORIGINAL, FORWARD   separators between dashes
 *   BANNER              what a gateway writes over a mail
 *   DEVICE              "Sent from my ..."
 *   CLOSING, THANKS     how a letter ends; THANKS only when a name follows
 *   DISCLAIMER, LEGAL   how the small print begins, and words that stand in it
 */
enum classify_mark {
	CLASSIFY_MARK_FROM,
	CLASSIFY_MARK_DATE,
	CLASSIFY_MARK_TO,
	CLASSIFY_MARK_CC,
	CLASSIFY_MARK_SUBJECT,
	CLASSIFY_MARK_OTHER,
	CLASSIFY_MARK_INTRO,
	CLASSIFY_MARK_VERB,
	CLASSIFY_MARK_ORIGINAL,
	CLASSIFY_MARK_FORWARD,
	CLASSIFY_MARK_BANNER,
	CLASSIFY_MARK_DEVICE,
	CLASSIFY_MARK_CLOSING,
	CLASSIFY_MARK_THANKS,
	CLASSIFY_MARK_DISCLAIMER,
	CLASSIFY_MARK_LEGAL,
	CLASSIFY_MARKS
};

struct classify_marks;

struct classify_marks *classify_marks_new(void);
void classify_marks_free(struct classify_marks *m); /* NULL is fine */
/* `phrase`: folded, not empty. */
void classify_marks_add(struct classify_marks *m, enum classify_mark what, struct text phrase);
/* "from", "date", ... as the table calls them; NULL-ended. */
const char *const *classify_marks_names(void);

/* What stands at the front of `folded`: bits 1 << enum classify_mark, and the longest phrase of
 * each. */
struct classify_marks_front {
	uint32_t set;
	uint16_t len[CLASSIFY_MARKS]; /* good where the bit is set */
};
void classify_marks_front(const struct classify_marks *m, struct text folded,
			  struct classify_marks_front *ret);

/*
 * Phrases of VERB, LEGAL or INTRO wherever they stand: next() gives one after another, in order of
 * place, where it begins and how long it is; false: no more.
 */
void classify_marks_start(const struct classify_marks *m, enum classify_mark what,
			  struct text folded, struct classify_trie_walk *ret);
bool classify_marks_next(struct classify_trie_walk *w, size_t *ret_at, size_t *ret_len);

#endif
