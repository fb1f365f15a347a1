#include "ingest/plight.h"

#include <string.h>

#include "base/mem.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)

/* This inbox's, or ours. */
static struct plight retry(const char *reason, uint64_t wait_ms)
{
	return (struct plight){ PLIGHT_RETRY, "backing_off", reason, wait_ms, false, false };
}

/* Perhaps the provider's. */
static struct plight theirs(const char *reason, uint64_t wait_ms)
{
	return (struct plight){ PLIGHT_RETRY, "backing_off", reason, wait_ms, true, false };
}

static struct plight hold(const char *state, const char *reason, uint64_t wait_ms)
{
	return (struct plight){ PLIGHT_HOLD, state, reason, wait_ms, false, false };
}

struct plight plight_of_host(void)
{
	return retry("bad_host", 5 * MINUTE);
}

struct plight plight_of_conn(const struct outcome *o)
{
	switch (o->blame) {
	case BLAME_REFUSED: /* our own policy: only a changed configuration or address helps */
		return retry("host_refused", MINUTE);
	case BLAME_PEER:
		if (strcmp(o->what, "tls certificate") == 0)
			return theirs("certificate", MINUTE);
		return theirs("tls", 10 * SECOND);
	case BLAME_US:
		return retry("our_resources", 10 * SECOND);
	case BLAME_NET:
		return theirs(strcmp(o->what, "name lookup") == 0 ? "name_lookup" : "network", 0);
	case BLAME_NONE:
	case BLAME_LACKS:
	case BLAME_AUTH:
		break;
	}
	return theirs("network", 0);
}

/* What the verdict's own words stand for, where they say more than its remedy. */
static const char *reason_of(const struct imap_verdict *v, const char *otherwise)
{
	static const struct {
		const char *what, *reason;
	} rows[] = {
		{ "throttled", "throttled" },
		{ "too many connections", "too_many_connections" },
		{ "bandwidth limit passed", "bandwidth_limit" },
		{ "over quota", "over_quota" },
		{ "login rate limit", "login_rate_limit" },
		{ "mailbox in use", "mailbox_in_use" },
		{ "authenticated but not connected", "mailbox_not_connected" },
		{ "server unavailable", "server_unavailable" },
		{ "unavailable", "server_unavailable" },
		{ "temporary failure", "server_unavailable" },
		{ "turned away", "server_unavailable" },
		{ "session expired", "session_ended" },
		{ "session invalidated", "session_ended" },
		{ "session ended by the server", "session_ended" },
		{ "login in a browser required", "less_secure_blocked" },
		{ "app password required", "second_factor" },
		{ "password login ended", "basic_auth_ended" },
		{ "oauth alone offered", "basic_auth_ended" },
		{ "blocked by a policy", "policy_blocked" },
		{ "login refused or imap switched off", "imap_off_or_refused" },
		{ "imap switched off", "imap_off" },
		{ "imap switched off for the domain", "imap_off_for_domain" },
		{ "starttls not offered", "no_starttls" },
		{ "starttls refused", "no_starttls" },
		{ "no oauth login offered", "no_login_offered" },
		{ "no password login offered", "no_login_offered" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(v->outcome.what, rows[i].what) == 0)
			return rows[i].reason;
	return otherwise;
}

/* A limit of this account says nothing of others; being turned away does. */
static struct plight limited(const struct imap_verdict *v)
{
	const char *reason = reason_of(v, "provider_limit");

	if (strcmp(reason, "server_unavailable") == 0)
		return theirs(reason, v->backoff_ms);
	return retry(reason, v->backoff_ms);
}

/*
 * The session calls a refused password a matter for the user, as "imap switched
 * off" is; but only the password itself is a matter for the broker, who tells it.
 */
static bool is_refused_password(const struct imap_verdict *v)
{
	static const char *const whats[] = { "login refused", "login not understood",
					     "credential expired" };

	for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++)
		if (strcmp(v->outcome.what, whats[i]) == 0)
			return true;
	return false;
}

static struct plight refused(bool was_fresh, bool is_password)
{
	if (!was_fresh)
		return (struct plight){
			PLIGHT_FRESH, "connecting", "token_refused", 0, false, false
		};
	return hold("reauth_required", is_password ? "password_refused" : "token_refused",
		    30 * MINUTE);
}

static struct plight meant_by(const struct imap_verdict *v, bool was_fresh, bool is_password)
{
	switch (v->remedy) {
	case IMAP_REMEDY_FRESH_TOKEN:
		return refused(was_fresh, is_password);
	case IMAP_REMEDY_USER:
		if (is_password && is_refused_password(v))
			return refused(was_fresh, is_password);
		return hold("held", reason_of(v, "user_action"), 15 * MINUTE);
	case IMAP_REMEDY_ADMIN:
		return hold("held", reason_of(v, "admin_action"), 30 * MINUTE);
	case IMAP_REMEDY_WAIT:
		return limited(v);
	case IMAP_REMEDY_OURS:
		return retry("our_mistake", 5 * MINUTE);
	case IMAP_REMEDY_SKIP:
		return retry("server_refused", v->backoff_ms);
	case IMAP_REMEDY_NONE:
	case IMAP_REMEDY_RETRY:
		break;
	}
	if (v->outcome.blame == BLAME_PEER || v->outcome.blame == BLAME_LACKS)
		return theirs(reason_of(v, "server"), 10 * SECOND);
	return theirs(reason_of(v, "network"), v->backoff_ms);
}

struct plight plight_of_imap(const struct imap_verdict *v, bool was_fresh, bool is_password)
{
	struct plight p = meant_by(v, was_fresh, is_password);

	p.is_asked = v->remedy == IMAP_REMEDY_WAIT && v->backoff_ms > 0;
	return p;
}

struct plight plight_in_doubt(uint64_t wait_ms)
{
	return theirs("token_refused", wait_ms);
}

struct plight plight_after(const struct plight *p, uint64_t failing_ms)
{
	if (failing_ms >= PLIGHT_PATIENCE_MS && strcmp(p->reason, "mailbox_not_connected") == 0)
		return hold("held", p->reason, 30 * MINUTE);
	return *p;
}

struct plight plight_where(const struct plight *p, bool takes_passwords, bool takes_app_passwords)
{
	struct plight at = *p;

	if (strcmp(p->reason, "password_refused") != 0)
		return at;
	if (!takes_passwords)
		at.reason = "basic_auth_ended";
	else if (takes_app_passwords)
		at.reason = "second_factor";
	return at;
}

struct plight plight_of_token(const struct outcome *o, bool is_password, const char *reason)
{
	const char *refused = is_password ? "password_refused" : "token_refused";

	switch (o->blame) {
	case BLAME_AUTH:
		return hold("reauth_required", reason && reason[0] ? reason : refused, 30 * MINUTE);
	case BLAME_REFUSED: /* refreshed, and refused again: the mail server's word counts */
		return hold("reauth_required", refused, 30 * MINUTE);
	case BLAME_US:
		return hold("held", "our_mistake", MINUTE);
	case BLAME_NONE:
	case BLAME_NET:
	case BLAME_PEER:
	case BLAME_LACKS:
		break;
	}
	return retry("token_unavailable", 0);
}
