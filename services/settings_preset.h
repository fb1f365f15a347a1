#ifndef SERVICES_SETTINGS_PRESET_H
#define SERVICES_SETTINGS_PRESET_H

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

/* How a domain is opened at a provider; texts are borrowed from the settings or static. */
struct settings_domain {
	const char *access;    /* "app_only" or "delegated" */
	const char *token_url; /* may hold "{tenant}" */
	const char *scope;
	const char *admin_consent_url; /* likewise, and "{client_id}"; "": none */
};
/* By configuration, else by preset: our own client is not needed.  false: not there. */
bool settings_preset_domain(const struct settings *s, const char *provider,
			    struct settings_domain *ret);

#endif
