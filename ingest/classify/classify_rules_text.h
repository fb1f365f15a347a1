#ifndef INGEST_CLASSIFY_CLASSIFY_RULES_TEXT_H
#define INGEST_CLASSIFY_CLASSIFY_RULES_TEXT_H

#include "base/text.h"

/* The tables of rules as they were when the binary was built. */
struct text classify_rules_text_headers(void);
struct text classify_rules_text_words(void);
struct text classify_rules_text_ndr(void);
struct text classify_rules_text_reasons(void);
struct text classify_rules_text_statuses(void);
struct text classify_rules_text_senders(void);
struct text classify_rules_text_intents(void);
struct text classify_rules_text_languages(void);
struct text classify_rules_text_quotes(void);
struct text classify_rules_text_weights(void);
struct text classify_rules_text_days(void);
struct text classify_rules_text_cues(void);

#endif
