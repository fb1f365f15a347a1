#include "ingest/plight.h"

#include <string.h>

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)

static struct plight retry(const char *reason, uint64_t wait_ms)
{
	return (struct plight){ PLIGHT_RETRY, "backing_off", reason, wait_ms };
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
			return retry("certificate", MINUTE);
		return retry("tls", 10 * SECOND);
	case BLAME_US:
		return retry("our_resources", 10 * SECOND);
	case BLAME_NET:
		return retry(strcmp(o->what, "name lookup") == 0 ? "name_lookup" : "network", 0);
	case BLAME_NONE:
	case BLAME_LACKS:
	case BLAME_AUTH:
		break;
	}
	return retry("network", 0);
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
		return (struct plight){ PLIGHT_FRESH, "connecting", "token_refused", 0 };
	return (struct plight){ PLIGHT_HOLD, "reauth_required",
				is_password ? "password_refused" : "token_refused", 30 * MINUTE };
}

struct plight plight_of_imap(const struct imap_verdict *v, bool was_fresh, bool is_password)
{
	switch (v->remedy) {
	case IMAP_REMEDY_FRESH_TOKEN:
		return refused(was_fresh, is_password);
	case IMAP_REMEDY_USER:
		if (is_password && is_refused_password(v))
			return refused(was_fresh, is_password);
		return (struct plight){ PLIGHT_HOLD, "held", "user_action", 15 * MINUTE };
	case IMAP_REMEDY_ADMIN:
		return (struct plight){ PLIGHT_HOLD, "held", "admin_action", 30 * MINUTE };
	case IMAP_REMEDY_WAIT:
		return retry("provider_limit", v->backoff_ms);
	case IMAP_REMEDY_OURS:
		return retry("our_mistake", 5 * MINUTE);
	case IMAP_REMEDY_SKIP:
		return retry("server_refused", v->backoff_ms);
	case IMAP_REMEDY_NONE:
	case IMAP_REMEDY_RETRY:
		break;
	}
	if (v->outcome.blame == BLAME_PEER || v->outcome.blame == BLAME_LACKS)
		return retry("server", 10 * SECOND);
	return retry("network", v->backoff_ms);
}

struct plight plight_of_token(const struct outcome *o, const char *reason)
{
	switch (o->blame) {
	case BLAME_AUTH:
		return (struct plight){ PLIGHT_HOLD, "reauth_required",
					reason && reason[0] ? reason : "token_refused",
					30 * MINUTE };
	case BLAME_REFUSED: /* refreshed, and refused again: the mail server's word counts */
		return (struct plight){ PLIGHT_HOLD, "reauth_required", "token_refused",
					30 * MINUTE };
	case BLAME_US:
		return (struct plight){ PLIGHT_HOLD, "held", "our_mistake", MINUTE };
	case BLAME_NONE:
	case BLAME_NET:
	case BLAME_PEER:
	case BLAME_LACKS:
		break;
	}
	return retry("token_unavailable", 0);
}
