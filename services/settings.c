#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostname.h"
#include "base/limits.h"
#include "base/mem.h"
#include "services/settings.h"
#include "services/settings_preset.h"
#include "services/settings_provider.h"
#include "services/settings_table.h"

static int read_retries(struct settings *s, char why[512])
{
	struct text list = text_of(s->dispatch_retry), item;

	while (conf_list_next(&list, &item)) {
		if (s->n_retries == SETTINGS_RETRIES ||
		    conf_duration(item, &s->retry_ms[s->n_retries]) != 0) {
			(void)snprintf(why, 512,
				       "dispatch.retry: `%.*s` is no duration, or more than %d are "
				       "given; write `0s 5s 5m ...`",
				       TEXT_ARG(item), SETTINGS_RETRIES);
			return -EINVAL;
		}
		s->n_retries++;
	}
	if (s->n_retries)
		return 0;
	(void)snprintf(why, 512, "dispatch.retry: is empty; `0s` tries once");
	return -EINVAL;
}

static int fix_public_url(struct settings *s, char why[512])
{
	bool v6 = strchr(s->api_address, ':');
	char setting[300];

	if (*s->api_public_url || !s->api_port)
		return 0;
	(void)snprintf(setting, sizeof(setting), "api.public_url=http://%s%s%s:%lld", v6 ? "[" : "",
		       s->api_address, v6 ? "]" : "", (long long)s->api_port);
	return conf_set(s->conf, setting, why);
}

/* Links and the OAuth redirect are made by putting a path behind it. */
static int check_public_url(struct settings *s, char why[512])
{
	size_t n = strlen(s->api_public_url);
	const char *refused;

	while (n && s->api_public_url[n - 1] == '/')
		s->api_public_url[--n] = '\0';
	if (!n)
		return 0; /* api.port = 0: known once there is one */
	refused = connect_return_refused(s->api_public_url);
	if (!refused && strpbrk(strstr(s->api_public_url, "://") + 3, "/?"))
		refused = "has a path";
	if (!refused)
		return 0;
	(void)snprintf(
		why, 512,
		"api.public_url: %.200s %s; set it to https://host[:port] as browsers reach the "
		"API",
		s->api_public_url, refused);
	return -EINVAL;
}

/* c-ares takes the list as it is and says only that something is wrong with it. */
static int check_name_servers(const struct settings *s, char why[512])
{
	struct text list = text_of(s->net_name_servers), one;

	while (conf_list_next(&list, &one)) {
		struct text host = one, port = { 0 };
		uint64_t n;

		if (one.at[0] == '[') {
			(void)text_cut(text_sub(one, 1, one.len), ']', &host, &port);
			port = text_sub(port, port.len && port.at[0] == ':', port.len);
		} else if (memchr(one.at, '.', one.len)) {
			(void)text_cut(one, ':', &host, &port);
		}
		if (!port.len)
			port = TEXT("53");
		if (hostname_is_sane(host) && !hostname_is_name(host) &&
		    text_u64(port, 65535, &n) == 0 && n)
			continue;
		(void)snprintf(why, 512,
			       "net.name_servers: `%.*s` is no address of a name server; write "
			       "192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53",
			       TEXT_ARG(one));
		return -EINVAL;
	}
	return 0;
}

/* Where providers send browsers back to; some want to hear it with every refresh. */
static void fix_redirect(struct settings *s)
{
	struct buf b;

	buf_init(&b, sizeof(s->redirect_uri) - 1);
	s->redirect_uri[0] = '\0';
	if (*s->api_public_url && connect_redirect_uri(s->api_public_url, &b) == 0)
		(void)snprintf(s->redirect_uri, sizeof(s->redirect_uri), "%s",
			       (const char *)b.data);
	buf_clear(&b);
}

