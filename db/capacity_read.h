#ifndef DB_CAPACITY_READ_H
#define DB_CAPACITY_READ_H

#include "base/rand.h"
#include "db/pg.h"

/*
 * What rotation/capacity has to know of a day that was not opened: of every member of a pool, or of
 * one inbox, in the order of ids, as db/quota tells of them.
 *
 * Instants are unix microseconds; INT64_MIN: none.  0 and -errno as pg_tx_start().
 */
struct capacity_row {
	char inbox[RAND_UUID];
	/* Good inside the call only. */
	const char *address, *zone, *date; /* of the day there */
	const char *ramp, *band;
	const char *bound;   /* what gave the cap of the day that is open; "": none is */
	const char *factors; /* JSON */
	int ramp_index, cap_day;
	double cap_new_share, weight, score, confidence;
	int ceiling_24h, external_24h; /* 0: none */
	int held; /* of what the day that is open is charged: promised, and not known to be sent */
	bool limit_hit_yesterday, is_today;
	int64_t starts_us, opens_us, closes_us, ends_us;
};

struct capacity_read {
	struct pg_tx tx;
	struct outcome outcome;
	int n;
	void (*each)(struct capacity_read *q, const struct capacity_row *r);
	void (*done)(struct capacity_read *q);
};
/* `pool` or `inbox`: uuid, the other NULL; `day`: "2026-11-24" as the inboxes' own zones have it,
 * NULL: the day that it is there. */
int capacity_read_start(struct pg *pg, struct capacity_read *q, const char *workspace,
			const char *pool, const char *inbox, const char *day,
			void (*each)(struct capacity_read *, const struct capacity_row *),
			void (*done)(struct capacity_read *));

#endif
