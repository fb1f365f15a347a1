#ifndef OAUTH_CONNECT_JOB_H
#define OAUTH_CONNECT_JOB_H

#include "db/connect_link.h"
#include "oauth/broker_env.h"

/*
 * One claimed connect link, from the sealed code to an inbox that a worker can log in to.  What
 * comes of that login settles the link.
 *
 *   code exchanged --> whose account? --> inbox found or named --> all written --> over
 *        |   \______________\______________________________ failed, with words --> over
 *        \__ by device, and its person is not there yet: let go until the next poll --> over
 *
 * An app password skips the first two.  A provider that was busy for a moment is asked again;
 * both requests are over while the claim is ours, since a code is good once.
 */
void connect_job_start(struct broker_env *env, const struct broker_claim *claim,
		       const struct connect_link_work *w);

#endif
