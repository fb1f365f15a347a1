#ifndef SERVICES_CLI_DOMAIN_CHANGE_H
#define SERVICES_CLI_DOMAIN_CHANGE_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * The right for a whole domain, over the API: the secret stands in a file that only its owner can
 * read (the client's, or the JSON key file of a service account), and is tried before it is used.
 *
 *   replyd domain add --provider microsoft --tenant T --client-id C --secret-file F [--ends DAY]
 *   replyd domain add --provider gmail --check-address A --secret-file key.json
 *   replyd domain renew DOMAIN --secret-file F [--ends DAY]
 *   replyd domain remove DOMAIN
 *
 * 65: the secret is refused, or the domain is unknown; 75: it was not tried within half a minute.
 */
int domain_change_add(const struct settings *s, const struct options *o);
int domain_change_renew(const struct settings *s, const struct options *o);
int domain_change_remove(const struct settings *s, const struct options *o);

#endif
