#include "oauth/reach.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/*
 * The words of a refused login; the first row that fits counts.  Seen: Exchange Online
 * "535 5.7.139 Authentication unsuccessful, basic authentication is disabled" (odysseus issue
 * 197), and with "SmtpClientAuthentication is disabled for the Tenant" or "... Mailbox", which is a
 * switch of the administrator (Exchange documentation, "Enable or disable SMTP AUTH"); Gmail
 * "534-5.7.9 Application-specific password required"; Mail.ru "535 5.7.0 NEOBHODIM parol
 * prilozheniya" (print-designer issue 5); QQ "535 Login Fail. Please enter your authorization code
 * to login" (yapi issue 2219).
 */
static const struct {
	const char *words, *reason;
} refusals[] = {
	{ "smtpclientauthentication is disabled", "smtp_off" },
	{ "basic auth", "basic_auth_ended" },
	{ "application-specific", "second_factor" },
	{ "app password", "second_factor" },
	{ "plication password", "second_factor" },
	{ "parol prilozheniya", "second_factor" },
	{ "authorization code", "second_factor" },
	{ "web browser", "less_secure_blocked" },
	{ "less secure", "less_secure_blocked" },
	{ "policy", "policy_blocked" },
};

static const char *refusal(const char *said)
{
	for (size_t i = 0; i < countof(refusals); i++)
		if (text_ifind(text_of(said), text_of(refusals[i].words)) != SIZE_MAX)
			return refusals[i].reason;
	return "login_refused";
}

const char *reach_state(const struct outcome *o)
{
	switch (o->blame) {
	case BLAME_NONE:
		return "ok";
	case BLAME_AUTH:
	case BLAME_LACKS:
		return "refused";
	case BLAME_NET:
	case BLAME_PEER:
	case BLAME_REFUSED:
		return "unreachable";
	case BLAME_US:
		break;
	}
	return "not_checked";
}

const char *reach_reason(const struct outcome *o)
{
	switch (o->blame) {
	case BLAME_NONE:
		return "";
	case BLAME_AUTH:
		return refusal(o->said);
	case BLAME_LACKS:
		return strcmp(o->what, "starttls") == 0 ? "no_starttls" : "no_login_offered";
	case BLAME_NET:
		return strcmp(o->what, "name lookup") == 0 ? "name_lookup" : "network";
	case BLAME_PEER:
		return strcmp(o->what, "tls certificate") == 0 ? "certificate"
		       : strcmp(o->what, "tls handshake") == 0 ? "tls"
							       : "server";
	case BLAME_REFUSED:
		return "host_refused";
	case BLAME_US:
		break;
	}
	return "our_resources";
}
