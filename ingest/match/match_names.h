#ifndef INGEST_MATCH_MATCH_NAMES_H
#define INGEST_MATCH_MATCH_NAMES_H

#include <stdint.h>

#include "base/keyed.h"
#include "base/limits.h"
#include "base/mailaddr.h"
#include "ingest/match/match_ids.h"
#include "ingest/match/match_subject.h"

/*
 * What a mail names beside Message-IDs by which an outbound may be found: the
 * thread it lies in, a token in the address it was sent to, links in its text,
 * who wrote it under which subject.  And all of that, ids too, as the keyed digests by which
 * PostgreSQL is asked.
 *
 * The other side of the rendezvous makes the same names: of an outbound that is
 * registered (match_names_sent()), of its copy among the sent mails (the same
 * match_names_of()).
 */
#define MATCH_THREAD (2 * 16 + 1) /* the GUID of a Thread-Index in hex, and a NUL */
#define MATCH_TOKEN  65           /* 6 to 64 of a-z 0-9 . _ - and a NUL */

struct match_name {
	enum match_method method;
	double confidence; /* 0..1 */
	const char *shown; /* for the evidence: borrowed, or from the struct */
	struct text name;  /* what is digested */
};

struct match_names {
	struct match_name at[LIMIT_MATCH_NAMES];
	size_t n;
	/* what the others point to */
	char thread[MATCH_THREAD];
	char gmail[96];
	char tokens[LIMIT_MATCH_TOKENS][MATCH_TOKEN];
	char from[MAILADDR], subject[MATCH_SUBJECT];
	char domain[MAILADDR];
	char from_subject[MAILADDR + MATCH_SUBJECT], company[MAILADDR + MATCH_SUBJECT];
};

struct match_names_place {
	const char *inbox;   /* uuid; NULL: none, a file */
	const char *address; /* of the inbox; NULL: none */
	uint64_t
		gmail_thread; /* X-GM-THRID; 0: none.  Only this mailbox knows it by that number. */
};

/*
 * The weak names, by who wrote, are left out where a list or a newsletter sent
 * the mail (RFC 2919, 2369, 8058), or where nobody can be told from another.
 * `ret` points into `head` and into itself.
 */
void match_names_of(const struct mime_head *head, const struct match_names_place *p,
		    struct match_names *ret);

/* Did a list or a newsletter send it? */
bool match_names_is_of_list(const struct mime_head *head);

/* And links, in the normal form of match_body_link(): of a text, or of an outbound; borrowed. */
void match_names_add_links(const char (*links)[MATCH_LINK], size_t n, struct match_names *ret);

/* Of an outbound: to whom, under which subject (empty: not known), and its reply token (likewise).
 */
void match_names_sent(struct text address, struct text subject, struct text token,
		      struct match_names *ret);

/* A token as it is compared, lower case; false: it is none. */
bool match_names_token(struct text raw, char ret[MATCH_TOKEN]);
/* The conversation of a Thread-Index; false: it is none. */
bool match_names_thread(struct text raw, char ret[MATCH_THREAD]);

/* ---- as PostgreSQL is asked ---- */

struct match_key {
	enum match_method method;
	double confidence;
	const char *shown;
	uint8_t digest[KEYED_DIGEST];
};

struct match_keys {
	struct match_key at[LIMIT_MATCH_IDS + LIMIT_MATCH_NAMES];
	size_t n;
};

/* Either may be NULL; what is shown points to where they point. */
void match_names_keys(const struct match_ids *ids, const struct match_names *names,
		      const struct secret *workspace_key, struct match_keys *ret);

/* Is an unrelated mail's digest of it kept, for an outbound that is registered late? */
bool match_names_is_met(enum match_method method);
/* An id: one outbound has it, and no other can.  Else many may. */
bool match_names_is_unique(enum match_method method);

#endif
