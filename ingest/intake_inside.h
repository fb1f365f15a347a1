#ifndef INGEST_INTAKE_INSIDE_H
#define INGEST_INTAKE_INSIDE_H

#include "base/backoff.h"
#include "db/arrival.h"
#include "db/attempt.h"
#include "db/recheck.h"
#include "db/sent.h"
#include "ingest/intake.h"
#include "ingest/intake_set.h"

/*
 * What the files of the intake share; for ingest/intake*.c only.
 *
 * intake.c decides what comes next; intake_ask.c asks PostgreSQL for it and makes of the
 * answer what it means for the mails.
 */

/* What we are waiting for, in life order. */
#define INTAKE_STATES(X)                                                                           \
	X(FILLING, "mails")                                                                        \
	X(STEPPING, "nothing")                                                                     \
	X(TAKING, "what it is looked at for")                                                      \
	X(FINDING, "look-up")                                                                      \
	X(CLOSING, "gate transaction")                                                             \
	X(KEEPING, "digests")                                                                      \
	X(NOTING, "own copies")                                                                    \
	X(BEGINNING, "an attempt")                                                                 \
	X(READING, "a part of a mail")                                                             \
	X(SETTLING, "event transaction")                                                           \
	X(ENDING, "the end of attempts")                                                           \
	X(RECHECKED, "recheck")                                                                    \
	X(RETRYING, "another try")                                                                 \
	X(OVER, "nothing more")                                                                    \
	X(FENCED, "its owner, the lease is lost")                                                  \
	X(STALE, "its owner, the folder is another")

enum intake_state {
#define INTAKE_STATE(name, words) INTAKE_##name,
	INTAKE_STATES(INTAKE_STATE)
#undef INTAKE_STATE
};

/* How far the watermarks of the batch are. */
enum intake_mark { MARK_NONE, MARK_GATED, MARK_INGESTED };

struct intake {
	struct intake_params p;
	struct intake_batch batch;
	struct intake_mail_place place;
	enum intake_state state;
	enum intake_mark mark, mark_sent;
	struct intake_set set;
	size_t found_upto;  /* mails before this one are in the look-up under way */
	size_t working;     /* the mail that is settled, or whose attempt begins */
	size_t noted;       /* own copies under way */
	uint32_t attempted; /* UID of the mail whose attempt stands in the table; 0: none does */
	bool is_alone;      /* the next event transaction is one by itself */
	bool is_taken;      /* it is known what the mails are looked at again for */
	unsigned n_events, n_set_aside, refusals;
	uint32_t set_asides[LIMIT_INTAKE_MAILS]; /* a mail is set aside once */
	struct backoff retry;
	uint64_t retry_at_ms;
	struct arrival_find find;
	struct arrival_keep keep;
	struct arrival_close close;
	struct arrival_settle settle;
	struct recheck_take take;
	struct recheck_done recheck;
	struct sent_seen sent;
	struct attempt_begin attempt;
	struct attempt_end ended;
};

void intake_enter(struct intake *in, enum intake_state state);
/* A start that failed is an answer too. */
void intake_started(struct intake *in, int r, enum intake_state state);
/* The answer came; may we go on?  Else the same step is tried again, or it is over. */
bool intake_went_well(struct intake *in, const struct outcome *o, bool fenced);
/* Every answer ends here: go on, and tell the owner, who may drop us. */
void intake_go_on(struct intake *in);

#endif
