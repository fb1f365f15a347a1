#ifndef INGEST_IMAP_IMAP_PROOF_H
#define INGEST_IMAP_IMAP_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "ingest/imap/imap_caps.h"
#include "ingest/imap/imap_parse.h"
#include "ingest/imap/imap_text.h"
#include "ingest/imap/imap_verdict.h"

/*
 * The proof of freshness (imap_session_proof()): several commands that are one
 * step to the caller.
 *
 *   pipelined   r7 IDLE ... DONE r8 NOOP r9 STATUS.. r10 STATUS.. r11 IDLE
 *   else        DONE, r7 OK; r8 NOOP, r8 OK; ...; r11 IDLE when all is answered
 *
 * RFC 3501 section 5.5 allows the first: none of these answers can be taken
 * for another's, since each names its folder.  It is not done with a name that
 * must be a literal, whose "+" could be taken for that of IDLE.  Tagged
 * answers are taken in any order.
 *
 * A server that loses what stood behind DONE in one packet answers none of it:
 * after a while imap_proof_retry() says the rest again, one after the other.
 */
struct imap_proof;

/*
 * NULL: a name cannot be said, or there are too many.  `idle_tag`: of the IDLE that runs, 0: none
 * does.  `next_tag` is the first that was never used.
 */
struct imap_proof *imap_proof_new(const struct text *side, unsigned n, uint32_t idle_tag,
				  uint32_t next_tag, const struct imap_means *means);
void imap_proof_free(struct imap_proof *p); /* NULL is nothing */

/* Say what can be said now. */
void imap_proof_say(struct imap_proof *p, struct imap_text *out, const struct imap_means *means);

/* Is it the tag of something that is said and not answered? */
bool imap_proof_owns(const struct imap_proof *p, uint32_t tag);
/* The tagged answer to a part, and what it is worth. */
void imap_proof_answered(struct imap_proof *p, uint32_t tag, const struct imap_verdict *v);
/* "+": IDLE has begun, before the rest was answered perhaps; else it is nothing. */
void imap_proof_invited(struct imap_proof *p, struct imap_text *out);

/*
 * Time is over.  true: it was pipelined and what stood behind DONE was lost;
 * imap_proof_say() says the rest again.  false: the server is dead.
 */
bool imap_proof_retry(struct imap_proof *p);

bool imap_proof_has_answers(const struct imap_proof *p); /* to a part of it */
bool imap_proof_is_over(const struct imap_proof *p);     /* all but IDLE is answered */
uint32_t imap_proof_tag(const struct imap_proof *p);     /* the last one used */

/* What came of it. */
enum imap_proof_idle {
	IMAP_PROOF_IDLE_NONE,  /* none ran, none was said */
	IMAP_PROOF_IDLE_LATER, /* it is to be said now */
	IMAP_PROOF_IDLE_ASKED, /* it was said */
	IMAP_PROOF_IDLE_BEGUN, /* the server took it */
	IMAP_PROOF_IDLE_ENDED, /* the server refused it: imap_proof_idle_verdict() */
};
enum imap_proof_idle imap_proof_idle(const struct imap_proof *p);
const struct imap_verdict *imap_proof_idle_verdict(const struct imap_proof *p);
bool imap_proof_is_alive(const struct imap_proof *p);
uint32_t imap_proof_refused(const struct imap_proof *p);                   /* bit i: side[i] */
const struct imap_verdict *imap_proof_verdict(const struct imap_proof *p); /* of the first */

#endif
