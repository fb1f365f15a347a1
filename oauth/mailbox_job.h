#ifndef OAUTH_MAILBOX_JOB_H
#define OAUTH_MAILBOX_JOB_H

#include "db/domain_mailbox.h"
#include "oauth/broker_env.h"

/*
 * One claimed inbox that is reached by its domain's right, from the claim to the
 * statement that ends it.
 *
 *   app_only    a copy of the domain's token, sealed for this inbox --> saved
 *   delegated   a token asked for this mailbox --> saved | later | refused (it, or the whole
 *               domain)
 */
void mailbox_job_start(struct broker_env *env, const struct broker_claim *claim,
		       const struct domain_mailbox_row *row);

#endif
