#ifndef DB_RESEAL_H
#define DB_RESEAL_H

#include "base/buf.h"
#include "base/vault.h"
#include "db/pg.h"

/*
 * Sealing anew what stands under an older master key, a few boxes at a time and
 * under everybody's feet: a box is replaced only while it is the one that was
 * read.  As the role that may write the group's boxes: replyd_broker for
 * `grant` and `token`, replyd_dispatch for `webhook`.
 */

/* Where boxes of a group stand. */
struct reseal_place {
	const char *group;
	const char *purpose; /* that its boxes are bound to */
	struct pg_stmt take, put, count;
};
/* The places of a group, from `at` = 0; NULL: there are no more. */
const struct reseal_place *reseal_place(const char *group, size_t at);
/* SQL of all boxes there are, by place: rows of (key_group, master_id, boxes).  Added to `b`, at
 * most 4 KB: its ceiling is the caller's to know. */
void reseal_boxes_sql(struct buf *b);

/* How many boxes of a place each master key has: `each` per key, then `done`. */
struct reseal_count {
	struct pg_tx tx;
	struct outcome outcome;
	void (*each)(struct reseal_count *q, unsigned id, int64_t boxes);
	void (*done)(struct reseal_count *q);
};
int reseal_count_start(struct pg *pg, struct reseal_count *q, const struct reseal_place *p,
		       void (*each)(struct reseal_count *, unsigned, int64_t),
		       void (*done)(struct reseal_count *));

#define RESEAL_BATCH 7 /* boxes in one transaction, beside its progress */

/* The next boxes of a place, by id, that do not stand under `to_id`.  Slices are good inside the
 * call only. */
struct reseal_box {
	const char *workspace, *id; /* uuid */
	const uint8_t *box;
	size_t n;
};
struct reseal_take {
	struct pg_tx tx;
	struct outcome outcome;
	unsigned to_id;
	bool is_ours; /* false: no rotation is under way, or another process works on it */
	int taken;
	void (*each)(struct reseal_take *q, const struct reseal_box *b);
	void (*done)(struct reseal_take *q);
};
int reseal_take_start(struct pg *pg, struct reseal_take *q, const struct reseal_place *p,
		      unsigned to_id, const char *instance, const char *after,
		      void (*each)(struct reseal_take *, const struct reseal_box *),
		      void (*done)(struct reseal_take *));

/* Put boxes back; what was written meanwhile by others stays. */
struct reseal_put {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct reseal_put *q);
};
void reseal_put_init(struct reseal_put *q);
void reseal_put_add(struct reseal_put *q, const struct reseal_place *p,
		    const struct reseal_box *old, const struct buf *box);
int reseal_put_start(struct pg *pg, struct reseal_put *q, const struct reseal_place *p, int moved,
		     void (*done)(struct reseal_put *));

/* A pass over all places of a group has ended. */
struct reseal_end {
	struct pg_tx tx;
	struct outcome outcome;
	bool is_over; /* false: another pass is needed */
	void (*done)(struct reseal_end *q);
};
int reseal_end_start(struct pg *pg, struct reseal_end *q, const char *group, int64_t unopened,
		     void (*done)(struct reseal_end *));

#endif
