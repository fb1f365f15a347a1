#ifndef INGEST_MATCH_MATCH_PICK_H
#define INGEST_MATCH_MATCH_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/match/match_names.h"
#include "ingest/match/match_relation.h"

/*
 * From the keys of a mail and the outbounds that were found by them to the
 * list of matches, strongest first, each with its evidence.
 *
 * Own copies never match: a mail From the inbox itself is what the seller
 * sent, not what the prospect answered; nor does an outbound that comes back as
 * it went, from a list or by a copy to oneself.
 */
struct match_outbound {
	struct text id, prospect, sequence, step, inbox; /* as stored; borrowed */
	struct text address;                             /* the prospect's */
	const uint8_t *digest; /* by which it was found: KEYED_DIGEST bytes, one row per such key */
	int64_t sent_at;       /* unix seconds; 0: not known */
};

struct match {
	size_t outbound; /* index into the array that was given */
	enum match_method method;
	enum match_relation relation; /* of who wrote to whom was written to */
	double confidence;            /* 0..1 */
	char evidence[160];           /* "In-Reply-To names ab.1@mail.example" */
};

struct match_list {
	struct match at[LIMIT_MATCHES];
	size_t n;
};

struct match_mail {
	const struct mime_head *head;
	const struct text *own; /* addresses of the inbox and its aliases, any case */
	size_t n_own;
	int64_t received_at; /* unix seconds; 0: not known */
};

/*
 * Every (outbound, method) that applies is there once; of those that only who
 * wrote or the subject speaks for, the last one of each prospect and sequence,
 * and only if it had been sent by then.  Order: confidence, then the outbound
 * sent last, then the order of the array.
 */
void match_pick_all(const struct match_keys *keys, const struct match_mail *mail,
		    const struct match_outbound *found, size_t n_found, struct match_list *ret);

/* Nothing, or nothing but who wrote under which subject, says whom it concerns. */
bool match_pick_is_vague(const struct match_list *list);

/* Is this mail one that the inbox itself sent? */
bool match_pick_is_own(const struct mime_head *head, const struct text *own, size_t n_own);

#endif
