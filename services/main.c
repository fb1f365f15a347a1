#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/tls_mem.h"
#include "services/cli/api_key_command.h"
#include "services/cli/classify_command.h"
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
#include "services/cli/worker_command.h"
#include "services/role.h"
#include "services/rules_folder.h"
#include "services/up/up.h"

/* replyd: one binary.  A role, `up`, or a noun and a verb. */

static const struct {
	const char *name;
	int (*run)(struct role *r);
} roles[] = {
	{ "ingest", ingest_role_run },     { "broker", broker_role_run },
	{ "dispatch", dispatch_role_run }, { "rotation", rotation_role_run },
	{ "api", api_role_run },
};

static const struct {
	const char *noun, *verb;
	size_t words; /* with both, and what is named behind them */
	int (*run)(const struct settings *s, const struct options *o);
} commands[] = {
	{ "config", "print", 2, command_config_print },
	{ "migrate", "up", 2, command_migrate },
	{ "migrate", "status", 2, command_migrate },
	{ "workspace", "create", 3, command_workspace_create },
	{ "workspace", "match-company", 4, command_workspace_match },
	{ "key", "create", 2, command_key_create },
	{ "key", "list", 2, key_command_list },
	{ "key", "rotate", 2, key_command_rotate },
	{ "key", "revoke", 3, api_key_command_revoke },
	{ "api-key", "list", 2, api_key_command_list },
	{ "api-key", "revoke", 3, api_key_command_revoke },
	{ "console", "link", 2, console_command_link },
	{ "console", "sessions", 2, console_command_sessions },
	{ "console", "sign-out", 3, console_command_sign_out },
	{ "inbox", "list", 2, command_inbox_list },
	{ "inbox", "discover", 3, inbox_discover },
	{ "inbox", "connect", 2, inbox_connect },
	{ "inbox", "show", 3, command_inbox_show },
	{ "inbox", "timeline", 3, command_inbox_timeline },
	{ "inbox", "gaps", 3, command_inbox_gaps },
	{ "inbox", "unread", 3, command_inbox_unread },
	{ "inbox", "acknowledge", 3, command_inbox_unread },
	{ "inbox", "probe", 3, command_inbox_probe },
	{ "inbox", "disconnect", 3, command_inbox_disconnect },
	{ "domain", "list", 2, domain_command_list },
	{ "domain", "import", 3, domain_import },
	{ "domain", "add", 2, domain_change_add },
	{ "domain", "renew", 3, domain_change_renew },
	{ "domain", "remove", 3, domain_change_remove },
	{ "message", "show", 3, message_command_show },
	{ "message", "reclassify", 3, message_command_reclassify },
	{ "pool", "list", 2, pool_command_list },
	{ "pool", "create", OPTIONS_WORDS, pool_command_create },
	{ "pool", "show", 3, pool_command_show },
	{ "pool", "change", OPTIONS_WORDS, pool_command_change },
	{ "pool", "remove", 3, pool_command_remove },
	{ "pool", "members", 3, pool_command_members },
	{ "pool", "add", OPTIONS_WORDS, pool_command_add },
	{ "pool", "drop", 4, pool_command_drop },
	{ "pool", "capacity", 4, pool_command_capacity },
	{ "policy", "show", 3, pool_command_policy },
	{ "policy", "set", OPTIONS_WORDS, pool_command_policy_set },
	{ "group", "list", 2, pool_command_groups },
	{ "group", "set", OPTIONS_WORDS, pool_command_group_set },
	{ "group", "remove", 4, pool_command_group_remove },
	{ "prospect", "show", 3, prospect_command_show },
	{ "prospect", "stop", 3, prospect_command_stop },
	{ "prospect", "resume", 3, prospect_command_resume },
	{ "prospect", "erase", 3, prospect_command_erase },
	{ "worker", "list", 2, worker_command },
	{ "worker", "drain", 3, worker_command },
	{ "worker", "undrain", 3, worker_command },
	{ "event", "tail", 2, listen_command_tail },
	{ "event", "show", 3, event_command_show },
	{ "event", "replay", 3, event_command_replay },
	{ "endpoint", "list", 2, endpoint_command_list },
	{ "endpoint", "show", 3, endpoint_command_show },
	{ "endpoint", "add", 3, endpoint_command_add },
	{ "endpoint", "test", 3, endpoint_command_test },
	{ "endpoint", "rotate-secret", 3, endpoint_command_rotate },
	{ "endpoint", "enable", 3, endpoint_command_switch },
	{ "endpoint", "disable", 3, endpoint_command_switch },
	{ "endpoint", "remove", 3, endpoint_command_remove },
	{ "endpoint", "dead", 3, endpoint_command_dead },
	{ "endpoint", "replay", 4, endpoint_command_replay },
};

