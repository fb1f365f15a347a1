#ifndef INGEST_CLASSIFY_CLASSIFY_RULES_H
#define INGEST_CLASSIFY_CLASSIFY_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "ingest/classify/classify_cues.h"
#include "ingest/classify/classify_days.h"
#include "ingest/classify/classify_language.h"
#include "ingest/classify/classify_model.h"
#include "ingest/classify/classify_pattern.h"
#include "ingest/classify/classify_marks.h"
#include "ingest/classify/classify_sender.h"
#include "ingest/classify/classify_trie.h"
#include "ingest/classify/classify_verdict.h"

/*
 * The rules of classification, as data: which header, subject or phrase says
 * what, and how strongly.  The id of a rule shows up in the evidence.
 *
 *   headers.tsv  id header how value says weight
 *   words.tsv    place says weight id phrase
 *   ndr.tsv      says id phrase
 *   reasons.tsv  reason weight phrase
 *   statuses.tsv status weight reason
 *   senders.tsv  says where what (classify_sender.h)
 *   intents.tsv  id means weight pattern (classify_pattern.h)
 *   languages.tsv  language words
 *   quotes.tsv   what lang phrase: the words that part a mail (classify_marks.h)
 *   weights.tsv  word weights (classify_model.h)
 *   days.tsv     what language words value (classify_days.h)
 *
 * The tables stand in ingest/classify/rules and are part of the binary; a file
 * of the same name takes the place of one, without a rebuild.  Columns are
 * parted by one tab, '#' begins a comment line.  Phrases are written as mime_fold
 * writes them; one that is not would never be found, and is refused.
 *
 * A strong rule decides alone, a weak one only together with another from
 * another source, a hint never.
 */
enum classify_says {
	CLASSIFY_SAYS_HUMAN,       /* the mail says of itself that no machine sent it */
	CLASSIFY_SAYS_UNSUBSCRIBE, /* a person's program asks in his name to be left alone */
	CLASSIFY_SAYS_AUTO,        /* a machine answered */
	CLASSIFY_SAYS_NOTICE,    /* a machine sent it: perhaps of its own accord, or for a person */
	CLASSIFY_SAYS_ABSENCE,   /* somebody is away */
	CLASSIFY_SAYS_LEFT,      /* somebody does not come back, or a mailbox is given up */
	CLASSIFY_SAYS_TICKET,    /* a help desk made a case of it */
	CLASSIFY_SAYS_CHALLENGE, /* prove that you are human */
	CLASSIFY_SAYS_OTHER,     /* a machine answered, and it is none of these */
	CLASSIFY_SAYS_LIST,      /* sent to many */
	CLASSIFY_SAYS_BOUNCE,    /* a mail server speaks */
	CLASSIFY_SAYS_DELAY,     /* a mail server says that it is still trying */
	CLASSIFY_SAYS_COMPLAINT, /* somebody calls it spam */
	CLASSIFY_SAYS_READ,      /* a mail was read, or deleted */
	CLASSIFY_SAYS_CALENDAR,  /* about an invitation */
	CLASSIFY_SAYS_ACCEPTED,  /* an invitation is accepted; the next three likewise */
	CLASSIFY_SAYS_DECLINED,
	CLASSIFY_SAYS_TENTATIVE,
	CLASSIFY_SAYS_COUNTER,
	CLASSIFY_SAYINGS
};

/* A strong rule decides alone, a weak one together with one from another source; a hint decides
 * nothing, and says only which kind of machine it was. */
enum classify_weight {
	CLASSIFY_HINT,
	CLASSIFY_WEAK,
	CLASSIFY_STRONG,
	CLASSIFY_SURE, /* only of CLASSIFY_IN_SERVER: whenever it was said */
};

enum classify_how { CLASSIFY_HAS, CLASSIFY_IS, CLASSIFY_STARTS, CLASSIFY_CONTAINS };

struct classify_header_rule {
	const char *id, *header;
	enum classify_how how;
	const char *value; /* lower case; of CLASSIFY_HAS "-" */
	enum classify_says says;
	enum classify_weight weight;
};

struct classify_status_rule {
	const char *status; /* "x.1.1", "5.4.1", "x.7": what a status begins with; "521": a reply
			       code of SMTP */
	const char *reason;
	bool is_firm; /* words have nothing to say beside it */
};

enum classify_where {
	CLASSIFY_LOCAL_IS,
	CLASSIFY_LOCAL_STARTS,
	CLASSIFY_LOCAL_ENDS,
	CLASSIFY_LOCAL_HAS,
	CLASSIFY_NAME_STARTS,
	CLASSIFY_BARE_STARTS,
};

struct classify_sender_rule {
	enum classify_sender says;
	enum classify_where where;
	const char *what; /* lower case */
};

