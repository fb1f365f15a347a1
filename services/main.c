#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/tls_mem.h"
#include "services/cli/classify_command.h"
#include "services/cli/command.h"
#include "services/cli/command_table.h"
#include "services/cli/complete.h"
#include "services/cli/man_page.h"
#include "services/role.h"
#include "services/rules_folder.h"
#include "services/up/up.h"

/* replyd: one binary.  A role, `up`, or a noun and a verb: services/cli/command_table.c. */

static const struct {
	const char *name;
	int (*run)(struct role *r);
} roles[] = {
	{ "ingest", ingest_role_run },     { "broker", broker_role_run },
	{ "dispatch", dispatch_role_run }, { "rotation", rotation_role_run },
	{ "api", api_role_run },
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
	const struct command_row *row = command_table_find(noun, verb);

	if (!row) {
		(void)fprintf(stderr, "replyd: %s%s%s: no such command; see `replyd help`\n", noun,
			      *verb ? " " : "", verb);
		return EX_USAGE;
	}
	if (no_more_words(o, row->words))
		return EX_USAGE;
	if (row->run)
		return row->run(s, o);
	if (strcmp(noun, "up") == 0)
		return run_up(s, o);
	if (strcmp(noun, "classify") == 0)
		return run_classify(s, o);
	for (size_t i = 0; i < countof(roles); i++)
		if (strcmp(noun, roles[i].name) == 0)
			return run_role(i, s, o);
	return EX_SOFTWARE; /* the others are done before there are settings */
}

/* What needs no settings, and must work where they are wrong.  -1: it is another command. */
static int run_plain(const struct options *o)
{
	const char *noun = o->words[0], *word = o->n_words > 1 ? o->words[1] : "";

	if (strcmp(noun, "help") == 0)
		return command_help(word);
	if (strcmp(noun, "version") == 0)
		return command_version();
	if (strcmp(noun, "man") == 0)
		return no_more_words(o, 1) ? EX_USAGE : man_page_print(stdout);
	if (strcmp(noun, "completion") == 0)
		return no_more_words(o, 2) ? EX_USAGE : complete_script(word);
	return -1;
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
	/* Before anything is parsed: the words of a shell that asks are not finished. */
	if (argc > 2 && strcmp(argv[1], "complete") == 0)
		return complete_print(stdout, (const char *const *)argv + 2, (size_t)argc - 2);
	code = options_parse(&o, argc, argv);
	if (code)
		return code;
	if (o.n_words == 0) {
		(void)fputs("replyd: no command; see `replyd help`\n", stderr);
		return EX_USAGE;
	}
	code = run_plain(&o);
	if (code >= 0)
		return code;
	if (settings_load(&s, o.config, environ, o.sets, o.n_sets, why) != 0) {
		(void)fprintf(stderr, "replyd: %s\n", why);
		return EX_CONFIG;
	}
	code = dispatch(&s, &o);
	settings_clear(&s);
	return code;
}
