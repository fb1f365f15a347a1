#ifndef OAUTH_DEVICE_JOB_H
#define OAUTH_DEVICE_JOB_H

#include "db/connect_link.h"
#include "oauth/broker_env.h"

/* Gets the code of a link by device code (RFC 8628) and writes it where whoever made the link
 * reads it.  What comes after is connect_job's. */
void device_job_start(struct broker_env *env, const struct broker_claim *claim,
		      const struct connect_link_work *w);

#endif
