#ifndef DB_QUOTA_DAY_H
#define DB_QUOTA_DAY_H

#include "base/rand.h"
#include "db/pg.h"

/*
 * The day of an inbox is opened: what is known of it (quota_facts()), and the caps that came of it
 * (quota_open(), db/schema/0025_rotation.sql).  Of several that open the same day one does.
 *
 * Instants are unix microseconds; INT64_MIN: none.  Requests are embedded by the caller; 0 and
 * -errno as pg_tx_start().
 */
#define QUOTA_DAYS 8 /* opened in one transaction */

struct quota_day {
	char inbox[RAND_UUID];
	char zone[64];
	int64_t starts_us, ends_us, opens_us, closes_us;
	bool is_open; /* as it should be: there is nothing to do */
	/* The policy. */
	char ramp[16];
	int cap_day, gap_s;
	double new_share;
	int ceiling_24h; /* 0: none is known */
	/* How it stands. */
	char band[16];
	int ramp_index;
	bool limit_hit; /* within the last day */
	/* The day before, as its row says; was_ends_us: INT64_MIN where there is none. */
	int64_t was_ends_us;
	int was_cap, was_used, external_24h;
};

struct quota_days {
	struct pg_tx tx;
	struct outcome outcome;
	int n;
	struct quota_day days[QUOTA_DAYS];
	void (*done)(struct quota_days *q);
};
/* `inboxes`: the first QUOTA_DAYS of them are looked at. */
int quota_day_read_start(struct pg *pg, struct quota_days *q, const char *workspace,
			 const char (*inboxes)[RAND_UUID], int n,
			 void (*done)(struct quota_days *));

/* What may be sent on it. */
struct quota_caps {
	int cap, cap_new, ramp_index;
	const char *bound; /* which limit gave the cap */
	uint64_t gap_ms;
};
struct quota_open {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct quota_open *q);
};
/* `days` as they were read, with the caps of each; the first QUOTA_DAYS of them. */
int quota_day_open_start(struct pg *pg, struct quota_open *q, const char *workspace,
			 const struct quota_day *days, const struct quota_caps *caps, int n,
			 void (*done)(struct quota_open *));

#endif
