#ifndef SERVICES_API_CLIENT_H
#define SERVICES_API_CLIENT_H

#include "services/api/api.h"

/* The OAuth client that we are at a provider of the configuration; NULL: there is none (any more).
 */
const struct oauth_provider *client_find(const struct api *api, const char *name);

#endif
