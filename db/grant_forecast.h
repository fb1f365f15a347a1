#ifndef DB_GRANT_FORECAST_H
#define DB_GRANT_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "db/connect_link.h"
#include "db/pg.h"

/*
 * When grants will die: the facts for the forecast, and what was made of them.
 * As replyd_broker, across workspaces.  Times are unix seconds of PostgreSQL's
 * clock; `now_s` comes with the rows.
 *
 * A forecast belongs to one consent (`granted_us`): what was made of an earlier
 * one is not written.
 */
struct grant_forecast_row {
	const char *workspace, *inbox; /* uuid */
	const char *provider, *address;
	int64_t granted_us;
	int64_t granted_at,
		used_at;         /* used_at: of the last token; the consent's when there is none */
	int64_t refresh_ends_at; /* 0: not said */
	int tokens;              /* refresh tokens that we had of this account */
	const char *dies_of;     /* what stands there; "" nothing */
	const char *told_of;     /* "reason/stage" told last; "" nothing */
	int64_t now_s;
};

struct grant_forecast_read {
	struct pg_tx tx;
	struct outcome outcome;
	int rows;
	void (*each)(struct grant_forecast_read *q, const struct grant_forecast_row *r);
	void (*done)(struct grant_forecast_read *q);
};
/* Those that are to be looked at again, the oldest `most` of them. */
int grant_forecast_read_start(struct pg *pg, struct grant_forecast_read *q, int most,
			      void (*each)(struct grant_forecast_read *,
					   const struct grant_forecast_row *),
			      void (*done)(struct grant_forecast_read *));

struct grant_forecast {
	char workspace[37], inbox[37];
	int64_t granted_us;
	const char *dies_of; /* "": nothing in sight */
	int64_t dies_at;     /* 0: nobody can say */
	int64_t again_s;
};
struct grant_forecast_write {
	struct pg_tx tx;
	struct outcome outcome;
	bool told; /* the event is new */
	void (*done)(struct grant_forecast_write *q);
};
/* What nobody needs to be told, many at once. */
int grant_forecast_write_start(struct pg *pg, struct grant_forecast_write *q,
			       const struct grant_forecast *f, int n,
			       void (*done)(struct grant_forecast_write *));
/* With the event and the link in it, in one statement; `told_of` is what was told, and is told
 * once. */
int grant_forecast_tell_start(struct pg *pg, struct grant_forecast_write *q,
			      const struct grant_forecast *f, const char *told_of,
			      const struct connect_link_again *link, const char *event,
			      const char *event_data, void (*done)(struct grant_forecast_write *));

#endif
