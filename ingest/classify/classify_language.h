#ifndef INGEST_CLASSIFY_CLASSIFY_LANGUAGE_H
#define INGEST_CLASSIFY_CLASSIFY_LANGUAGE_H

#include "base/text.h"

/*
 * The language of a text, by its script, its frequent small words and the
 * letters that few languages have (rules/languages.tsv).
 *
 *   "Merci de me retirer"  "fr"
 *   "ok"                   ""     not certain: too little, or two languages fit
 *
 * A word counts for as much as few languages have it.  The first 600 bytes
 * decide; the time is linear in them.
 */
const char *classify_language_of(struct text raw); /* ISO 639-1, static; "": not certain */

/* ---- the table, which classify_rules holds ---- */

struct classify_lexicon;

struct classify_lexicon *classify_language_new(void);
void classify_language_free(struct classify_lexicon *l); /* NULL is fine */
/* Folded words and single letters, by blanks; more rows may follow for the same language.  NULL, or
 * what is wrong. */
const char *classify_language_add(struct classify_lexicon *l, const char *language,
				  const char *words);

#endif
