#include "services/cli/command_table.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "services/cli/api_key_command.h"
#include "services/cli/command.h"
#include "services/cli/console_command.h"
#include "services/cli/domain_change.h"
#include "services/cli/domain_command.h"
#include "services/cli/domain_import.h"
#include "services/cli/endpoint_command.h"
#include "services/cli/event_command.h"
#include "services/cli/inbox_connect.h"
#include "services/cli/inbox_discover.h"
#include "services/cli/key_command.h"
#include "services/cli/listen_command.h"
#include "services/cli/message_command.h"
#include "services/cli/pool_command.h"
#include "services/cli/prospect_command.h"
#include "services/cli/status_command.h"
#include "services/cli/worker_command.h"

#define ROLE   "--credentials FILE|fd:N [--keys fd:N] [--slot TEXT]"
#define REPLAY "[--dead] [--types LIST] [--from TIME] [--to TIME]"
#define LISTEN "[--types LIST] [--after POSITION] [--limit N] [--once]"

/* clang-format off */
static const struct command_row rows[] = {
	{ COMMAND_ROLE, "up", "", 1, NULL, "--data DIR", "everything on this machine: PostgreSQL (unless DATABASE_URL is set) and all roles" },
	{ COMMAND_OPERATOR, "status", "", 1, status_command, "", "how all of it fares, on one screen; exit code 1 when something is the matter" },
	{ COMMAND_OPERATOR, "workspace", "create", 3, command_workspace_create, "NAME", "a customer team; prints its id" },
	{ COMMAND_OPERATOR, "workspace", "match-company", 4, command_workspace_match, "NAME on|off",
	  "whoever writes from a prospect's company speaks for him; off unless told" },
	{ COMMAND_OPERATOR, "key", "create", 2, command_key_create, "--workspace NAME --label TEXT [--scopes LIST]",
	  "an API key, printed once; scopes connect, read, outbound, endpoint, gate, pool, slot unless told; `token` hands out access tokens and is not given unasked" },
	{ COMMAND_OPERATOR, "key", "list", 2, key_command_list, "", "the keys that seal secrets, and what each still holds" },
	{ COMMAND_OPERATOR, "key", "rotate", 2, key_command_rotate, "[--group grant|token|webhook|all]",
	  "another key takes the place of the one that seals, while everything runs" },
	{ COMMAND_OPERATOR, "key", "revoke", 3, api_key_command_revoke, "ID|PREFIX", "an API key, as `replyd api-key revoke`" },
	{ COMMAND_OPERATOR, "api-key", "list", 2, api_key_command_list, "[--workspace NAME]", "who may call the API, and when he last did" },
	{ COMMAND_OPERATOR, "api-key", "revoke", 3, api_key_command_revoke, "ID|PREFIX", "it opens nothing any more, from the next request on" },
	{ COMMAND_OPERATOR, "console", "link", 2, console_command_link, "--workspace NAME --person WHO [--role viewer|operator|admin]",
	  "a link by which a person signs in to the console; good once, for 15 minutes" },
	{ COMMAND_OPERATOR, "console", "sessions", 2, console_command_sessions, "[--workspace NAME]", "who is signed in" },
	{ COMMAND_OPERATOR, "console", "sign-out", 3, console_command_sign_out, "ID", "a session ends, from the next request on" },
	{ COMMAND_OPERATOR, "inbox", "list", 2, command_inbox_list, "", "who is watched, and how far each was seen" },
	{ COMMAND_OPERATOR, "inbox", "discover", 3, inbox_discover, "ADDRESS", "where the inbox of an address is, and how that was found" },
	{ COMMAND_OPERATOR, "inbox", "connect", 2, inbox_connect, "--device ADDRESS --workspace NAME [--provider NAME]",
	  "shows a code to be typed in at the provider, and ends when the inbox is connected" },
	{ COMMAND_OPERATOR, "inbox", "show", 3, command_inbox_show, "INBOX", "one inbox, by id or address: what is seen" },
	{ COMMAND_OPERATOR, "inbox", "timeline", 3, command_inbox_timeline, "INBOX", "what happened to it" },
	{ COMMAND_OPERATOR, "inbox", "gaps", 3, command_inbox_gaps, "INBOX", "when it was blind" },
	{ COMMAND_OPERATOR, "inbox", "unread", 3, command_inbox_unread, "INBOX", "mails that nobody could read, which keep gates `unknown`" },
	{ COMMAND_OPERATOR, "inbox", "acknowledge", 3, command_inbox_unread, "INBOX", "somebody looked at them" },
	{ COMMAND_OPERATOR, "inbox", "probe", 3, command_inbox_probe, "INBOX", "ask for a proof that everything up to now is seen" },
	{ COMMAND_OPERATOR, "inbox", "disconnect", 3, command_inbox_disconnect, "INBOX",
	  "watched no more; consent is revoked, its secrets are destroyed" },
	{ COMMAND_OPERATOR, "domain", "list", 2, domain_command_list, "--workspace NAME", "whole domains, and what is the matter with them" },
	{ COMMAND_OPERATOR, "domain", "import", 3, domain_import, "FILE --workspace NAME [--domain ID]",
	  "every address of the CSV file by the right of its domain; may be stopped and run again" },
	{ COMMAND_OPERATOR, "worker", "list", 2, worker_command, "", "who watches how many" },
	{ COMMAND_OPERATOR, "worker", "drain", 3, worker_command, "ID", "its inboxes go to the others; the beginning of its id is enough" },
	{ COMMAND_OPERATOR, "worker", "undrain", 3, worker_command, "ID", "it takes inboxes again" },
	{ COMMAND_OPERATOR, "migrate", "up", 2, command_migrate, "", "the schema as this binary wants it; `replyd up` does it at every start" },
	{ COMMAND_OPERATOR, "migrate", "status", 2, command_migrate, "", "how many migrations are missing" },
	{ COMMAND_OPERATOR, "config", "print", 2, command_config_print, "", "every setting, its value, where it came from, what it means" },
	{ COMMAND_ROLE, "classify", "", OPTIONS_WORDS, NULL, "[FILE...] [--received-at TIME] [--text] [--explain]",
	  "what a mail is, and why; offline, a line of JSON each with --json" },
	{ COMMAND_ROLE, "ingest", "", 1, NULL, ROLE, "one role by itself, as a service manager starts it: watches inboxes" },
	{ COMMAND_ROLE, "broker", "", 1, NULL, ROLE, "renews access tokens" },
	{ COMMAND_ROLE, "dispatch", "", 1, NULL, ROLE, "posts events to endpoints" },
	{ COMMAND_ROLE, "rotation", "", 1, NULL, ROLE, "who sends next, and the upkeep of the database" },
	{ COMMAND_ROLE, "api", "", 1, NULL, ROLE, "answers over HTTP" },
	{ COMMAND_ROLE, "help", "", 2, NULL, "[WORD]", "all commands, or those of one noun" },
	{ COMMAND_ROLE, "version", "", 1, NULL, "", "which one this is" },
	{ COMMAND_ROLE, "man", "", 1, NULL, "", "all of this as a manual page: replyd man | man -l -" },
	{ COMMAND_ROLE, "completion", "", 2, NULL, "bash|zsh", "what completes these words in a shell: source <(replyd completion bash)" },

	{ COMMAND_API, "listen", "", 1, listen_command, LISTEN " [--forward URL] [--secret-file FILE] [--allow-remote]",
	  "events as they come; with --forward each is posted there, signed" },
	{ COMMAND_API, "event", "tail", 2, listen_command_tail, LISTEN, "the last ten events, and then what comes" },
	{ COMMAND_API, "event", "show", 3, event_command_show, "ID", "one of them: what it says, and every attempt to deliver it" },
	{ COMMAND_API, "event", "replay", 3, event_command_replay,
	  "ID --endpoint ENDPOINT | --forward URL [--secret-file FILE] [--allow-remote] " REPLAY, "post it once more, with the same id" },
	{ COMMAND_API, "endpoint", "list", 2, endpoint_command_list, "", "where events are posted to" },
	{ COMMAND_API, "endpoint", "show", 3, endpoint_command_show, "ENDPOINT", "one of them, by id or URL, and how that goes" },
	{ COMMAND_API, "endpoint", "add", 3, endpoint_command_add, "URL [--types LIST]", "prints the secret that its posts are signed with, once" },
	{ COMMAND_API, "endpoint", "test", 3, endpoint_command_test, "ENDPOINT", "a test event, and what the endpoint answered" },
	{ COMMAND_API, "endpoint", "rotate-secret", 3, endpoint_command_rotate, "ENDPOINT", "a new secret; both sign for 24 hours" },
	{ COMMAND_API, "endpoint", "enable", 3, endpoint_command_switch, "ENDPOINT", "events are posted to it again" },
	{ COMMAND_API, "endpoint", "disable", 3, endpoint_command_switch, "ENDPOINT", "nothing is posted to it until it is enabled" },
	{ COMMAND_API, "endpoint", "remove", 3, endpoint_command_remove, "ENDPOINT", "it is no more" },
	{ COMMAND_API, "endpoint", "dead", 3, endpoint_command_dead, "ENDPOINT [--after POSITION] [--limit N]", "events that were given up" },
	{ COMMAND_API, "endpoint", "replay", 4, endpoint_command_replay, "ENDPOINT [ID] " REPLAY,
	  "post them once more, paced, with the same ids" },
	{ COMMAND_API, "message", "show", 3, message_command_show, "ID", "a mail that concerned somebody, and why it is taken for what it is" },
	{ COMMAND_API, "message", "reclassify", 3, message_command_reclassify, "ID --kind K | --intent I",
	  "what it really was; the prospect's gate follows" },
	{ COMMAND_API, "prospect", "show", 3, prospect_command_show, "KEY", "may anyone still write to him; by his key or his address" },
	{ COMMAND_API, "prospect", "stop", 3, prospect_command_stop, "KEY [--reason R]",
	  "nobody writes to him any more; the reason is manual unless it is said" },
	{ COMMAND_API, "prospect", "resume", 3, prospect_command_resume, "KEY [--reason R]",
	  "he may be written to again; an opt-out opens only by its name: --reason unsubscribed" },
	{ COMMAND_API, "prospect", "erase", 3, prospect_command_erase, "KEY", "he is forgotten; a stop goes on under a digest of his address" },
	{ COMMAND_API, "pool", "list", 2, pool_command_list, "", "inboxes that send for one another" },
	{ COMMAND_API, "pool", "create", OPTIONS_WORDS, pool_command_create, "NAME [name=value...]", "one more, e.g. contact_gap_s=72000" },
	{ COMMAND_API, "pool", "show", 3, pool_command_show, "POOL", "one of them, by name or id" },
	{ COMMAND_API, "pool", "change", OPTIONS_WORDS, pool_command_change, "POOL name=value...", "what it is to be from now on" },
	{ COMMAND_API, "pool", "remove", 3, pool_command_remove, "POOL", "it is no more" },
	{ COMMAND_API, "pool", "members", 3, pool_command_members, "POOL", "who is in it" },
	{ COMMAND_API, "pool", "add", OPTIONS_WORDS, pool_command_add, "POOL INBOX [tier=reserve] [weight=2]", "an inbox comes in" },
	{ COMMAND_API, "pool", "drop", 4, pool_command_drop, "POOL INBOX", "an inbox goes out" },
	{ COMMAND_API, "pool", "capacity", 4, pool_command_capacity, "POOL [DAY]", "what may still be sent, which limit binds, and until when" },
	{ COMMAND_API, "policy", "show", 3, pool_command_policy, "INBOX", "what an inbox may send" },
	{ COMMAND_API, "policy", "set", OPTIONS_WORDS, pool_command_policy_set, "INBOX name=value...",
	  "e.g. cap_day=40 time_zone=Europe/Paris ramp=cold" },
	{ COMMAND_API, "group", "list", 2, pool_command_groups, "", "ceilings that inboxes share, over any 24 hours" },
	{ COMMAND_API, "group", "set", OPTIONS_WORDS, pool_command_group_set, "domain|tenant NAME ceiling_24h=N", "such a ceiling" },
	{ COMMAND_API, "group", "remove", 4, pool_command_group_remove, "domain|tenant NAME", "it holds no more" },
	{ COMMAND_API, "domain", "add", 2, domain_change_add,
	  "--provider NAME [--tenant TENANT] [--client-id ID] [--check-address ADDRESS] --secret-file FILE [--ends DAY]",
	  "one right for all mailboxes of a domain (docs/domains.md); the secret is tried first" },
	{ COMMAND_API, "domain", "renew", 3, domain_change_renew, "DOMAIN --secret-file FILE [--ends DAY]",
	  "another secret; the one in use stays so until the new one has worked" },
	{ COMMAND_API, "domain", "remove", 3, domain_change_remove, "DOMAIN", "its secrets are destroyed" },
};
/* clang-format on */

const struct command_row *command_table_at(size_t i)
{
	return i < countof(rows) ? &rows[i] : NULL;
}

const struct command_row *command_table_find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(rows[i].noun, noun) == 0 &&
		    (!rows[i].verb[0] || strcmp(rows[i].verb, verb) == 0))
			return &rows[i];
	return NULL;
}

bool command_table_word(const char **rest, char ret[64])
{
	size_t len;

	do {
		*rest += strspn(*rest, " [].");
		len = strcspn(*rest, " [].");
		(void)snprintf(ret, 64, "%.*s", (int)len, *rest);
		*rest += len;
	} while (len && strcmp(ret, "|") == 0);
	return len > 0;
}
