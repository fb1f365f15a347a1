#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/weburl.h"
#include "oauth/preset.h"
#include "services/settings_preset.h"

#define GROUP  "provider"
#define SOURCE "preset"

static int refuse(char why[512], const char *provider, const char *setting, const char *said)
{
	(void)snprintf(why, 512, "provider.%s.%s: %s", provider, setting, said);
	return -EINVAL;
}

static int fill(struct settings *s, const char *provider, const char *setting, const char *value,
		char why[512])
{
	char name[CONF_GROUP_NAME + 64];

	if (!*value)
		return 0;
	(void)snprintf(name, sizeof(name), GROUP ".%s.%s", provider, setting);
	return conf_fill(s->conf, name, value, SOURCE, why);
}

/* An address, with the tenant in it. */
static int fill_url(struct settings *s, size_t i, const char *setting, const char *pattern,
		    char why[512])
{
	const struct settings_provider *p = conf_group_values(s->conf, GROUP, i);
	const char *name = conf_group_name(s->conf, GROUP, i);
	struct buf url;
	int r;

	buf_init(&url, 1024);
	r = preset_fill(pattern, p->tenant, "", &url);
	r = r < 0 ? refuse(why, name, "tenant",
			   "is no tenant; write common, organizations, consumers or the tenant's "
			   "id or domain")
		  : fill(s, name, setting, url.len ? (const char *)url.data : "", why);
	buf_clear(&url);
	return r;
}

static int apply_urls(struct settings *s, size_t i, const struct preset *known, char why[512])
{
	const struct settings_provider *p = conf_group_values(s->conf, GROUP, i);
	const struct {
		const char *setting, *pattern;
	} urls[] = {
		{ "authorize_url", known->authorize_url },
		{ "token_url", known->token_url },
		{ "device_authorization_url", known->device_authorization_url },
		{ "userinfo_url", known->userinfo_url },
		{ "revoke_url", known->revoke_url },
		{ "issuer", known->issuer },
	};

	if (*p->authorize_url || *p->token_url)
		return 0;
	for (size_t k = 0; k < countof(urls); k++)
		if (fill_url(s, i, urls[k].setting, urls[k].pattern, why))
			return -EINVAL;
	return 0;
}

static int apply(struct settings *s, size_t i, char why[512])
{
	const struct settings_provider *p = conf_group_values(s->conf, GROUP, i);
	const char *name = conf_group_name(s->conf, GROUP, i);
	const struct preset *known = preset_find(name);

	if (!known || !*p->client_id || strcmp(p->auth, "password") == 0)
		return 0;
	if (fill(s, name, "tenant", known->tenant, why) || apply_urls(s, i, known, why) ||
	    fill(s, name, "scopes", known->scopes, why) ||
	    fill(s, name, "required_scope", known->required_scope, why) ||
	    fill(s, name, "authorize_params", known->authorize_params, why) ||
	    fill(s, name, "refresh_params", known->refresh_params, why))
		return -EINVAL;
	return 0;
}

/* Microsoft answers a request for the scopes of two resources with AADSTS700022. */
static int check_scopes(const struct settings *s, size_t i, char why[512])
{
	const struct settings_provider *p = conf_group_values(s->conf, GROUP, i);
	struct text rest = text_of(p->scopes), one;
	struct weburl resource, first;
	size_t n = 0;

	if (text_ifind(text_of(p->token_url), TEXT("/oauth2/v2.0/token")) == SIZE_MAX)
		return 0;
	while (conf_list_next(&rest, &one)) {
		if (weburl_split(one, &resource) != 0)
			continue;
		if (n > 0 && !weburl_is_same_origin(&resource, &first))
			return refuse(why, conf_group_name(s->conf, GROUP, i), "scopes",
				      "names scopes of two resources; one request may hold those "
				      "of one only (AADSTS700022)");
		if (n++ == 0)
			first = resource;
	}
	return 0;
}

int settings_preset_apply(struct settings *s, char why[512])
{
	for (size_t i = 0; i < conf_n_groups(s->conf, GROUP); i++)
		if (apply(s, i, why) || check_scopes(s, i, why))
			return -EINVAL;
	return 0;
}

static const char *either(const char *by_hand, const char *known)
{
	return *by_hand ? by_hand : known;
}

static enum preset_domain access_of(const struct settings_provider *p, enum preset_domain known)
{
	if (strcmp(p->domain_access, "app_only") == 0)
		return PRESET_DOMAIN_APP_ONLY;
	if (strcmp(p->domain_access, "delegated") == 0)
		return PRESET_DOMAIN_DELEGATED;
	return strcmp(p->domain_access, "none") == 0 ? PRESET_DOMAIN_NONE : known;
}

bool settings_preset_domain(const struct settings *s, const char *provider,
			    struct domain_provider *ret)
{
	const struct preset *known = preset_find(provider);
	struct domain_provider d = { .token_url = "", .scope = "", .admin_consent_url = "" };

	if (known)
		d = (struct domain_provider){ known->name, known->domain, known->domain_token_url,
					      known->domain_scope, known->admin_consent_url };
	for (size_t i = 0; i < conf_n_groups(s->conf, GROUP); i++) {
		const struct settings_provider *p = conf_group_values(s->conf, GROUP, i);

		if (strcmp(conf_group_name(s->conf, GROUP, i), provider) != 0)
			continue;
		d.name = conf_group_name(s->conf, GROUP, i);
		d.kind = access_of(p, d.kind);
		d.token_url = either(p->domain_token_url, d.token_url);
		d.scope = either(p->domain_scope, d.scope);
		d.admin_consent_url = either(p->admin_consent_url, d.admin_consent_url);
	}
	if (d.kind == PRESET_DOMAIN_NONE || !*d.token_url)
		return false;
	*ret = d;
	return true;
}

size_t settings_preset_domains(const struct settings *s, struct domain_provider *ret, size_t max)
{
	size_t n = 0, n_known;
	const struct preset *known = preset_rows(&n_known);

	for (size_t i = 0; i < n_known && n < max; i++)
		n += settings_preset_domain(s, known[i].name, &ret[n]);
	for (size_t i = 0; i < conf_n_groups(s->conf, GROUP) && n < max; i++)
		if (!preset_find(conf_group_name(s->conf, GROUP, i)))
			n += settings_preset_domain(s, conf_group_name(s->conf, GROUP, i), &ret[n]);
	return n;
}
