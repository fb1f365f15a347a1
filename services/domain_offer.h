#ifndef SERVICES_DOMAIN_OFFER_H
#define SERVICES_DOMAIN_OFFER_H

#include <jansson.h>

#include "oauth/domain.h"
#include "services/settings.h"

/*
 * A right for a whole domain, as an administrator brings it by API or command line:
 * checked as far as that can be done without the provider.
 */
#define DOMAIN_OFFER_CLIENT LIMIT_OAUTH_ADDRESS

struct domain_offer {
	char provider[CONF_GROUP_NAME + 1];
	char tenant[256];
	char client_id[DOMAIN_OFFER_CLIENT];
	char check_address[LIMIT_OAUTH_ADDRESS]; /* lower case; "": none */
	struct secret secret;                    /* the client's, or the service account's file */
	int64_t ends_s;                          /* when it ends, unix; 0: nobody said */
};

/* What was refused: a field by its name in the API, what is wrong, what to do.  Static. */
struct domain_offer_refused {
	const char *field, *why, *remedy;
};
/*
 * Check and complete (a service account names its own client id; its tenant is the check
 * address's domain).  `is_renewal`: what stays the same is not brought again.  false: `ret` says
 * why not.
 */
bool domain_offer_check(const struct settings *s, struct domain_offer *o, bool is_renewal,
			struct domain_provider *ret_provider, struct domain_offer_refused *ret);
/* When a secret ends: a day ("2027-03-31") or an RFC 3339 instant, to come.  -EINVAL: it is none.
 */
int domain_offer_ends(struct text said, int64_t now_s, int64_t *ret_unix_s);
void domain_offer_clear(struct domain_offer *o); /* safe on zeros */
/* {provider: {host, port, security}} of all providers at which domains can be opened. */
json_t *domain_offer_places(const struct settings *s);
/* Append where the administrator agrees; nothing where the provider has no such page. */
void domain_offer_consent_url(const struct settings *s, const char *provider, const char *tenant,
			      const char *client_id, struct buf *ret);

#endif
