#ifndef DB_QUOTA_H
#define DB_QUOTA_H

#include "base/rand.h"
#include "db/pg.h"

/*
 * What inboxes may send: the members of a pool as they stand, and the day of an
 * inbox, which begins when its midnight has passed there and somebody opens it.
 * The rules are rotation's; here are typed rows in and out (db/schema/0025_rotation.sql).
 *
 * Instants are unix microseconds of PostgreSQL's clock; INT64_MIN: none.
 * Requests are embedded by the caller; 0 and -errno as pg_tx_start().
 */
struct quota_member {
	char inbox[RAND_UUID];
	bool reserve;
	double weight;
	/* Words of the tables: inbox.admin_state, send_policy.sends, inbox_state.state,
	 * send_standing.band, inbox.provider. */
	const char *admin, *sends, *state, *band, *provider;
	bool suspended;
	int64_t limited_until_us;
	bool has_day; /* of now; else cap to closes_us say nothing */
	int cap, used, cap_new, used_new;
	int rolling_left, domain_left, tenant_left; /* INT_MAX: nothing is counted */
	int64_t rolling_lifts_us, domain_lifts_us, tenant_lifts_us;
	int64_t next_allowed_us, opens_us, closes_us, day_ends_us, picked_us;
};

struct quota_members {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t now_us;
	char provider_match[8]; /* of the pool; "" when there is none of that name */
	int n;
	/* Once per member, then `done`; texts are good inside the call only. */
	void (*each)(struct quota_members *q, const struct quota_member *m);
	void (*done)(struct quota_members *q);
};
/* `pool`: uuid. */
int quota_members_start(struct pg *pg, struct quota_members *q, const char *workspace,
			const char *pool,
			void (*each)(struct quota_members *, const struct quota_member *),
			void (*done)(struct quota_members *));
/* The one inbox, as if it were the only member of a pool. */
int quota_member_start(struct pg *pg, struct quota_members *q, const char *workspace,
		       const char *inbox,
		       void (*each)(struct quota_members *, const struct quota_member *),
		       void (*done)(struct quota_members *));

#endif
