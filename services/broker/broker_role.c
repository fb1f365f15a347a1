#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/io/http_client.h"
#include "base/mem.h"
#include "db/pg.h"
#include "oauth/broker.h"
#include "services/keyholder.h"
#include "services/role.h"
#include "services/settings_preset.h"

#define PROVIDERS 32

/* `replyd broker`: opens grants, refreshes access tokens, exchanges what connect links brought. */
struct broker_role {
	struct role *role;
	struct pg *pg;
	struct http_client *http;
	struct broker *broker;
	struct keyholder keys;
	struct broker_params params;
	struct oauth_provider providers[PROVIDERS];
	struct domain_provider domains[2 * PROVIDERS];
	const struct secret *client_secrets[PROVIDERS];
};

static void on_pg_up(void *owner);
static void on_stop(void *owner);
static void on_drained(void *owner);
static void on_keys(void *owner);

static void on_pg_up(void *owner)
{
	struct broker_role *b = owner;

	if (b->broker)
		broker_wake(b->broker);
}

static void drop(struct broker_role *b)
{
	if (b->broker)
		broker_drop(b->broker);
	if (b->http)
		http_client_drop(b->http);
	keyholder_drop(&b->keys);
	if (b->pg)
		pg_drop(b->pg);
}

/* A refresh that is cut off may cost a grant: what is under way ends first. */
static void on_stop(void *owner)
{
	struct broker_role *b = owner;

	if (b->broker)
		broker_drain(b->broker, on_drained, b);
	else
		drop(b);
}

static void on_drained(void *owner)
{
	drop(owner);
}

/* A provider without a secret is a public client (RFC 6749 section 2.1), told from a forgotten one
 * in the log. */
static size_t read_providers(struct broker_role *b)
{
	size_t n = settings_providers(b->role->settings, b->providers, PROVIDERS);

	for (size_t i = 0; i < n; i++) {
		char name[CRED_NAME];

		(void)snprintf(name, sizeof(name), "oauth.%s.client_secret", b->providers[i].name);
		b->client_secrets[i] = cred_get(b->role->cred, name);
		if (!b->client_secrets[i] && strcmp(b->providers[i].auth, "oauth") == 0)
			log_info(&b->role->log, "broker.public_client", "provider=%s credential=%s",
				 b->providers[i].name, name);
	}
	return n;
}

static bool smtp_of(void *owner, const char *provider, struct broker_server *ret)
{
	const struct settings *s = ((const struct role *)owner)->settings;
	const struct provider_row *row = provider_table_find(&s->providers, text_of(provider));

	*ret = (struct broker_server){
		.host = row->smtp.host,
		.port = row->smtp.port,
		.is_starttls = row->smtp.security == PROVIDER_STARTTLS,
		.is_local_part = row->smtp_login == PROVIDER_LOGIN_LOCAL_PART,
	};
	return row->smtp.host[0] != '\0';
}

static int open_all(struct broker_role *b)
{
	struct role *r = b->role;
	const struct settings *s = r->settings;
	struct broker_params p = {
		.log = &r->log,
		.grants = keyholder_take(&b->keys, "grant", KEYHOLDER_RESEALS),
		.key_private = role_want(r, "key.broker_private"),
		.tokens = keyholder_take(&b->keys, "token", KEYHOLDER_RESEALS),
		.providers = b->providers,
		.client_secrets = b->client_secrets,
		.n_providers = read_providers(b),
		.domains = b->domains,
		.n_domains = settings_preset_domains(s, b->domains, 2 * PROVIDERS),
		.refresh_ahead_ms = s->broker_refresh_ahead_ms,
		.timeout_ms = s->broker_timeout_ms,
		.smtp_of = smtp_of,
		.smtp_owner = r,
		.public_url = s->api_public_url,
	};
	const struct pg_params pp = {
		.conninfo = r->conninfo,
		.password = r->db_password,
		.application = "replyd broker",
		.log = &r->log,
		.owner = b,
		.on_up = on_pg_up,
	};
	int res;

	if (!p.key_private || !p.grants || !p.tokens)
		return -EINVAL;
	res = http_client_open(&r->loop, *s->tls_ca_file ? s->tls_ca_file : NULL, &s->policy,
			       &b->http);
	if (res == 0)
		res = pg_open(&r->loop, &pp, &b->pg);
	if (res < 0)
		return res;
	p.pg = b->pg;
	p.http = b->http;
	b->params = p;
	keyholder_start(&b->keys, b->pg, on_keys, b);
	return 0;
}

/* Nothing is refreshed before it is known which key seals what comes of it. */
static void on_keys(void *owner)
{
	struct broker_role *b = owner;

	if (loop_is_stopping(&b->role->loop))
		return;
	b->broker = broker_open(&b->role->loop, &b->params);
	broker_wake(b->broker);
}

int broker_role_run(struct role *r)
{
	struct broker_role b = { .role = r };
	int res;

	keyholder_init(&b.keys, r);
	loop_init(&r->loop, on_stop, &b);
	res = open_all(&b);
	if (res < 0) {
		log_error(&r->log, "role.failed", "what=%s cause=%s", "broker cannot start",
			  strerror(-res));
		loop_stop(&r->loop);
	}
	loop_run(&r->loop);
	loop_clear(&r->loop);
	keyholder_clear(&b.keys);
	return keyholder_code(&b.keys, res < 0 ? EX_CONFIG : EX_OK);
}
