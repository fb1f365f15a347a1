#ifndef INGEST_MATCH_MATCH_IDS_H
#define INGEST_MATCH_MATCH_IDS_H

#include <stddef.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/mime/mime_dsn.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_id.h"

/*
 * Which Message-IDs a mail names, and how strongly each says "this is about
 * that outbound".  In order of strength; the same id may stand there twice, by
 * two methods, since every method that applies is recorded.
 */
enum match_method {
	MATCH_DSN_ORIGINAL, /* the mail that a delivery report returns */
	MATCH_IN_REPLY_TO,
	MATCH_REFERENCES,
};

struct match_id {
	const char *id; /* normal form; belongs to the head or the report */
	enum match_method method;
	double confidence; /* 0..1 */
};

struct match_ids {
	struct match_id at[LIMIT_MATCH_IDS];
	size_t n;
};

/* `dsn`: NULL when there is none (yet).  `ret` points into both. */
void match_ids_of(const struct mime_head *head, const struct mime_dsn *dsn, struct match_ids *ret);

/* The normal form of an id as registered through the API or found in a mail: mime_id_normal(). */
size_t match_ids_normal(struct text raw, char ret[MIME_ID]);

const char *
match_ids_method_name(enum match_method method); /* "dsn_original", "in_reply_to", "references" */

#endif
