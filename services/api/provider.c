#include <string.h>

#include "services/api/provider.h"

const struct oauth_provider *provider_find(const struct api *api, const char *name)
{
	for (size_t i = 0; i < api->n_providers; i++)
		if (strcmp(api->providers[i].name, name) == 0)
			return &api->providers[i];
	return NULL;
}
