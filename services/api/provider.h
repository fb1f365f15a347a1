#ifndef SERVICES_API_PROVIDER_H
#define SERVICES_API_PROVIDER_H

#include "services/api/api.h"

/* A provider of the configuration by its name; NULL: there is none (any more). */
const struct oauth_provider *provider_find(const struct api *api, const char *name);

#endif
