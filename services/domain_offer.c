#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "services/domain_offer.h"
#include "services/settings_preset.h"
#include "services/settings_provider.h"

#define PROVIDERS_MAX 64

static bool refuse(struct domain_offer_refused *ret, const char *field, const char *why,
		   const char *remedy)
{
	*ret = (struct domain_offer_refused){ field, why, remedy };
	return false;
}

/* Tenants that stand for many: their tokens are for no mailbox in particular. */
static bool is_many_tenants(const char *tenant)
{
	return strcmp(tenant, "common") == 0 || strcmp(tenant, "organizations") == 0 ||
	       strcmp(tenant, "consumers") == 0;
}

static bool is_word(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static bool check_app_only(const struct domain_offer *o, bool is_renewal,
			   struct domain_offer_refused *ret)
{
	if (!is_renewal && (preset_tenant_check(o->tenant) || is_many_tenants(o->tenant)))
		return refuse(ret, "/tenant", "is not the id or a domain of one tenant",
			      "give the directory id, or a domain of the organisation");
	if (!is_renewal && !*o->client_id)
		return refuse(ret, "/client_id", "is missing",
			      "give the application's (client) id");
	if (secret_is_empty(&o->secret))
		return refuse(ret, "/client_secret", "is missing",
			      "give the value of the application's client secret");
	return true;
}

static bool check_delegated(const struct domain_provider *p, struct domain_offer *o,
			    bool is_renewal, struct domain_offer_refused *ret)
{
	struct domain_account a = { 0 };
	struct text local, domain;
	const char *why;
	struct buf url;
	int r;

	if (secret_is_empty(&o->secret))
		return refuse(ret, "/service_account_json", "is missing",
			      "give the JSON key file of the service account");
	if (!is_renewal && !*o->check_address)
		return refuse(ret, "/check_address", "is missing",
			      "give a mailbox of the domain for which the key is tried");
	buf_init(&url, 1024);
	r = preset_fill(p->token_url, o->tenant, o->client_id, &url);
	if (r == 0)
		r = domain_account_read(
			(struct text){ (const char *)o->secret.data, o->secret.len },
			(const char *)url.data, &a, &why);
	else
		why = "cannot be checked: domain_token_url wants a tenant";
	buf_clear(&url);
	if (r < 0)
		return refuse(ret, "/service_account_json", why,
			      "give the JSON key file as the provider made it");
	(void)snprintf(o->client_id, sizeof(o->client_id), "%s",
		       a.client_id[0] ? a.client_id : a.email);
	domain_account_clear(&a);
	if (!*o->tenant && *o->check_address &&
	    text_cut(text_of(o->check_address), '@', &local, &domain))
		(void)snprintf(o->tenant, sizeof(o->tenant), "%.*s", TEXT_ARG(domain));
	return true;
}

bool domain_offer_check(const struct settings *s, struct domain_offer *o, bool is_renewal,
			struct domain_provider *ret_provider, struct domain_offer_refused *ret)
{
	if (!settings_preset_domain(s, o->provider, ret_provider))
		return refuse(ret, "/provider", "opens no whole domains, as far as is known here",
			      "microsoft, gmail, or one of the configuration with "
			      "provider.<name>.domain_access and .domain_token_url");
	if (!is_word(o->client_id))
		return refuse(ret, "/client_id", "has characters that no id has", NULL);
	switch (ret_provider->kind) {
	case PRESET_DOMAIN_APP_ONLY:
		return check_app_only(o, is_renewal, ret);
	case PRESET_DOMAIN_DELEGATED:
		return check_delegated(ret_provider, o, is_renewal, ret);
	case PRESET_DOMAIN_NONE:
		break;
	}
	return false;
}

int domain_offer_ends(struct text said, int64_t now_s, int64_t *ret_unix_s)
{
	char text[CLOCK_TEXT];
	int64_t s, us;

	if (said.len == 0 || said.len >= sizeof(text))
		return -EINVAL;
	(void)snprintf(text, sizeof(text), "%.*s", TEXT_ARG(said));
	s = settings_provider_day(text);
	if (s < 0 && clock_from_rfc3339(text, &us) == 0)
		s = us / 1000000;
	if (s <= now_s)
		return -EINVAL;
	*ret_unix_s = s;
	return 0;
}

void domain_offer_clear(struct domain_offer *o)
{
	secret_clear(&o->secret);
	*o = (struct domain_offer){ 0 };
}

json_t *domain_offer_places(const struct settings *s)
{
	struct domain_provider all[PROVIDERS_MAX];
	size_t n = settings_preset_domains(s, all, PROVIDERS_MAX);
	json_t *places = json_object();

	for (size_t i = 0; i < n; i++) {
		const struct provider_row *row =
			provider_table_find(&s->providers, text_of(all[i].name));
		json_t *place;

		if (!*row->imap.host)
			continue;
		place = json_object();
		json_put_text(place, "host", text_of(row->imap.host));
		json_put_int(place, "port", row->imap.port);
		json_put_text(place, "security",
			      row->imap.security == PROVIDER_TLS ? TEXT("tls") : TEXT("starttls"));
		json_put(places, all[i].name, place);
	}
	return places;
}

void domain_offer_consent_url(const struct settings *s, const char *provider, const char *tenant,
			      const char *client_id, struct buf *ret)
{
	struct domain_provider p;

	if (settings_preset_domain(s, provider, &p) && *p.admin_consent_url)
		(void)preset_fill(p.admin_consent_url, tenant, client_id, ret);
}
