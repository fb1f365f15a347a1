#include <stdio.h>

#include "services/cli/command.h"

/* `replyd help`: a line or two of each command, as a terminal shows them. */

/* clang-format off */
static const char *const lines[] = {
	"replyd watches sender inboxes for replies and tells the sequence engine before it sends the next mail.",
	"",
	"  replyd up --data DIR                 everything on this machine: PostgreSQL (unless DATABASE_URL is set) and all roles",
	"  replyd workspace create NAME         a customer team; prints its id",
	"  replyd workspace match-company NAME on|off",
	"                                       whoever writes from a prospect's company speaks for him; off unless told",
	"  replyd key create --workspace NAME --label TEXT [--scopes connect,read,outbound,endpoint,gate,token]",
	"                                       an API key, printed once; `token` hands out access tokens and is not given unasked",
	"  replyd key list                      the keys that seal secrets, and what each still holds",
	"  replyd key rotate [--group grant|token|webhook|all]",
	"                                       another key takes the place of the one that seals, while everything runs",
	"  replyd api-key list [--workspace NAME]   who may call the API, and when he last did",
	"  replyd api-key revoke ID|PREFIX      from the next request on; also `replyd key revoke`",
	"  replyd inbox list                    who is watched, and how far each was seen",
	"  replyd inbox discover ADDRESS        where the inbox of an address is, and how that was found",
	"  replyd inbox connect --device ADDRESS --workspace NAME [--provider NAME]",
	"                                       shows a code to be typed in at the provider, and ends when the inbox is connected",
	"  replyd inbox show | timeline | gaps INBOX",
	"                                       one of them: what is seen, what happened, when it was blind",
	"  replyd inbox probe INBOX             ask for a proof that everything up to now is seen",
	"  replyd inbox disconnect INBOX        watched no more; consent is revoked, its secrets are destroyed",
	"  replyd domain list --workspace NAME  whole domains, and what is the matter with them",
	"  replyd domain import FILE.csv --workspace NAME [--domain ID]",
	"                                       every address of the file by the right of its domain; may be stopped and run again",
	"  replyd worker list | drain ID | undrain ID",
	"                                       who watches how many; ID or its beginning gives its inboxes to the others",
	"  replyd migrate up | status           the schema; `up` does it at every start",
	"  replyd classify [FILE...]            what a mail is, and why (--explain); offline, a line of JSON each with --json",
	"  replyd config print                  every setting, its value, where it came from, what it means",
	"  replyd ingest | broker | dispatch | rotation | api --credentials FILE|fd:N [--slot TEXT]",
	"                                       one role by itself, as a service manager starts it",
	"  replyd help | version",
	"",
	"For developers, over the HTTP API and from any machine (docs/webhooks.md):",
	"",
	"  replyd listen [--forward http://localhost:3000/hook]",
	"                                       events as they come; with --forward each is posted there, signed",
	"  replyd event tail                    the last ten events, and then what comes",
	"  replyd event show ID                 one of them: what it says, and every attempt to deliver it",
	"  replyd event replay ID --endpoint E | --forward URL",
	"                                       post it once more, with the same id",
	"  replyd endpoint list | show E        where events are posted to, and how that goes",
	"  replyd endpoint add URL [--types reply.received,bounce.hard]",
	"                                       prints the secret that its posts are signed with, once",
	"  replyd endpoint test E               a test event, and what the endpoint answered",
	"  replyd endpoint rotate-secret E      a new secret; both sign for 24 hours",
	"  replyd endpoint enable | disable | remove E",
	"  replyd endpoint dead E               events that were given up",
	"  replyd endpoint replay E ID | --dead | --types a,b --from TIME --to TIME",
	"                                       post them once more, paced, with the same ids",
	"",
	"  replyd message show ID               a mail that concerned somebody, and why it is taken for what it is",
	"  replyd message reclassify ID --kind K | --intent I",
	"                                       what it really was; the prospect's gate follows",
	"  replyd domain add --provider P --tenant T --client-id C --secret-file FILE [--ends DAY]",
	"                                       one right for all mailboxes of a domain (docs/domains.md); the secret is tried first",
	"  replyd domain renew DOMAIN --secret-file FILE [--ends DAY]",
	"                                       another secret; the one in use stays so until the new one has worked",
	"  replyd domain remove DOMAIN          its secrets are destroyed",
	"",
	"  --api URL         where the API is (REPLYD_API_URL, else the one of this machine)",
	"  --key-file FILE   the API key, in a file that only you can read (else REPLYD_API_KEY)",
	"  --types a,b  --after POSITION  --limit N  --once    which events, and until when",
	"  --secret-file FILE                                  what to sign with; a new secret each time unless given",
	"  --allow-remote                                      --forward may name another machine",
	"",
	"For all: --data DIR  --config FILE  --set name=value  --json",
	"",
	"Exit codes: 0 done, 64 usage, 65 bad data, 66 no such file, 69 a service is away, 70 our error, 73 a file cannot be made,",
	"75 already running, or once more later, 77 not permitted, 78 configuration.",
	NULL,
};
/* clang-format on */

int command_help(void)
{
	for (const char *const *line = lines; *line; line++)
		puts(*line);
	return 0;
}