enum classify_place {
	CLASSIFY_IN_SUBJECT, /* at its front */
	CLASSIFY_INSIDE,     /* anywhere in the subject */
	CLASSIFY_IN_TEXT,    /* anywhere in the new text */
	CLASSIFY_IN_NDR,     /* at the front of a mail server's subject */
	CLASSIFY_IN_REPORT,  /* anywhere in the text of a report: what is told there, and of whom */
	CLASSIFY_IN_SERVER,  /* anywhere in what a mail server says: reasons */
	CLASSIFY_PLACES
};

/* What a phrase of CLASSIFY_IN_REPORT says; the last four: what had been said to the other server
 * when it answered (RFC 5321). */
enum classify_report {
	CLASSIFY_REPORT_SIGN,     /* only a mail server says so, or somebody who quotes one */
	CLASSIFY_REPORT_TRYING,   /* it is still tried */
	CLASSIFY_REPORT_DONE,     /* it was delivered */
	CLASSIFY_REPORT_RETURNED, /* the returned mail begins */
	CLASSIFY_REPORT_NAMED,    /* the address behind it is the recipient's */
	CLASSIFY_REPORT_OTHER,    /* the address behind it is somebody else's */
	CLASSIFY_REPORT_CONNECT,
	CLASSIFY_REPORT_MAIL,
	CLASSIFY_REPORT_RCPT,
	CLASSIFY_REPORT_DATA,
};

struct classify_word_rule {
	const char *id, *phrase;
	enum classify_place place;
	enum classify_says says;
	enum classify_weight weight;
	enum classify_report report; /* of CLASSIFY_IN_REPORT */
	const char *reason;          /* of CLASSIFY_IN_SERVER; NULL elsewhere */
};

enum classify_means {
	CLASSIFY_MEANS_INTENT,
	CLASSIFY_MEANS_COURTESY, /* greetings, thanks: what stands beside a word that stands alone
				  */
	CLASSIFY_MEANS_NEGATION,
	CLASSIFY_MEANS_NOTHING, /* looks like an intent and is none */
};

struct classify_intent_rule {
	const char *id;
	enum classify_means means;
	enum classify_intent intent; /* of CLASSIFY_MEANS_INTENT */
	unsigned weight;             /* 1..9; 0 where there is no intent */
	bool is_again; /* asks to get in touch at another time: with a day soon, an appointment */
};

/* The tables that hold now: those of the binary, unless others were taken. */
struct classify_rules;
const struct classify_rules *classify_rules_now(void);

const struct classify_header_rule *classify_rules_headers(const struct classify_rules *r,
							  size_t *ret_n);
const struct classify_status_rule *classify_rules_statuses(const struct classify_rules *r,
							   size_t *ret_n);
const struct classify_sender_rule *classify_rules_senders(const struct classify_rules *r,
							  size_t *ret_n);
const struct classify_word_rule *classify_rules_words(const struct classify_rules *r,
						      size_t *ret_n);
/* Patterns of intents.tsv, and the rule of a value that they gave. */
const struct classify_patterns *classify_rules_intents(const struct classify_rules *r);
const struct classify_intent_rule *classify_rules_intent(const struct classify_rules *r,
							 uint32_t value);
const struct classify_cues *classify_rules_cues(const struct classify_rules *r);
const struct classify_model *classify_rules_model(const struct classify_rules *r);
const struct classify_days *classify_rules_days(const struct classify_rules *r);
const struct classify_lexicon *classify_rules_languages(const struct classify_rules *r);
/* Of the rules of this place whose phrase stands at the front, the one that was written first;
 * NULL: none. */
const struct classify_word_rule *
classify_rules_front(const struct classify_rules *r, enum classify_place place, struct text folded);
/* All of them, in the order in which they stand in the text. */
struct classify_rules_walk {
	const struct classify_rules *rules;
	struct classify_trie_walk walk;
};
void classify_rules_start(struct classify_rules_walk *w, const struct classify_rules *r,
			  enum classify_place place, struct text folded);
const struct classify_word_rule *classify_rules_next(struct classify_rules_walk *w, size_t *ret_at);

/* The words that part a mail. */
const struct classify_marks *classify_rules_marks(const struct classify_rules *r);

/* ---- other tables than those of the binary ---- */

#define CLASSIFY_RULES_WHY 400

/* Names of the tables, "headers.tsv" ...; NULL-ended. */
const char *const *classify_rules_tables(void);

/*
 * Tables by name: those with `text.at` NULL stay as in the binary.  Read once,
 * at start, before the first mail: what classify_rules_now() gave before is gone.
 * -EINVAL: `why` names table, line, cause and remedy, and nothing changed.
 */
struct classify_rules_table {
	const char *name;
	struct text text;
};
int classify_rules_take(const struct classify_rules_table *tables, size_t n,
			char why[CLASSIFY_RULES_WHY]);

#endif
