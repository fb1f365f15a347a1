#ifndef DB_STANDING_H
#define DB_STANDING_H

#include "base/rand.h"
#include "db/pg.h"

/*
 * What inboxes' standings are made of, over all workspaces, and where they are kept
 * (db/schema/0037_standing.sql).  The rules are rotation's (health, band, guard); here are typed
 * rows in and out.
 *
 * Instants are unix microseconds of PostgreSQL's clock; INT64_MIN: none.  Requests are embedded by
 * the caller; 0 and -errno as pg_tx_start().
 */
#define STANDING_ROWS 32 /* told at once */

struct standing_row {
	char workspace[RAND_UUID], inbox[RAND_UUID];
	char was[40]; /* PostgreSQL's own words: what standing_judge() compares */
	int64_t now_us;
	char band[16], reason[32];
	int64_t since_us, fit_us, until_us;
	/* Tallies that forget half in a half-life, as of now. */
	double sent, hard, blocked, complained, unsubscribed, replied;
	int64_t limits_7d, sent_7d, hard_7d, complained_7d, blocked_1h;
	int64_t bad_7d; /* bounces that are hard or blocks, and complaints */
	bool is_news;   /* a sign has moved no guard yet */
};

struct standing {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t n; /* of count: tallies added up; of due: rows; of judge: 1, or 0: another was
		      faster */
	bool has_changed; /* judge: the band is another one, and told (notify replyd_event) */
	struct standing_row rows[STANDING_ROWS];
	void (*done)(struct standing *q);
};
/* Add up to `most` tallies of sent mails. */
int standing_count_start(struct pg *pg, struct standing *q, int64_t most,
			 void (*done)(struct standing *));
/* Those to be judged: nobody looked for `every_ms`, or something bad was said. */
int standing_due_start(struct pg *pg, struct standing *q, uint64_t every_ms, int64_t half_life_s,
		       void (*done)(struct standing *));
/* `row` was judged; q->rows stay as they are, so that it may be one of them. */
struct standing_verdict {
	const char *band, *reason;
	int64_t since_us, fit_us, until_us;
	double score, confidence;
	double volume, stretch; /* 1: today's cap and gap stay; else they are multiplied */
	bool is_guarded;        /* what is news has moved a guard */
	const char *factors;    /* JSON array */
};
int standing_judge_start(struct pg *pg, struct standing *q, const struct standing_row *row,
			 const struct standing_verdict *v, void (*done)(struct standing *));

#endif
