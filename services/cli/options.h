#ifndef SERVICES_CLI_OPTIONS_H
#define SERVICES_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* One of them, as `replyd help` and `replyd man` show it and shells complete it. */
struct options_row {
	const char *name;  /* with its dashes */
	const char *value; /* what stands behind it: FILE, DIR, NAME, or the words it chooses from,
			      a|b; NULL: it stands alone */
	const char *what;
	size_t at;          /* in struct options: a const char *, or a bool where it stands alone */
	bool is_everywhere; /* any command may have it */
};
#define OPTIONS_MANY SIZE_MAX /* `at` of the one that adds up, --set */

/* NULL behind the last one. */
const struct options_row *options_at(size_t i);
/* Of "--flag" or "--flag=value"; NULL: there is none. */
const struct options_row *options_find(const char *word);

/*
 * 0, or EX_USAGE after a line on stderr that names the word and the remedy.  Values stand as
 * "--flag value" or "--flag=value"; of an option given twice the last one counts, --set adds up.
 */
int options_parse(struct options *o, int argc, char **argv);
/* A command wants this option: 0, or EX_USAGE after saying so. */
int options_want(const char *value, const char *flag, const char *why);

#endif
