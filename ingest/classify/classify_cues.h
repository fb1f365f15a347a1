#ifndef INGEST_CLASSIFY_CLASSIFY_CUES_H
#define INGEST_CLASSIFY_CLASSIFY_CUES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/*
 * Short lists of words that stand beside what is looked for: before a name,
 * around a date, in the line of a phone.  What each list is for stands in
 * ingest/classify/rules/cues.tsv.
 */
enum classify_cue {
	CLASSIFY_CUE_CONTACT,
	CLASSIFY_CUE_TITLE,
	CLASSIFY_CUE_PARTICLE,
	CLASSIFY_CUE_INCLUSIVE,
	CLASSIFY_CUE_DAY_NAME,
	CLASSIFY_CUE_UNTIL,
	CLASSIFY_CUE_STAND_IN,
	CLASSIFY_CUE_SPAN_BEFORE,
	CLASSIFY_CUE_MONTH_BEFORE,
	CLASSIFY_CUE_MONTH_MIDDLE,
	CLASSIFY_CUE_MONTH_END,
	CLASSIFY_CUE_ABBREVIATION,
	CLASSIFY_CUE_PAST,
	CLASSIFY_CUE_DEVICE,
	CLASSIFY_CUES
};

struct classify_cues;

struct classify_cues *classify_cues_new(void);
void classify_cues_free(struct classify_cues *c);
/* Names of the lists as in the table; NULL-ended. */
const char *const *classify_cues_names(void);
/* `word` is borrowed. */
void classify_cues_add(struct classify_cues *c, enum classify_cue which, const char *word);

/* In the order of the table. */
const char *const *classify_cues_of(const struct classify_cues *c, enum classify_cue which,
				    size_t *ret_n);
/* One of the words: is it `t`; does `t` begin with it (ASCII case aside); does it stand in `t`,
 * where classify_phrase_in() sees it? */
bool classify_cues_is(const struct classify_cues *c, enum classify_cue which, struct text t);
bool classify_cues_starts(const struct classify_cues *c, enum classify_cue which, struct text t);
bool classify_cues_in(const struct classify_cues *c, enum classify_cue which, struct text t);

#endif
