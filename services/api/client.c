#include <string.h>

#include "services/api/client.h"

const struct oauth_provider *client_find(const struct api *api, const char *name)
{
	for (size_t i = 0; i < api->n_providers; i++)
		if (strcmp(api->providers[i].name, name) == 0)
			return &api->providers[i];
	return NULL;
}
