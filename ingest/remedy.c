#include "ingest/remedy.h"

#include <stddef.h>

#include "base/mem.h"

#define BY_ITSELF "nothing: it is tried again by itself"

/* Ends with what the state alone says; there the reason is empty. */
static const struct {
	const char *state, *reason; /* NULL: any */
	const char *remedy;
} rows[] = {
	{ "live", NULL, "" },
	{ "connecting", NULL, "" },
	{ "catching_up", NULL, "" },
	{ NULL, "name_lookup", "check the name of the IMAP server; it is tried again by itself" },
	{ NULL, "certificate",
	  "the server's certificate must name this host and be signed by a known authority: ask "
	  "whoever runs it, give the host that stands in the certificate, or add its authority "
	  "with tls.ca_file" },
	{ NULL, "host_refused",
	  "give a server that the internet reaches, or permit its network with net.allow" },
	{ NULL, "bad_host", "connect the inbox again with the name of its IMAP server" },
	{ NULL, "network", "check host and port if it stays; it is tried again by itself" },
	{ NULL, "tls",
	  "check port and security (993 is tls, 143 is starttls); it is tried again by itself" },
	{ NULL, "server",
	  "check that host and port are those of an IMAP server; it is tried again by itself" },
	{ NULL, "server_unavailable", BY_ITSELF },
	{ NULL, "session_ended", BY_ITSELF },
	{ NULL, "server_refused", BY_ITSELF },
	{ NULL, "token_unavailable", BY_ITSELF },
	{ NULL, "throttled", "nothing: it waits as long as the provider asked for" },
	{ NULL, "login_rate_limit", "nothing: it waits until the provider takes logins again" },
	{ NULL, "too_many_connections",
	  "close other mail programs of this account; it is tried again by itself" },
	{ NULL, "bandwidth_limit", "nothing: the provider's daily limit passes by itself" },
	{ NULL, "over_quota", "make room in the mailbox" },
	{ NULL, "mailbox_in_use", "close other mail programs of this account" },
	{ NULL, "provider_limit", "nothing: it waits until the provider takes us again" },
	{ NULL, "provider_down", "nothing: the provider has an outage, and all its inboxes wait" },
	{ NULL, "mailbox_not_connected",
	  "an administrator allows IMAP for this mailbox; the user name must be its primary "
	  "address" },
	{ NULL, "database", "nothing: it goes on when PostgreSQL is back" },
	{ NULL, "our_resources",
	  "raise the limit of open files or memory of the workers, or add workers" },
	{ NULL, "our_mistake", "report it, with the dialogue that ingest.rawlog_dir writes" },
	{ NULL, "no_starttls",
	  "the server offers no encryption on this port: use 993 with tls, or ask its "
	  "administrator" },
	{ NULL, "no_login_offered",
	  "the server offers no way to log in that we may use: ask its administrator" },
	{ NULL, "admin_action", "the administrator of the mailbox has to allow IMAP" },
	{ NULL, "imap_off_for_domain", "the administrator of the domain has to allow IMAP" },
	{ NULL, "imap_off", "the user switches IMAP on in the settings of the mailbox" },
	{ NULL, "less_secure_blocked",
	  "the provider blocks logins by password: connect the inbox by consent (OAuth) or with an "
	  "app password; where it asks for a login in a browser, the user does that once" },
	{ NULL, "second_factor",
	  "the account's own password is not taken here, though it is right: connect the inbox by "
	  "consent (OAuth), or the user makes an app password at the provider and gives that" },
	{ NULL, "basic_auth_ended",
	  "the provider has ended logins by password: connect the inbox by consent (OAuth)" },
	{ NULL, "policy_blocked",
	  "a rule of the organization blocks this access: its administrator has to allow the "
	  "application" },
	{ NULL, "imap_off_or_refused",
	  "the user switches IMAP on in the settings of the mailbox, and gives an app password" },
	{ NULL, "user_action", "the user looks into the mailbox in a browser: see detail" },
	{ NULL, "password_refused", "connect the inbox again with its password" },
	{ "reauth_required", NULL, "the user consents again: make a new connect link" },
	{ "backing_off", NULL, BY_ITSELF },
	{ "held", NULL, "see detail; it is looked at again by itself" },
	{ "paused", NULL, "nothing, if it is meant to be paused: else enable it again" },
	{ "unwatched", "paused", "nothing, if it is meant to be paused: else enable it again" },
	{ "unwatched", NULL, "start a worker, or give the workers more capacity" },
};

const char *remedy_of(struct text state, struct text reason)
{
	for (size_t i = 0; i < countof(rows); i++)
		if ((!rows[i].state || text_eq(text_of(rows[i].state), state)) &&
		    (!rows[i].reason || text_eq(text_of(rows[i].reason), reason)))
			return rows[i].remedy;
	return "";
}
