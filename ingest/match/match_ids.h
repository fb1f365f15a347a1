#ifndef INGEST_MATCH_MATCH_IDS_H
#define INGEST_MATCH_MATCH_IDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/match/match_body.h"
#include "ingest/mime/mime_dsn.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_id.h"

/*
 * Which Message-IDs a mail names, and how strongly each says "this is about
 * that outbound".  In order of strength; the same id may stand there twice, by
 * two methods, since every method that applies is recorded.  What else it names
 * is in match_names.h.
 */
enum match_method {
	MATCH_DSN_ORIGINAL, /* the mail that a delivery report returns */
	MATCH_IN_REPLY_TO,
	MATCH_REFERENCES,
	MATCH_EXCHANGE_PARENT, /* X-MS-Exchange-Parent-Message-Id: what triggered an automatic
				  answer */
	MATCH_GMAIL_THREAD,    /* the thread in which the inbox's own copy lies */
	MATCH_THREAD_INDEX,    /* the conversation of Thread-Index, MS-OXOMSG section 2.2.1.3 */
	MATCH_REPLY_TOKEN,     /* "rep+TOKEN@": it was answered to an address made for it */
	MATCH_BODY_ID,         /* a Message-ID in its text */
	MATCH_BODY_LINK,       /* a link in its text, which no other outbound has */
	MATCH_FROM_SUBJECT,    /* the prospect's address, and the subject */
	MATCH_FROM,            /* the prospect's address, and nothing else */
	MATCH_COMPANY,         /* somebody else of the prospect's company, and the subject */
	MATCH_COMPANY_ALONE,   /* the same, and nothing else; where the workspace wants it */
	MATCH_SELF, /* its own Message-ID is the outbound's: our own mail come back, no match */
	MATCH_METHODS
};

struct match_id {
	const char *id; /* normal form; belongs to the head, the report or the list */
	enum match_method method;
	double confidence; /* 0..1 */
};

struct match_ids {
	struct match_id at[LIMIT_MATCH_IDS];
	size_t n;
	char parent[MIME_ID]; /* what at[] may point to */
};

/* `dsn`: NULL when there is none (yet).  `ret` points into both and into itself. */
void match_ids_of(const struct mime_head *head, const struct mime_dsn *dsn, struct match_ids *ret);

/* And those that its text names; `ret` points into `body`. */
void match_ids_add_body(const struct match_body *body, struct match_ids *ret);

/* The normal form of an id as registered through the API or found in a mail: mime_id_normal(). */
size_t match_ids_normal(struct text raw, char ret[MIME_ID]);

const char *match_ids_method_name(enum match_method method); /* "dsn_original", "in_reply_to" ... */

/* Nothing but who wrote, or what it is called, says so: no thread, no id, no token. */
bool match_ids_is_weak(enum match_method method);

#endif
