#ifndef OAUTH_DOMAIN_ASK_H
#define OAUTH_DOMAIN_ASK_H

#include "oauth/broker_env.h"
#include "oauth/domain.h"

/* One request for a token by a domain's right, made and read.  Inside the broker only. */
struct domain_ask {
	enum preset_domain kind;
	char url[1024];
	struct secret user, password, body; /* the first two for HTTP Basic: app_only */
	struct secret sent;                 /* what may come back in the provider's words */
};

struct domain_ask_of {
	const char *provider, *tenant, *client_id;
	const struct secret *secret; /* the client's, or the service account's file */
	const char *mailbox;         /* delegated */
};
/*
 * NULL: `ret` is filled in; else the stable reason why it cannot be asked, and
 * `ret_why` (static) for people.  `ret` is cleared with domain_ask_clear().
 */
const char *domain_ask_make(const struct broker_env *env, const struct domain_ask_of *of,
			    struct domain_ask *ret, const char **ret_why);
void domain_ask_clear(struct domain_ask *a); /* safe on zeros */
/* `a` is borrowed until it is over. */
void domain_ask_request(const struct broker_env *env, const struct domain_ask *a,
			struct http_request *ret);
/* The answer and what it means; `ret_reason` static.  The provider is not judged by it: a domain's
 * client is not ours. */
enum domain_fault domain_ask_read(const struct domain_ask *a, const struct http_request *r,
				  struct grant_answer *ret_answer,
				  struct policy_answer *ret_verdict, const char **ret_reason);

#endif
