#ifndef OAUTH_DOMAIN_JOB_H
#define OAUTH_DOMAIN_JOB_H

#include "db/domain_grant.h"
#include "oauth/broker_env.h"

/*
 * One claimed domain grant: a secret that was brought is tried, or the token of all its
 * mailboxes is renewed.
 *
 *   asked --> saved | later | declined (the secret that was brought) | refused (the one in use)
 */
void domain_job_start(struct broker_env *env, const struct broker_claim *claim,
		      const struct domain_grant_row *row);

#endif
