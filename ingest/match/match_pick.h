#ifndef INGEST_MATCH_MATCH_PICK_H
#define INGEST_MATCH_MATCH_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/match/match_ids.h"

/*
 * From the ids a mail names and the outbounds that were found by them to the
 * list of matches, strongest first, each with its evidence.
 *
 * Own copies never match: a mail From the inbox itself is what the seller
 * sent, not what the prospect answered.
 */
struct match_outbound {
	struct text id, prospect, sequence, step, inbox; /* as stored; borrowed */
	struct text message_id; /* normal form; the id by which it was found, one row per such id */
	int64_t sent_at;        /* unix seconds; 0: not known */
};

struct match {
	size_t outbound; /* index into the array that was given */
	enum match_method method;
	double confidence;  /* 0..1 */
	char evidence[160]; /* "In-Reply-To names ab.1@mail.example" */
};

struct match_list {
	struct match at[LIMIT_MATCHES];
	size_t n;
};

/*
 * `own`: addresses of the inbox and its aliases, any case.  Every (outbound,
 * method) that applies is there once.  Order: confidence, then the outbound
 * sent last, then the order of the array.
 */
void match_pick_all(const struct match_ids *ids, const struct mime_head *head,
		    const struct text *own, size_t n_own, const struct match_outbound *found,
		    size_t n_found, struct match_list *ret);

/* Is this mail one that the inbox itself sent? */
bool match_pick_is_own(const struct mime_head *head, const struct text *own, size_t n_own);

#endif
