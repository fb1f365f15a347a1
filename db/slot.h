#ifndef DB_SLOT_H
#define DB_SLOT_H

#include "base/rand.h"
#include "db/pg.h"

/*
 * Slots in PostgreSQL: each call is one transaction, decided there under the locks of
 * db/schema/0025_rotation.sql, and may be repeated.
 *
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().  Texts of an answer are the
 * request's own, until it is started anew.
 */
#define SLOT_INBOXES 4   /* tried by one reserve */
#define SLOT_TEXT    256 /* of a Message-ID, a reason */
#define SLOT_NAME    201 /* of a sequence, a step, a prospect's key */

enum slot_word {
	SLOT_GIVEN,
	SLOT_REPLAYED,   /* the same question again: what became of that slot */
	SLOT_KEY_REUSED, /* the key was used for another question */
	SLOT_STOPPED,    /* nobody may write to this person: do not ask again */
	SLOT_HOLD,       /* not now; `until` */
	SLOT_NONE,       /* no inbox may; `until`, `why` is {"reason": inboxes} */
	SLOT_BEGUN,
	SLOT_EARLY,   /* not before `until` */
	SLOT_FENCED,  /* somebody else has it */
	SLOT_OVER,    /* `why`: expired, released, cancelled, or why its inbox may not send */
	SLOT_SETTLED, /* `why`: sent, failed, unknown */
	SLOT_UNKNOWN  /* there is none */
};

struct slot_ask {
	const char *key; /* of idempotency */
	const uint8_t *print;
	size_t print_len; /* of what was asked */
	const char *slot; /* a fresh uuid */
	const char *prospect, *address;
	const char *company; /* NULL: a free mail provider's, or not counted */
	const char *sequence, *step;
	const char *kind; /* "first", "follow_up", "manual" */
	const char *pool; /* NULL: none */
	const char (*inboxes)[RAND_UUID];
	int n_inboxes;                       /* at most SLOT_INBOXES, best first */
	int64_t not_before_us, not_after_us; /* INT64_MIN, INT64_MAX: any time */
	uint64_t horizon_ms, ttl_ms;
	double chance;           /* [0, 1): spreads the mails */
	bool waits;              /* for the locks of the first inbox, which then is the only one */
	const char *rebind_from; /* a conversation bound to this inbox goes on elsewhere; NULL */
};

struct slot_said {
	enum slot_word word;
	char why[SLOT_TEXT];
	int64_t until_us; /* INT64_MIN: none */
	char slot[RAND_UUID], inbox[RAND_UUID];
	char state[16];
	int64_t send_at_us, expires_at_us;
	int fence;
	char message_id[SLOT_TEXT],
		thread[SLOT_TEXT]; /* what it answers in its conversation; "": opens it */
};

struct slot_reserve {
	struct pg_tx tx;
	struct outcome outcome;
	struct slot_said said;
	void (*done)(struct slot_reserve *q);
};
int slot_reserve_start(struct pg *pg, struct slot_reserve *q, const char *workspace,
		       const struct slot_ask *ask, void (*done)(struct slot_reserve *));

/*
 * The mail leaves now; `said`: word, why, until, inbox, message_id.
 * `fresh_ms`: how old the proof of its inbox may be.  `outbound`: an item of outbound_register(),
 * kept for a sender that falls silent; NULL: none.
 */
struct slot_begin {
	struct pg_tx tx;
	struct outcome outcome;
	struct slot_said said;
	void (*done)(struct slot_begin *q);
};
int slot_begin_start(struct pg *pg, struct slot_begin *q, const char *workspace, const char *slot,
		     int fence, uint64_t fresh_ms, const char *outbound,
		     void (*done)(struct slot_begin *));

/* How it ended: `as` "sent", "failed", "unknown", "released"; `said`: word (SETTLED, FENCED,
 * UNKNOWN), and the state it has. */
struct slot_settle {
	struct pg_tx tx;
	struct outcome outcome;
	struct slot_said said;
	bool fresh; /* by this call */
	/* Of slot_sent_start(): "created", "repeated", "conflict", "unknown_inbox", "" (nothing was
	 * registered), and which; how many mails are looked at again for it. */
	char registered[16], outbound[RAND_UUID];
	int rechecks;
	void (*done)(struct slot_settle *q);
};
int slot_settle_start(struct pg *pg, struct slot_settle *q, const char *workspace, const char *slot,
		      int fence, const char *as, const char *message_id, const char *reason,
		      void (*done)(struct slot_settle *));
/* It is out, and what was sent is registered in the same transaction.  `outbound`: as above; NULL:
 * the one of begin. */
int slot_sent_start(struct pg *pg, struct slot_settle *q, const char *workspace, const char *slot,
		    int fence, const char *message_id, const char *outbound,
		    void (*done)(struct slot_settle *));
/* One slot as it is. */
struct slot_read {
	struct pg_tx tx;
	struct outcome outcome;
	bool found;
	char state[16], inbox[RAND_UUID], kind[16], reason[SLOT_TEXT];
	char prospect[SLOT_NAME], address[321], sequence[SLOT_NAME], step[SLOT_NAME];
	char message_id[SLOT_TEXT];
	int fence;
	bool raced; /* the stop came while it was on its way */
	int64_t send_at_us, expires_at_us, begun_us, settled_us; /* INT64_MIN: not yet */
	void (*done)(struct slot_read *q);
};
int slot_read_start(struct pg *pg, struct slot_read *q, const char *workspace, const char *slot,
		    void (*done)(struct slot_read *));

#endif
