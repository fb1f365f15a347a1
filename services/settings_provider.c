#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hostname.h"
#include "base/limits.h"
#include "base/mem.h"
#include "services/settings_provider.h"

#define GROUP "provider"
#define NAMES 128 /* of one list: Outlook.com has ninety */

static int refuse(char why[512], const char *provider, const char *setting, const char *said)
{
	(void)snprintf(why, 512, "provider.%s.%s: %s", provider, setting, said);
	return -EINVAL;
}

static bool has_client(const struct settings_provider *p)
{
	return *p->authorize_url || *p->token_url || *p->client_id;
}

static const char *auth_of(const struct settings_provider *p, const char *name)
{
	bool is_known = provider_table_has(/* t= */ NULL, text_of(name));

	if (strcmp(p->auth, "auto") != 0)
		return p->auth;
	/* Whole domains only, by somebody else's client. */
	if (!is_known && !has_client(p) && *p->domain_token_url)
		return NULL;
	if (has_client(p) || !is_known)
		return "oauth";
	return provider_find(text_of(name))->auth & PROVIDER_AUTH_PASSWORD ? "password" : NULL;
}

const char *settings_provider_auth(const struct settings *s, size_t i)
{
	return auth_of(conf_group_values(s->conf, GROUP, i), conf_group_name(s->conf, GROUP, i));
}

bool settings_provider_has_client(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < conf_n_groups(s->conf, GROUP); i++) {
		const char *auth = settings_provider_auth(s, i);

		if (strcmp(conf_group_name(s->conf, GROUP, i), name) == 0)
			return auth && strcmp(auth, "oauth") == 0;
	}
	return false;
}

/* ---- lists ---- */

/* One allocation: the pointers, and behind them the names they point at. */
static const char **list_of(const char *setting)
{
	size_t space = (NAMES + 1) * sizeof(char *), n = 0;
	char *block = mem_new(space + strlen(setting) + 1), *at = block + space;
	const char **names = (const char **)(void *)block;
	struct text rest = text_of(setting), one;

	while (n < NAMES && conf_list_next(&rest, &one)) {
		memcpy(at, one.at, one.len);
		at[one.len] = '\0';
		names[n++] = at;
		at += one.len + 1;
	}
	return names;
}

static int read_list(struct settings *s, const char *provider, const char *key, const char *setting,
		     const char *const **to, char why[512])
{
	struct text rest = text_of(setting), one;
	const char **names;
	size_t n = 0;

	if (!*setting)
		return 0;
	for (; conf_list_next(&rest, &one); n++)
		if (!hostname_is_name(one.at[0] == '.' ? text_sub(one, 1, one.len) : one))
			return refuse(why, provider, key,
				      "holds what is no domain; write example.com, or .example.com "
				      "for all below it");
	if (n > NAMES)
		return refuse(why, provider, key, "holds too many names");
	names = list_of(setting);
	s->lists[s->n_lists++] = names;
	*to = names;
	return 0;
}

/* ---- one provider ---- */

int64_t settings_provider_day(const char *day)
{
	char instant[CLOCK_TEXT];
	int64_t us;

	if (!*day)
		return 0;
	if (strlen(day) != strlen("2027-03-31"))
		return -EINVAL;
	(void)snprintf(instant, sizeof(instant), "%.10sT00:00:00Z", day);
	return clock_from_rfc3339(instant, &us) == 0 && us > 0 ? us / 1000000 : -EINVAL;
}

/* What is said of a server lies over what is known of it. */
static int read_place(const char *name, const char *key, const char *host, int64_t port,
		      const char *security, const uint16_t usual[2], struct provider_server *to,
		      char why[512])
{
	bool is_auto = strcmp(security, "auto") == 0;

	if (*host) {
		if (!hostname_is_sane(text_of(host)))
			return refuse(why, name, key,
				      "is not the name or address of a host; write "
				      "mail.example.com, without scheme and port");
		*to = (struct provider_server){ .host = host };
	}
	if (!is_auto || *host)
		to->security = strcmp(security, "starttls") == 0 ? PROVIDER_STARTTLS : PROVIDER_TLS;
	if (port)
		to->port = (uint16_t)port;
	else if (*host || !is_auto)
		to->port = usual[to->security];
	return 0;
}

static int read_server(const struct settings_provider *p, struct provider_row *row, char why[512])
{
	static const uint16_t imap[] = { [PROVIDER_TLS] = 993, [PROVIDER_STARTTLS] = 143 };
	static const uint16_t smtp[] = { [PROVIDER_TLS] = 465, [PROVIDER_STARTTLS] = 587 };

	if (read_place(row->name, "imap_host", p->imap_host, p->imap_port, p->imap_security, imap,
		       &row->imap, why) ||
	    read_place(row->name, "smtp_host", p->smtp_host, p->smtp_port, p->smtp_security, smtp,
		       &row->smtp, why))
		return -EINVAL;
	/* "generic" has none: its inboxes bring their own. */
	if (!*row->imap.host && strcmp(row->name, "generic") != 0)
		return refuse(why, row->name, "imap_host", "is empty; name the IMAP server");
	return 0;
}

