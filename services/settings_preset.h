#ifndef SERVICES_SETTINGS_PRESET_H
#define SERVICES_SETTINGS_PRESET_H

#include "oauth/domain.h"
#include "services/settings.h"

/*
 * What is known of a provider's OAuth (oauth/preset) under what the configuration says
 * of it by hand: as if the operator had written it, with the source "preset".
 *
 * The addresses come together or not at all: with an authorize_url or token_url by hand
 * the preset's are left out, since a code must not go to another server's token
 * endpoint.
 */

/* Before the providers are read.  -EINVAL, and `why` names the setting. */
int settings_preset_apply(struct settings *s, char why[512]);

/*
 * How a domain is opened at a provider, by configuration, else by preset: our own client is not
 * needed.  Texts are borrowed from the settings or static.  false: it cannot be.
 */
bool settings_preset_domain(const struct settings *s, const char *provider,
			    struct domain_provider *ret);
/* All of them; how many. */
size_t settings_preset_domains(const struct settings *s, struct domain_provider *ret, size_t max);

#endif
