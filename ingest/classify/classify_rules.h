#ifndef INGEST_CLASSIFY_CLASSIFY_RULES_H
#define INGEST_CLASSIFY_CLASSIFY_RULES_H

#include <stddef.h>

#include "base/text.h"

/*
 * The rules of automatic mail, as data: which header, subject or phrase says
 * what, and how strongly.  The id of the rule shows up in the evidence.
 *
 * A strong rule decides alone, a weak one only together with another from
 * another source.  Phrases and subjects are written as mime_fold writes them.
 */
enum classify_says {
	CLASSIFY_SAYS_HUMAN,   /* the mail says of itself that no machine sent it */
	CLASSIFY_SAYS_AUTO,    /* a machine answered */
	CLASSIFY_SAYS_ABSENCE, /* a machine answered that somebody is away */
	CLASSIFY_SAYS_OTHER, /* a machine answered, and it is no absence: a ticket, someone who left
			      */
	CLASSIFY_SAYS_LIST,  /* sent to many */
	CLASSIFY_SAYS_BOUNCE, /* a mail server speaks */
	CLASSIFY_SAYS_DELAY,  /* a mail server says that it is still trying */
};

enum classify_weight { CLASSIFY_WEAK, CLASSIFY_STRONG };

enum classify_how { CLASSIFY_HAS, CLASSIFY_IS, CLASSIFY_STARTS, CLASSIFY_CONTAINS };

struct classify_header_rule {
	const char *id, *header;
	enum classify_how how;
	const char *value; /* lower case; NULL with CLASSIFY_HAS */
	enum classify_says says;
	enum classify_weight weight;
};

struct classify_phrase_rule {
	const char *id;
	const char *phrase; /* folded */
	enum classify_says says;
	enum classify_weight weight;
};

const struct classify_header_rule *classify_rules_headers(size_t *ret_n);
const struct classify_phrase_rule *
classify_rules_subjects(size_t *ret_n); /* at the front of the subject */
const struct classify_phrase_rule *
classify_rules_inside(size_t *ret_n); /* anywhere in the subject */
const struct classify_phrase_rule *classify_rules_phrases(size_t *ret_n); /* in the new text */
const struct classify_phrase_rule *
classify_rules_ndr(size_t *ret_n); /* at the front of a mail server's subject */

#endif
