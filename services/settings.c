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

#define AT(field) offsetof(struct settings, field)
#define OF(field) offsetof(struct settings_provider, field)
#define DAY_MS    (24LL * 3600 * 1000)

/* house: long, one row per setting; the rules between them stand below */
static const struct conf_row rows[] = {
	{ .name = "database.url",
	  .kind = CONF_TEXT,
	  .offset = AT(database_url),
	  .initial = "",
	  .env = "DATABASE_URL",
	  .meaning = "postgresql:// URL or libpq key words; empty: the private cluster of `replyd "
		     "up`" },
	{ .name = "database.bin_dir",
	  .kind = CONF_PATH,
	  .offset = AT(database_bin_dir),
	  .initial = "",
	  .meaning = "folder of initdb and postgres; empty: the newest under /usr/lib/postgresql" },
	{ .name = "key_command",
	  .kind = CONF_TEXT,
	  .offset = AT(key_command),
	  .initial = "",
	  .meaning = "program, by its whole path, that wraps and unwraps our keys with one that it "
		     "holds (a KMS, Vault): docs/security.md; empty: they stand in their files" },
	{ .name = "log.level",
	  .kind = CONF_TEXT,
	  .offset = AT(log_level),
	  .initial = "info",
	  .words = "debug info warn error",
	  .meaning = "the least that is logged" },
	{ .name = "log.format",
	  .kind = CONF_TEXT,
	  .offset = AT(log_format),
	  .initial = "auto",
	  .words = "kv json auto",
	  .meaning = "kv for people, json for machines, auto: kv on a terminal" },
	{ .name = "tls.ca_file",
	  .kind = CONF_PATH,
	  .offset = AT(tls_ca_file),
	  .initial = "",
	  .meaning = "PEM file added to the system's trust anchors" },
	{ .name = "net.allow",
	  .kind = CONF_LIST,
	  .offset = AT(net_allow),
	  .initial = "",
	  .meaning = "networks that may be dialled although internal" },
	{ .name = "net.name_servers",
	  .kind = CONF_TEXT,
	  .offset = AT(net_name_servers),
	  .initial = "",
	  .meaning = "asked for MX and SRV records, by commas, 192.0.2.1 or 192.0.2.1:5353; empty: "
		     "the system's" },
	{ .name = "api.address",
	  .kind = CONF_TEXT,
	  .offset = AT(api_address),
	  .initial = "127.0.0.1",
	  .meaning = "where the API listens" },
	{ .name = "api.port",
	  .kind = CONF_INT,
	  .offset = AT(api_port),
	  .initial = "8025",
	  .min = 0,
	  .max = 65535,
	  .meaning = "0: any free one, see replyd.state" },
	{ .name = "api.public_url",
	  .kind = CONF_TEXT,
	  .offset = AT(api_public_url),
	  .initial = "",
	  .meaning = "how browsers reach the API; empty: http://<api.address>:<api.port>" },
	{ .name = "api.max_body",
	  .kind = CONF_BYTES,
	  .offset = AT(api_max_body),
	  .initial = "1m",
	  .min = 1024,
	  .max = 64 << 20,
	  .meaning = "larger request bodies are answered 413" },
	{ .name = "gate.freshness",
	  .kind = CONF_SECONDS,
	  .offset = AT(gate_freshness_ms),
	  .initial = "150s",
	  .min = 1000,
	  .max = DAY_MS,
	  .meaning = "how old a proof may be for the gate to answer open" },
	{ .name = "ingest.workers",
	  .kind = CONF_INT,
	  .offset = AT(ingest_workers),
	  .initial = "0",
	  .min = 0,
	  .max = 48,
	  .meaning =
		  "worker processes that `replyd up` starts; 0: as many as the inboxes ask for" },
	{ .name = "ingest.capacity",
	  .kind = CONF_INT,
	  .offset = AT(ingest_capacity),
	  .initial = "0",
	  .min = 0,
	  .max = 1000000,
	  .meaning = "inboxes per worker at the most; 0: as the limit of open files allows" },
	{ .name = "ingest.handshakes",
	  .kind = CONF_INT,
	  .offset = AT(ingest_handshakes),
	  .initial = "64",
	  .min = 1,
	  .max = 10000,
	  .meaning = "connections of a worker that are on their way up at once" },
	{ .name = "ingest.drain",
	  .kind = CONF_SECONDS,
	  .offset = AT(ingest_drain_ms),
	  .initial = "20s",
	  .min = 0,
	  .max = 3600000,
	  .meaning = "a worker that is told to end lets others take over for so long" },
	{ .name = "ingest.heartbeat",
	  .kind = CONF_SECONDS,
	  .offset = AT(ingest_heartbeat_ms),
	  .initial = "2s",
	  .min = 100,
	  .max = 60000,
	  .meaning = "how often a worker proves itself" },
	{ .name = "ingest.lease",
	  .kind = CONF_SECONDS,
	  .offset = AT(ingest_lease_ms),
	  .initial = "15s",
	  .min = 500,
	  .max = 600000,
	  .meaning = "silence of a worker, seen over successful polls, after which its inboxes are "
		     "taken" },
	{ .name = "ingest.grace",
	  .kind = CONF_SECONDS,
	  .offset = AT(ingest_grace_ms),
	  .initial = "30s",
	  .min = 0,
	  .max = 600000,
	  .meaning = "after PostgreSQL returns from an outage nobody takes over for so long" },
	{ .name = "ingest.proof",
	  .kind = CONF_SECONDS,
	  .offset = AT(ingest_proof_ms),
	  .initial = "0s",
	  .min = 0,
	  .max = 3600000,
	  .meaning = "each inbox proves its watermark this often; 0: as its provider's row says" },
	{ .name = "ingest.idle_renew",
	  .kind = CONF_SECONDS,
	  .offset = AT(ingest_idle_renew_ms),
	  .initial = "0s",
	  .min = 0,
	  .max = 29 * 60000,
	  .meaning = "re-issue IDLE, RFC 2177 wants under 30 minutes; 0: as the provider's row "
		     "says" },
	{ .name = "ingest.lookback",
	  .kind = CONF_SECONDS,
	  .offset = AT(ingest_lookback_ms),
	  .initial = "14d",
	  .min = 0,
	  .max = 365 * DAY_MS,
	  .meaning = "how far the first connect looks back" },
	{ .name = "ingest.manual_grace",
	  .kind = CONF_SECONDS,
	  .offset = AT(ingest_manual_grace_ms),
	  .initial = "10m",
	  .min = 0,
	  .max = DAY_MS,
	  .meaning = "a mail to a prospect that is not registered so long after it was seen in "
		     "Sent was written by hand" },
	{ .name = "ingest.text_max",
	  .kind = CONF_BYTES,
	  .offset = AT(ingest_text_max),
	  .initial = "256k",
	  .min = 1024,
	  .max = 256 * 1024,
	  .meaning = "of a text part at most so much is fetched" },
	{ .name = "ingest.rawlog_dir",
	  .kind = CONF_PATH,
	  .offset = AT(ingest_rawlog_dir),
	  .initial = "",
	  .meaning = "folder for the ends of IMAP dialogues that went wrong by us; empty: none" },
	{ .name = "classify.rules",
	  .kind = CONF_PATH,
	  .offset = AT(classify_rules),
	  .initial = "",
	  .meaning = "folder with tables of rules in the place of the built-in ones; empty: none" },
	{ .name = "ingest.rawlog_all",
	  .kind = CONF_BOOL,
	  .offset = AT(ingest_rawlog_all),
	  .initial = "off",
	  .meaning = "every raw IMAP dialogue goes there, whole, credentials blanked" },
	{ .name = "broker.refresh_ahead",
	  .kind = CONF_SECONDS,
	  .offset = AT(broker_refresh_ahead_ms),
	  .initial = "5m",
	  .min = 0,
	  .max = DAY_MS,
	  .meaning = "refresh so long before an access token ends, at most half its life" },
	{ .name = "broker.timeout",
	  .kind = CONF_SECONDS,
	  .offset = AT(broker_timeout_ms),
	  .initial = "20s",
	  .min = 1000,
	  .max = 120000,
	  .meaning = "of a request to a provider's token endpoint" },
	{ .name = "dispatch.timeout",
	  .kind = CONF_SECONDS,
	  .offset = AT(dispatch_timeout_ms),
	  .initial = "15s",
	  .min = 500,
	  .max = 60000,
	  .meaning = "of a webhook post" },
	{ .name = "dispatch.concurrency",
	  .kind = CONF_INT,
	  .offset = AT(dispatch_concurrency),
	  .initial = "32",
	  .min = 1,
	  .max = 1000,
	  .meaning = "webhook posts under way at once" },
	{ .name = "dispatch.allow_http",
	  .kind = CONF_BOOL,
	  .offset = AT(dispatch_allow_http),
	  .initial = "off",
	  .meaning = "endpoints without TLS; for a sandbox only" },
	{ .name = "dispatch.retry",
	  .kind = CONF_LIST,
	  .offset = AT(dispatch_retry),
	  .initial = "0s 5s 5m 30m 2h 5h 10h 14h 20h 24h",
	  .meaning = "when a post is tried again, with 20 % jitter" },
	{ .name = "retention.trace",
	  .kind = CONF_SECONDS,
	  .offset = AT(retention_trace_ms),
	  .initial = "14d",
	  .min = 1000,
	  .max = 60 * DAY_MS,
	  .meaning = "how long keyed digests of unrelated mails are kept" },
	{ .name = "retention.timeline",
	  .kind = CONF_SECONDS,
	  .offset = AT(retention_timeline_ms),
	  .initial = "180d",
	  .min = DAY_MS,
	  .max = 3650 * DAY_MS,
	  .meaning = "how long the history of each inbox is kept, in whole months" },

	{ .name = "provider.*.imap_host",
	  .kind = CONF_TEXT,
	  .offset = OF(imap_host),
	  .initial = "",
	  .meaning = "where its inboxes are; empty: what is known of it" },
	{ .name = "provider.*.imap_port",
	  .kind = CONF_INT,
	  .offset = OF(imap_port),
	  .initial = "0",
	  .min = 0,
	  .max = 65535,
	  .meaning = "0: 993 for tls, 143 for starttls" },
	{ .name = "provider.*.imap_security",
	  .kind = CONF_TEXT,
	  .offset = OF(imap_security),
	  .initial = "auto",
	  .words = "auto tls starttls",
	  .meaning = "auto: what is known of it, else tls; never in clear" },
	{ .name = "provider.*.smtp_host",
	  .kind = CONF_TEXT,
	  .offset = OF(smtp_host),
	  .initial = "",
	  .meaning = "where its mail is handed in; empty: what is known of it" },
	{ .name = "provider.*.smtp_port",
	  .kind = CONF_INT,
	  .offset = OF(smtp_port),
	  .initial = "0",
	  .min = 0,
	  .max = 65535,
	  .meaning = "0: 465 for tls, 587 for starttls" },
	{ .name = "provider.*.smtp_security",
	  .kind = CONF_TEXT,
	  .offset = OF(smtp_security),
	  .initial = "auto",
	  .words = "auto tls starttls",
	  .meaning = "auto: what is known of it, else tls; never in clear" },
	{ .name = "provider.*.auth",
	  .kind = CONF_TEXT,
	  .offset = OF(auth),
	  .initial = "auto",
	  .words = "auto oauth password",
	  .meaning = "how its inboxes are authorized; auto: oauth where we are its client" },
	{ .name = "provider.*.domains",
	  .kind = CONF_LIST,
	  .offset = OF(domains),
	  .initial = "",
	  .meaning = "domains of its addresses, .example.com for all below; empty: those known of "
		     "it" },
	{ .name = "provider.*.mx",
	  .kind = CONF_LIST,
	  .offset = OF(mx),
	  .initial = "",
	  .meaning = "MX hosts of its customers, likewise" },
	{ .name = "provider.*.idle_renew",
	  .kind = CONF_SECONDS,
	  .offset = OF(idle_renew_ms),
	  .initial = "0",
	  .min = 0,
	  .max = 29 * 60000,
	  .meaning = "re-issue IDLE; 0: what is known of it" },
	{ .name = "provider.*.proof",
	  .kind = CONF_SECONDS,
	  .offset = OF(proof_ms),
	  .initial = "0",
	  .min = 0,
	  .max = 3600000,
	  .meaning = "a proof of freshness each so long; 0: what is known of it" },
	{ .name = "provider.*.sweep",
	  .kind = CONF_SECONDS,
	  .offset = OF(sweep_ms),
	  .initial = "0",
	  .min = 0,
	  .max = DAY_MS,
	  .meaning = "folders that are not watched are looked at each so long; 0: what is known of "
		     "it" },
	{ .name = "provider.*.session",
	  .kind = CONF_SECONDS,
	  .offset = OF(session_ms),
	  .initial = "0",
	  .min = 0,
	  .max = 30 * DAY_MS,
	  .meaning = "a session is replaced after so long; 0: what is known of it" },
	{ .name = "provider.*.session_ends_with_token",
	  .kind = CONF_TEXT,
	  .offset = OF(session_ends_with_token),
	  .initial = "auto",
	  .words = "auto on off",
	  .meaning = "a session is replaced before its access token ends; auto: what is known of "
		     "it, else on for oauth" },
	{ .name = "provider.*.connections",
	  .kind = CONF_INT,
	  .offset = OF(connections),
	  .initial = "0",
	  .min = 0,
	  .max = 15,
	  .meaning = "of ours at the same time to one account; 0: what is known of it" },
	{ .name = "provider.*.connects_per_s",
	  .kind = CONF_INT,
	  .offset = OF(connects_per_s),
	  .initial = "0",
	  .min = 0,
	  .max = 100000,
	  .meaning = "of one worker, to all its accounts; 0: what is known of it" },
	{ .name = "provider.*.logins_per_s",
	  .kind = CONF_INT,
	  .offset = OF(logins_per_s),
	  .initial = "0",
	  .min = 0,
	  .max = 100000,
	  .meaning = "likewise" },
	{ .name = "provider.*.authorize_url",
	  .kind = CONF_TEXT,
	  .offset = OF(authorize_url),
	  .initial = "",
	  .meaning = "where consent is given" },
	{ .name = "provider.*.token_url",
	  .kind = CONF_TEXT,
	  .offset = OF(token_url),
	  .initial = "",
	  .meaning = "where tokens are had" },
	{ .name = "provider.*.userinfo_url",
	  .kind = CONF_TEXT,
	  .offset = OF(userinfo_url),
	  .initial = "",
	  .meaning = "who consented, when the id_token does not say" },
	{ .name = "provider.*.revoke_url",
	  .kind = CONF_TEXT,
	  .offset = OF(revoke_url),
	  .initial = "",
	  .meaning = "where grants are given back" },
	{ .name = "provider.*.issuer",
	  .kind = CONF_TEXT,
	  .offset = OF(issuer),
	  .initial = "",
	  .meaning = "checked in answers (RFC 9207)" },
	{ .name = "provider.*.client_id",
	  .kind = CONF_TEXT,
	  .offset = OF(client_id),
	  .initial = "",
	  .meaning = "our client there" },
	{ .name = "provider.*.client_secret_file",
	  .kind = CONF_PATH,
	  .offset = OF(client_secret_file),
	  .initial = "",
	  .meaning =
		  "file with our client's secret; read by `replyd up`, given to the broker only" },
	{ .name = "provider.*.scopes",
	  .kind = CONF_TEXT,
	  .offset = OF(scopes),
	  .initial = "",
	  .meaning = "asked for, space separated" },
	{ .name = "provider.*.required_scope",
	  .kind = CONF_TEXT,
	  .offset = OF(required_scope),
	  .initial = "",
	  .meaning = "without it mail cannot be read" },
	{ .name = "provider.*.authorize_params",
	  .kind = CONF_TEXT,
	  .offset = OF(authorize_params),
	  .initial = "",
	  .meaning = "added to the authorize URL" },
	{ .name = "provider.*.testing",
	  .kind = CONF_BOOL,
	  .offset = OF(testing),
	  .initial = "off",
	  .meaning =
		  "our client is not published there (Google: \"Testing\"): consents end after a "
		  "week" },
	{ .name = "provider.*.client_secret_ends",
	  .kind = CONF_TEXT,
	  .offset = OF(client_secret_ends),
	  .initial = "",
	  .meaning = "the day on which our secret there ends, 2027-03-31: told two weeks before" },
	{ .name = "provider.*.tenant",
	  .kind = CONF_TEXT,
	  .offset = OF(tenant),
	  .initial = "",
	  .meaning = "stands for {tenant} in addresses: common, organizations, consumers or a "
		     "tenant's id" },
	{ .name = "provider.*.device_authorization_url",
	  .kind = CONF_TEXT,
	  .offset = OF(device_authorization_url),
	  .initial = "",
	  .meaning = "where device codes are had (RFC 8628)" },
	{ .name = "provider.*.refresh_params",
	  .kind = CONF_TEXT,
	  .offset = OF(refresh_params),
	  .initial = "auto",
	  .words = "auto none redirect_uri",
	  .meaning = "redirect_uri: a refresh has to name it too" },
	{ .name = "provider.*.domain_access",
	  .kind = CONF_TEXT,
	  .offset = OF(domain_access),
	  .initial = "auto",
	  .words = "auto none app_only delegated",
	  .meaning = "how an administrator opens a whole domain to us; auto: what is known of it" },
	{ .name = "provider.*.domain_token_url",
	  .kind = CONF_TEXT,
	  .offset = OF(domain_token_url),
	  .initial = "",
	  .meaning = "where such tokens are had; may hold {tenant}" },
	{ .name = "provider.*.domain_scope",
	  .kind = CONF_TEXT,
	  .offset = OF(domain_scope),
	  .initial = "",
	  .meaning = "asked for there" },
	{ .name = "provider.*.admin_consent_url",
	  .kind = CONF_TEXT,
	  .offset = OF(admin_consent_url),
	  .initial = "",
	  .meaning = "where an administrator agrees; may hold {tenant} and {client_id}" },
};

static const struct conf_group groups[] = { { "provider", sizeof(struct settings_provider) } };
static const struct conf_table table = { rows, countof(rows), groups, countof(groups) };

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
	s->conf = conf_new(&table, s);
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
		if (at.is_set && strcmp(at.source, "default") != 0 &&
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