static int read_seconds(const char *provider, const char *key, uint64_t ms, uint32_t *to,
			char why[512])
{
	if (!ms)
		return 0;
	if (ms % 1000)
		return refuse(why, provider, key, "is not in whole seconds");
	*to = (uint32_t)(ms / 1000);
	return 0;
}

static int read_rhythm(const struct settings_provider *p, struct provider_row *row, char why[512])
{
	if (read_seconds(row->name, "idle_renew", p->idle_renew_ms, &row->idle_renew_s, why) ||
	    read_seconds(row->name, "proof", p->proof_ms, &row->proof_s, why) ||
	    read_seconds(row->name, "sweep", p->sweep_ms, &row->sweep_s, why) ||
	    read_seconds(row->name, "session", p->session_ms, &row->session_s, why))
		return -EINVAL;
	if (p->connections)
		row->connections = (unsigned)p->connections;
	if (p->connects_per_s)
		row->connects_per_s = (uint32_t)p->connects_per_s;
	if (p->logins_per_s)
		row->logins_per_s = (uint32_t)p->logins_per_s;
	return 0;
}

/*
 * Where nothing is known a session is taken to die with its token, as most do: being wrong costs
 * a second login once in a token's life, the other way round each of them ends with the inbox
 * blind.
 */
static void read_end_of_token(const struct settings_provider *p, struct provider_row *row)
{
	const char *said = p->session_ends_with_token;
	bool is_known = strcmp(provider_find(text_of(row->name))->name, "generic") != 0;

	if (strcmp(said, "auto") != 0)
		row->session_ends_with_token = strcmp(said, "on") == 0;
	else if (!is_known && row->auth == PROVIDER_AUTH_OAUTH)
		row->session_ends_with_token = true;
}

static int read_one(struct settings *s, size_t i, char why[512])
{
	const struct settings_provider *p = conf_group_values(s->conf, GROUP, i);
	const char *name = conf_group_name(s->conf, GROUP, i), *auth;
	struct provider_row *row = provider_table_row(&s->providers, name);
	bool is_auto = strcmp(p->auth, "auto") == 0;
	bool is_known = provider_table_has(/* t= */ NULL, text_of(name));

	auth = auth_of(p, name);
	if (!row)
		return refuse(why, name, "imap_host", "belongs to one provider too many");
	if (read_server(p, row, why) || read_rhythm(p, row, why) ||
	    read_list(s, name, "domains", p->domains, &row->domains, why) ||
	    read_list(s, name, "mx", p->mx, &row->mx_suffixes, why))
		return -EINVAL;
	if (auth && strcmp(auth, "password") == 0)
		row->auth = PROVIDER_AUTH_PASSWORD;
	/* That we are its client takes app passwords from nobody; only `auth = oauth` does. */
	if (auth && strcmp(auth, "oauth") == 0)
		row->auth = PROVIDER_AUTH_OAUTH |
			    (is_auto && is_known ? row->auth & PROVIDER_AUTH_PASSWORD : 0);
	read_end_of_token(p, row);
	if (settings_provider_day(p->client_secret_ends) < 0)
		return refuse(why, name, "client_secret_ends", "is not a day; write 2027-03-31");
	if (!auth || strcmp(auth, "oauth") != 0)
		return 0;
	if (*p->authorize_url && *p->token_url && *p->client_id)
		return 0;
	(void)snprintf(why, 512,
		       "provider.%s: authorize_url, token_url and client_id are needed for auth = "
		       "oauth",
		       name);
	return -EINVAL;
}

int settings_provider_read(struct settings *s, char why[512])
{
	for (size_t i = 0; i < conf_n_groups(s->conf, GROUP); i++)
		if (read_one(s, i, why))
			return -EINVAL;
	return 0;
}

void settings_provider_clear(struct settings *s)
{
	while (s->n_lists)
		free(s->lists[--s->n_lists]);
}

int settings_provider_rhythm(const struct settings *s, char why[512])
{
	uint64_t usual_ms = provider_find(TEXT("generic"))->proof_s * UINT64_C(1000);
	uint64_t proof_ms = s->ingest_proof_ms ? s->ingest_proof_ms : usual_ms;

	if (s->ingest_proof_ms && s->ingest_proof_ms < 500) {
		(void)snprintf(why, 512, "ingest.proof: is out of range; 0 or at least 500ms");
		return -EINVAL;
	}
	if (s->ingest_idle_renew_ms && s->ingest_idle_renew_ms < 1000) {
		(void)snprintf(why, 512, "ingest.idle_renew: is out of range; 0 or at least 1s");
		return -EINVAL;
	}
	if (s->gate_freshness_ms < 2 * proof_ms) {
		(void)snprintf(
			why, 512,
			"gate.freshness: is shorter than two proofs (ingest.proof, or 60s as "
			"providers have it); gates would hardly ever be proven open");
		return -EINVAL;
	}
	return 0;
}
