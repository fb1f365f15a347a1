#ifndef DB_ENDPOINT_H
#define DB_ENDPOINT_H

#include "base/buf.h"
#include "db/pg.h"
#include "db/view.h"

/*
 * Where a workspace wants its events posted (db/schema/0022_lane.sql).  Secrets arrive sealed.
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().
 */
#define ENDPOINT_MOST 50 /* of one workspace: each costs places and a row per event */

/* What is set; a box with `at` NULL and `is_given` clears what was there. */
struct endpoint_sealed {
	bool is_given;
	const void *at;
	size_t n;
};
struct endpoint_set {
	/* JSON: any of url, label, types, inbox_ids, concurrency, rate_per_s, timeout_ms, batch,
	 * hold_for_s, state. */
	const char *fields;
	struct endpoint_sealed headers, client;
};

struct endpoint_call {
	struct pg_tx tx;
	struct outcome outcome;
	bool is_other; /* it is not as it is known, or not there: nothing was changed */
	bool is_there; /* false: there is no such endpoint; of a new one: there are ENDPOINT_MOST */
	struct buf none; /* inboxes that it names and the workspace does not have; "" */
	struct buf json; /* the endpoint as it is now */
	void (*done)(struct endpoint_call *q);
};

int endpoint_create_start(struct pg *pg, struct endpoint_call *q, const char *workspace,
			  const char *endpoint, const struct endpoint_set *set, const void *sealed,
			  size_t sealed_len, void (*done)(struct endpoint_call *));
/* `known`: ETags by spaces, one of which it must have; NULL: whatever it has. */
int endpoint_change_start(struct pg *pg, struct endpoint_call *q, const char *workspace,
			  const char *endpoint, const char *known, const struct endpoint_set *set,
			  void (*done)(struct endpoint_call *));
void endpoint_call_clear(struct endpoint_call *q); /* cancels, too */

/* The rest answer JSON, or that there is no such endpoint. */
int endpoint_show(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
		  view_cb done);
int endpoint_list(struct pg *pg, struct view *v, const char *workspace, view_cb done);
int endpoint_remove(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
		    const char *known, view_cb done);
/* Until when the secret before signs, too. */
int endpoint_rotate(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
		    const void *sealed, size_t sealed_len, int64_t both_for_s, view_cb done);
/* A `webhook.test` for it alone, under the id `event`. */
int endpoint_test(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
		  const char *event, view_cb done);
int endpoint_dead_letters(struct pg *pg, struct view *v, const char *workspace,
			  const char *endpoint, int64_t after, int64_t limit, view_cb done);

struct endpoint_replay {
	const char *replay, *endpoint; /* uuid */
	const char *what;              /* "event", "dead", "range" */
	const char *event;             /* uuid, or NULL */
	const char *types;             /* JSON, or NULL: all */
	int64_t from_us, to_us;        /* INT64_MIN: none */
	const char *asked;             /* digest of all that */
};
/* {"problem": "" | "disabled" | "no event", ...the replay}; it may be one that runs already. */
int endpoint_replay_start(struct pg *pg, struct view *v, const char *workspace,
			  const struct endpoint_replay *r, view_cb done);
int endpoint_replay_show(struct pg *pg, struct view *v, const char *workspace, const char *endpoint,
			 const char *replay, view_cb done);

#endif
