#ifndef OAUTH_FORECAST_H
#define OAUTH_FORECAST_H

#include "oauth/connect.h"

/*
 * When a grant will die by itself, and what of.  Pure.
 *
 * Providers end consents by rules that they publish and do not announce.  What
 * is told before its end can be renewed in a minute; after it, mail goes unseen.
 *
 *   testing_ends        the client is not published: consents end after a week
 *   refresh_token_ends  the provider said how long the refresh token lives
 *   unused              nothing was refreshed for so long that it is forgotten
 *   token_limit         an account has nearly as many refresh tokens as it may: the oldest
 *                       dies with the next consent, nobody can say when
 *
 * A client's secret ends likewise (client_secret_ends); that is the operator's
 * to mend, never the user's.
 */
struct forecast_rules {
	int64_t testing_s; /* life of a consent while the client is in testing */
	int64_t unused_s;  /* without use; 0: not known */
	int token_limit;   /* refresh tokens per account and client; 0: not known */
};
/* By the host of the token endpoint, which tells who rules; never NULL. */
const struct forecast_rules *forecast_rules_of(const char *token_url);

struct forecast_grant {
	int64_t granted_at;      /* unix s: the user's last consent */
	int64_t used_at;         /* the last refresh, or granted_at */
	int64_t refresh_ends_at; /* as the provider said; 0: it did not */
	int tokens;              /* that we had from this account, in all inboxes of it */
};

/* FAR begins two weeks before the end, NEAR three days; of a short life half and a fifth. */
enum forecast_stage { FORECAST_NONE, FORECAST_FAR, FORECAST_NEAR };
#define FORECAST_FAR_S  ((int64_t)14 * 24 * 3600)
#define FORECAST_NEAR_S ((int64_t)3 * 24 * 3600)

struct forecast {
	enum forecast_stage stage;
	const char *reason; /* stable code; "" for FORECAST_NONE */
	int64_t dies_at;    /* unix s; 0: nobody can say */
	int64_t again_s;    /* look again in so many seconds: a minute to a day */
};

void forecast_of(const struct oauth_provider *p, const struct forecast_grant *g, int64_t now_s,
		 struct forecast *ret);
/* Of our client's secret; `dies_at` 0 when nobody said when it ends. */
void forecast_secret(const struct oauth_provider *p, int64_t now_s, struct forecast *ret);
const char *forecast_stage_name(enum forecast_stage s); /* "none", "far", "near" */

#endif
