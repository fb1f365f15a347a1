#ifndef INGEST_CLASSIFY_CLASSIFY_MODEL_H
#define INGEST_CLASSIFY_CLASSIFY_MODEL_H

#include <stddef.h>

#include "base/text.h"
#include "ingest/classify/classify_intent.h"

/*
 * What the words of a text say for each intent, where no pattern says anything:
 * a linear model over words cut to six letters and pairs of them, whose weights
 * (rules/weights.tsv) tests/accuracy/train.mjs made from sentences of our own.
 *
 * Whole numbers are added, so the same text has the same answer everywhere.
 */
#define CLASSIFY_MODEL_INTENTS CLASSIFY_INTENT_NEUTRAL /* those behind CLASSIFY_INTENT_NONE */

struct classify_model;

struct classify_model *classify_model_new(void);
void classify_model_free(struct classify_model *m); /* NULL is fine */
/* NULL, or what is wrong with it.  `weights`: one for each intent, -127 to 127, by blanks. */
const char *classify_model_add(struct classify_model *m, const char *word, const char *weights);

/*
 * The intent that the words say, with the word that says it most; NEUTRAL where
 * two are too near each other, or the words are unknown.
 */
enum classify_intent classify_model_ask(const struct classify_model *m, struct text folded,
					struct text *ret_word);

#endif
