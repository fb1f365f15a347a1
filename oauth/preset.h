#ifndef OAUTH_PRESET_H
#define OAUTH_PRESET_H

#include <stddef.h>

#include "base/buf.h"

/*
 * What is known of each provider's OAuth: endpoints, scopes, habits.  Data, with
 * the source beside it (preset.c); a configuration then needs our client only,
 * and whatever it says by hand wins.
 *
 * Names are those of the provider table (ingest/provider).  "{tenant}" in an
 * address stands for the setting `tenant`, or for a domain grant's.
 */

/* One access for a whole domain, given by its administrator. */
enum preset_domain {
	PRESET_DOMAIN_NONE,
	PRESET_DOMAIN_APP_ONLY,  /* RFC 6749 section 4.4: one token opens every mailbox */
	PRESET_DOMAIN_DELEGATED, /* RFC 7523: a signed request per mailbox */
};

/* Texts are static; "" is: there is none. */
struct preset {
	const char *name;
	const char *authorize_url, *token_url, *device_authorization_url, *userinfo_url,
		*revoke_url, *issuer;
	const char *scopes, *required_scope, *authorize_params;
	const char *tenant; /* where the configuration names none; "" where there are none */
	const char *refresh_params; /* "redirect_uri": a refresh names it too; "" */
	enum preset_domain domain;
	const char *domain_token_url, *domain_scope, *admin_consent_url; /* may hold {client_id} */
};

const struct preset *preset_find(const char *name); /* NULL: nothing is known */
const struct preset *preset_rows(size_t *ret_n);

const char *preset_domain_name(enum preset_domain d); /* "", "app_only", "delegated" */

/*
 * Append `pattern` with its "{tenant}" and "{client_id}" filled in, percent-encoded.
 * -ENOBUFS; -EINVAL: it wants a tenant and there is none, or one that is no name or id.
 */
int preset_fill(const char *pattern, const char *tenant, const char *client_id, struct buf *ret);
/* Can it stand in an address: letters, digits, dots and dashes, at most 253? */
int preset_tenant_check(const char *tenant); /* 0; -EINVAL */

#endif
