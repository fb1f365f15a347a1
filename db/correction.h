#ifndef DB_CORRECTION_H
#define DB_CORRECTION_H

#include "base/buf.h"
#include "base/outcome.h"
#include "db/view.h"

/*
 * A mail as the API shows it, and what somebody says it really was
 * (db/schema/0017_correction.sql: message_reclassify()).
 *
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().
 */
enum correction_end {
	CORRECTION_MADE,
	CORRECTION_REPEATED,  /* the same request once more: the same answer */
	CORRECTION_UNCHANGED, /* it was that already; nothing was written */
	CORRECTION_NOT_FOUND,
	CORRECTION_PENDING,  /* it is still being read */
	CORRECTION_CONFLICT, /* the idempotency key was used for another request */
};

struct correction_ask {
	const char *message;     /* uuid, already checked */
	const char *key;         /* Idempotency-Key; NULL: none */
	const char *fingerprint; /* of the request, hex */
	const char *by;          /* uuid of the API key */
	const char *kind;        /* classify_kind_name() */
	const char *intent;      /* classify_intent_name(), "" for none; NULL: not said */
	int level;               /* what that closes, and why (ingest/ladder.h) */
	const char *reason;
	const char *event_type; /* which event would have told it */
};

struct correction_make {
	struct pg_tx tx;
	struct outcome outcome;
	enum correction_end end;
	struct buf
		json; /* the correction; "" where there is none; good until correction_make_clear */
	void (*done)(struct correction_make *q);
};
int correction_make_start(struct pg *pg, struct correction_make *q, const char *workspace,
			  const struct correction_ask *ask, void (*done)(struct correction_make *));
void correction_make_clear(struct correction_make *q); /* cancels, too */

/* The mail, where it was seen, and its corrections. */
int correction_view_message(struct pg *pg, struct view *v, const char *workspace,
			    const char *message, view_cb done);
/* Behind line `after`, at most `limit`: {"corrections":[...],"next":N}. */
int correction_view_all(struct pg *pg, struct view *v, const char *workspace, int64_t after,
			int64_t limit, view_cb done);

#endif
