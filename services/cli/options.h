#ifndef SERVICES_CLI_OPTIONS_H
#define SERVICES_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* What may stand behind any command; borrowed from argv.  "--help", "-h" and "--version" are the
 * words without dashes. */
#define OPTIONS_SETS  64
#define OPTIONS_WORDS 2048 /* the files of one `replyd classify` */

struct options {
	const char *words[OPTIONS_WORDS]; /* "key", "create" ... and positional arguments */
	size_t n_words;
	const char *data, *config, *credentials, *keys, *group, *workspace, *domain, *device,
		*provider, *label, *scopes, *slot, *received_at;
	/* of what talks to the API */
	const char *api, *key_file, *types, *after, *limit, *forward, *secret_file, *endpoint,
		*from, *to, *tenant, *client_id, *check_address, *ends, *kind, *intent, *person,
		*role, *reason;
	const char *sets[OPTIONS_SETS];
	size_t n_sets;
	bool json, text, explain, once, dead, allow_remote;
};

/*
 * 0, or EX_USAGE after a line on stderr that names the word and the remedy.  Values stand as
 * "--flag value" or
 * "--flag=value"; of an option given twice the last one counts, --set adds up.
 */
int options_parse(struct options *o, int argc, char **argv);
/* A command wants this option: 0, or EX_USAGE after saying so. */
int options_want(const char *value, const char *flag, const char *why);

#endif
