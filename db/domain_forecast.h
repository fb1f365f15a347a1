#ifndef DB_DOMAIN_FORECAST_H
#define DB_DOMAIN_FORECAST_H

#include "base/outcome.h"
#include "db/pg.h"

/*
 * Secrets of domains whose end is near: told by the event `domain.reauth_forecast`, once when
 * they are within `far_s` seconds of it and once within `near_s`, by whichever broker looks
 * first.  As replyd_broker, across workspaces.
 */
struct domain_forecast {
	struct pg_tx tx;
	struct outcome outcome;
	int told;
	/* Of each that was told now: "far" or "near", and the RFC 3339 instant of its end. */
	void (*each)(struct domain_forecast *q, const char *domain, const char *stage,
		     const char *dies_at);
	void (*done)(struct domain_forecast *q);
};
int domain_forecast_start(struct pg *pg, struct domain_forecast *q, int64_t far_s, int64_t near_s,
			  void (*each)(struct domain_forecast *, const char *, const char *,
				       const char *),
			  void (*done)(struct domain_forecast *));

#endif
