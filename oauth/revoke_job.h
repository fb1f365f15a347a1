#ifndef OAUTH_REVOKE_JOB_H
#define OAUTH_REVOKE_JOB_H

#include "db/removal.h"
#include "oauth/broker_env.h"

/*
 * One removal that was taken, or one consent that no inbox has (db/loose_consent.h):
 * the refresh token is revoked at the provider (RFC 7009), and then every secret of
 * it is deleted.
 *
 *   asked at revoke_url --> revoked, or it never works --> written, over
 *                      \--> busy or away: given back, again later; the last try ends it
 *
 * What has nothing to be revoked there skips the first: an app password, one right
 * for a whole domain, a provider without a revoke_url, a consent that serves another
 * connection too.  A secret that does not open cannot be sent; it is deleted all the same.
 */
#define REVOKE_JOB_TRIES 9 /* about a quarter of an hour: 5 s, doubled up to 300 s */

void revoke_job_start(struct broker_env *env, const struct broker_claim *claim,
		      const struct removal_row *r);

/* How a provider's answer to a revocation is taken. */
enum revoke_said { REVOKE_DONE, REVOKE_NEVER, REVOKE_LATER };
enum revoke_said revoke_job_judge(const struct outcome *o, long status, const char *error,
				  const char **ret_reason);

#endif
