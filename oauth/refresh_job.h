#ifndef OAUTH_REFRESH_JOB_H
#define OAUTH_REFRESH_JOB_H

#include "db/inbox_grant.h"
#include "oauth/broker_env.h"

/*
 * One claimed grant, from the claim to what comes of it.
 *
 *   asking the provider --> saving what it gave, or refusing the grant, or letting the
 *                           claim go --> over
 *
 * What was given is saved however long PostgreSQL is away: the old refresh
 * token may be dead already.
 */
void refresh_job_start(struct broker_env *env, const struct broker_claim *claim,
		       const struct inbox_grant_row *row);

#endif
