#ifndef DB_KEPT_ANSWER_H
#define DB_KEPT_ANSWER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/outcome.h"
#include "base/sign.h"
#include "db/pg.h"

/*
 * Requests that are carried out once: noted before, and their answers kept, for a day.
 *
 *   begin --> new --> keep          (answered: from then on it is given again)
 *              \----> let_go        (refused: it may be sent once more, and another in its place)
 */
#define KEPT_ANSWER_S    (24 * 3600)
#define KEPT_ANSWER_OVER 60 /* s; no call takes longer */

enum kept_answer_said {
	KEPT_ANSWER_NEW,   /* carry it out */
	KEPT_ANSWER_KEPT,  /* `status` and `sealed` */
	KEPT_ANSWER_OTHER, /* the key was used for another request */
	KEPT_ANSWER_BUSY,  /* it is under way */
	KEPT_ANSWER_LOST,  /* it was begun a while ago, and how it ended nobody knows */
};

struct kept_answer {
	struct pg_tx tx;
	struct outcome outcome;
	enum kept_answer_said said;
	int status;
	struct buf sealed;
	void (*done)(struct kept_answer *k);
};

/* Of one request; borrowed during the call. */
struct kept_answer_id {
	const char *workspace, *api_key, *request; /* uuid text */
	uint8_t digest[SIGN_SHA256], print[SIGN_SHA256];
};

/* Results as pg_tx_start(). */
int kept_answer_begin(struct pg *pg, struct kept_answer *k, const struct kept_answer_id *id,
		      void (*done)(struct kept_answer *));
int kept_answer_keep(struct pg *pg, struct kept_answer *k, const struct kept_answer_id *id,
		     int status, const struct buf *sealed, void (*done)(struct kept_answer *));
int kept_answer_let_go(struct pg *pg, struct kept_answer *k, const struct kept_answer_id *id,
		       void (*done)(struct kept_answer *));
void kept_answer_clear(struct kept_answer *k); /* cancels; safe on zeros */

#endif
