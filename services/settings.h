#ifndef SERVICES_SETTINGS_H
#define SERVICES_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/conf.h"
#include "base/netaddr.h"
#include "ingest/provider/provider_table.h"
#include "oauth/connect.h"

/*
 * Every setting of replyd, parsed once at start and then only read.  The table
 * in settings.c is the one place where names, defaults and meanings stand;
 * docs/interfaces.md and `replyd config print` say the same.
 *
 * Durations are milliseconds.
 */
#define SETTINGS_RETRIES 16

struct settings_provider {
	char *imap_host, *imap_security, *smtp_host, *smtp_security, *auth, *domains, *mx,
		*session_ends_with_token;
	int64_t imap_port, smtp_port, connections, connects_per_s, logins_per_s;
	uint64_t idle_renew_ms, proof_ms, sweep_ms, session_ms;
	char *authorize_url, *token_url, *userinfo_url, *revoke_url, *issuer;
	char *client_id, *client_secret_file, *scopes, *required_scope, *authorize_params;
	char *tenant, *device_authorization_url, *refresh_params;
	char *client_secret_ends;
	bool testing;
	char *domain_access, *domain_token_url, *domain_scope, *admin_consent_url;
};

struct settings {
	char *database_url;
	char *key_command;      /* wraps and unwraps keys; empty: none */
	char *database_bin_dir; /* of initdb and postgres; empty: the newest under
				   /usr/lib/postgresql */
	char *log_level, *log_format;
	char *tls_ca_file;
	char *net_allow, *net_name_servers;
	char *api_address, *api_public_url;
	char *api_url, *api_key; /* of the command line, as a client of the API */
	char *listen_secret;
	int64_t api_port, api_max_body, api_rate, api_burst;
	uint64_t gate_freshness_ms;
	int64_t ingest_workers, ingest_capacity, ingest_handshakes;
	uint64_t ingest_drain_ms;
	uint64_t ingest_heartbeat_ms, ingest_lease_ms, ingest_grace_ms, ingest_proof_ms,
		ingest_idle_renew_ms, ingest_lookback_ms, ingest_manual_grace_ms;
	int64_t ingest_text_max;
	bool ingest_open_answers;
	char *ingest_rawlog_dir;
	char *classify_rules;
	bool ingest_rawlog_all;
	uint64_t broker_refresh_ahead_ms, broker_timeout_ms;
	uint64_t dispatch_timeout_ms;
	int64_t dispatch_concurrency;
	bool dispatch_allow_http;
	char *dispatch_retry, *dispatch_proxy;
	uint64_t dispatch_disable_after_ms;
	uint64_t retention_trace_ms, retention_timeline_ms, retention_events_ms,
		retention_messages_ms;

	/* Made from the text above by settings_load. */
	struct netaddr_policy policy; /* of net.allow */
	struct provider_table providers;
	const char **lists[2 * PROVIDER_TABLE_ROWS]; /* domains and MX hosts of them */
	size_t n_lists;
	uint64_t retry_ms[SETTINGS_RETRIES];
	size_t n_retries;
	char redirect_uri[2100]; /* of api.public_url; "" while the port is not known */
	struct conf *conf;       /* where each value came from; owns the texts */
};

/*
 * Read file (NULL: none), environment and `sets` ("name=value").  0, or -EINVAL and
 * `why` (>= 512 bytes) names place, setting, cause and remedy.
 */
int settings_load(struct settings *s, const char *file, char *const *env, const char *const *sets,
		  size_t n_sets, char why[512]);
void settings_clear(struct settings *s);
/* Any free port was asked for (api.port = 0), and this is the one.  -EINVAL. */
int settings_fix_port(struct settings *s, uint16_t port);
/* For `replyd config print`. */
void settings_print(const struct settings *s, FILE *out, bool as_json);

/* Every setting as `name = value` lines, database.url replaced by `place`: what `replyd up` gives
 * its children. */
void settings_write(const struct settings *s, const char *place, FILE *out);

/* Providers named in the configuration that inboxes can be connected at; slices into `s`. */
size_t settings_providers(const struct settings *s, struct oauth_provider *ret, size_t max);
const char *settings_client_secret_file(const struct settings *s,
					const char *provider); /* NULL: no such provider */

#endif