/* "fd:4"; -1: none, or not so. */
static int fd_of(const char *place)
{
	uint64_t fd;

	return place && strncmp(place, "fd:", 3) == 0 &&
			       text_u64(text_of(place + 3), INT16_MAX, &fd) == 0
		       ? (int)fd
		       : -1;
}

static int run_role(size_t i, const struct settings *s, const struct options *o)
{
	const char *slot = o->slot ? o->slot : "";
	struct role r;
	int keys_fd = fd_of(o->keys),
	    code = options_want(o->credentials, "--credentials",
				"a file or fd:N with this role's secrets");

	if (code)
		return code;
	if (strlen(slot) >= sizeof(r.slot)) {
		(void)fprintf(stderr, "replyd: --slot: is longer than %zu bytes; shorten it\n",
			      sizeof(r.slot) - 1);
		return EX_USAGE;
	}
	if (o->keys && keys_fd < 0) {
		(void)fprintf(stderr, "replyd: --keys %s: write fd:4 for descriptor 4\n", o->keys);
		return EX_USAGE;
	}
	code = role_open(&r, roles[i].name, s, o->credentials);
	(void)snprintf(r.slot, sizeof(r.slot), "%s", slot);
	r.keys_fd = keys_fd;
	if (code == 0)
		code = roles[i].run(&r);
	role_close(&r);
	return code;
}

static int run_up(struct settings *s, const struct options *o)
{
	int code = options_want(o->data, "--data",
				"the folder that keeps database, secrets and state");

	if (code)
		return code;
	role_log_setup("up", s);
	return up_run(s, o->data);
}

/* A word that would be overlooked may be a mistake that matters: `replyd workspace create a b`. */
static int no_more_words(const struct options *o, size_t words)
{
	if (o->n_words <= words)
		return 0;
	(void)fprintf(stderr, "replyd: %s: is one word too many; see `replyd help`\n",
		      o->words[words]);
	return EX_USAGE;
}

static int run_classify(const struct settings *s, const struct options *o)
{
	char why[RULES_FOLDER_WHY];

	if (rules_folder_take(s->classify_rules, why) < 0) {
		(void)fprintf(stderr, "replyd: classify.rules: %s\n", why);
		return EX_CONFIG;
	}
	return classify_command(o);
}

static int dispatch(struct settings *s, const struct options *o)
{
	const char *noun = o->words[0], *verb = o->n_words > 1 ? o->words[1] : "";

	if (strcmp(noun, "up") == 0)
		return no_more_words(o, 1) ? EX_USAGE : run_up(s, o);
	if (strcmp(noun, "classify") == 0)
		return run_classify(s, o);
	if (strcmp(noun, "listen") == 0)
		return no_more_words(o, 1) ? EX_USAGE : listen_command(s, o);
	for (size_t i = 0; i < countof(roles); i++)
		if (strcmp(noun, roles[i].name) == 0)
			return no_more_words(o, 1) ? EX_USAGE : run_role(i, s, o);
	for (size_t i = 0; i < countof(commands); i++)
		if (strcmp(noun, commands[i].noun) == 0 && strcmp(verb, commands[i].verb) == 0)
			return no_more_words(o, commands[i].words) ? EX_USAGE
								   : commands[i].run(s, o);
	(void)fprintf(stderr, "replyd: %s%s%s: no such command; see `replyd help`\n", noun,
		      *verb ? " " : "", verb);
	return EX_USAGE;
}

/* Keys and passwords live in this memory, those of `up` first of all: no core dump, no ptrace by
 * our own user. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };

	umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv)
{
	struct settings s;
	struct options o;
	char why[512];
	int code;

	harden();
	tls_mem_init();
	code = options_parse(&o, argc, argv);
	if (code)
		return code;
	if (o.n_words == 0) {
		(void)fputs("replyd: no command; see `replyd help`\n", stderr);
		return EX_USAGE;
	}
	if (strcmp(o.words[0], "help") == 0)
		return command_help();
	if (strcmp(o.words[0], "version") == 0)
		return command_version();
	if (settings_load(&s, o.config, environ, o.sets, o.n_sets, why) != 0) {
		(void)fprintf(stderr, "replyd: %s\n", why);
		return EX_CONFIG;
	}
	code = dispatch(&s, &o);
	settings_clear(&s);
	return code;
}