/* What depends on more than one setting. */
static int finish(struct settings *s, char why[512])
{
	if (netaddr_policy_parse(&s->policy, text_of(s->net_allow)) != 0) {
		(void)snprintf(
			why, 512,
			"net.allow: `%s` is not a list of networks; write `127.0.0.0/8, ::1/128`",
			s->net_allow);
		return -EINVAL;
	}
	if (s->ingest_lease_ms < 3 * s->ingest_heartbeat_ms) {
		(void)snprintf(
			why, 512,
			"ingest.lease: is shorter than three heartbeats (ingest.heartbeat); a "
			"healthy worker would lose its inboxes");
		return -EINVAL;
	}
	if (settings_preset_apply(s, why) != 0 || settings_provider_read(s, why) != 0 ||
	    check_name_servers(s, why) != 0 || settings_provider_rhythm(s, why) != 0)
		return -EINVAL;
	if (fix_public_url(s, why) != 0 || check_public_url(s, why) != 0)
		return -EINVAL;
	fix_redirect(s);
	return read_retries(s, why);
}

int settings_load(struct settings *s, const char *file, char *const *env, const char *const *sets,
		  size_t n_sets, char why[512])
{
	int r = 0;

	*s = (struct settings){ 0 };
	s->conf = conf_new(&settings_table, s);
	if (file)
		r = conf_read_file(s->conf, file, why);
	if (r == 0)
		r = conf_read_env(s->conf, env, why);
	for (size_t i = 0; r == 0 && i < n_sets; i++)
		r = conf_set(s->conf, sets[i], why);
	if (r == 0)
		r = finish(s, why);
	if (r)
		settings_clear(s);
	return r ? -EINVAL : 0;
}

int settings_fix_port(struct settings *s, uint16_t port)
{
	char why[CONF_WHY], setting[32];

	(void)snprintf(setting, sizeof(setting), "api.port=%u", port);
	if (conf_set(s->conf, setting, why) || fix_public_url(s, why))
		return -EINVAL;
	fix_redirect(s);
	return 0;
}

void settings_clear(struct settings *s)
{
	settings_provider_clear(s);
	conf_free(s->conf);
	s->conf = NULL;
}

void settings_print(const struct settings *s, FILE *out, bool as_json)
{
	struct buf b;

	buf_init(&b, LIMIT_CONF);
	if (conf_print(s->conf, as_json, &b) == 0)
		(void)fwrite(b.data, 1, b.len, out);
	buf_clear(&b);
}

void settings_write(const struct settings *s, const char *place, FILE *out)
{
	struct conf_at at = { 0 };
	struct buf b;

	buf_init(&b, LIMIT_CONF);
	conf_add_line(&b, "database.url", place);
	while (conf_next(s->conf, &at))
		if (at.is_set && !at.is_secret && strcmp(at.source, "default") != 0 &&
		    strcmp(at.name, "database.url") != 0)
			conf_add_line(&b, at.name, at.value);
	(void)fwrite(b.data, 1, b.len, out);
	buf_clear(&b);
}

size_t settings_providers(const struct settings *s, struct oauth_provider *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < conf_n_groups(s->conf, "provider") && n < max; i++) {
		const struct settings_provider *p = conf_group_values(s->conf, "provider", i);
		const char *name = conf_group_name(s->conf, "provider", i);
		const struct provider_row *row = provider_table_find(&s->providers, text_of(name));
		const char *auth = settings_provider_auth(s, i);

		if (!auth)
			continue;
		ret[n++] = (struct oauth_provider){
			.name = name,
			.auth = auth,
			.authorize_url = p->authorize_url,
			.token_url = p->token_url,
			.userinfo_url = p->userinfo_url,
			.revoke_url = p->revoke_url,
			.issuer = p->issuer,
			.client_id = p->client_id,
			.scopes = p->scopes,
			.required_scope = p->required_scope,
			.authorize_params = p->authorize_params,
			.testing = p->testing,
			.client_secret_ends_at = settings_provider_day(p->client_secret_ends),
			.device_authorization_url = p->device_authorization_url,
			.refresh_redirect_uri = strcmp(p->refresh_params, "redirect_uri") == 0
							? s->redirect_uri
							: NULL,
			.imap_host = row->imap.host,
			.imap_security = row->imap.security == PROVIDER_TLS ? "tls" : "starttls",
			.imap_port = row->imap.port,
		};
	}
	return n;
}

const char *settings_client_secret_file(const struct settings *s, const char *provider)
{
	for (size_t i = 0; i < conf_n_groups(s->conf, "provider"); i++) {
		const struct settings_provider *p = conf_group_values(s->conf, "provider", i);

		if (strcmp(conf_group_name(s->conf, "provider", i), provider) == 0)
			return p->client_secret_file;
	}
	return NULL;
}
