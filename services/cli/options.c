#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "services/cli/options.h"

static int refuse(const char *word, const char *why)
{
	(void)fprintf(stderr, "replyd: %s: %s; see `replyd help`\n", word, why);
	return EX_USAGE;
}

struct flag {
	const char *name;
	const char **to; /* NULL: --set, which may come often */
};

static int take_value(struct options *o, const struct flag *f, const char *value)
{
	if (f->to) {
		*f->to = value;
		return 0;
	}
	if (o->n_sets == OPTIONS_SETS)
		return refuse("--set", "too many settings; write them into a file for --config");
	o->sets[o->n_sets++] = value;
	return 0;
}

/* "--flag value" or "--flag=value"; `*i` moves on over what was used. */
static int take_flag(struct options *o, int argc, char **argv, int *i)
{
	const struct flag flags[] = {
		{ "--data", &o->data },
		{ "--config", &o->config },
		{ "--credentials", &o->credentials },
		{ "--keys", &o->keys },
		{ "--group", &o->group },
		{ "--workspace", &o->workspace },
		{ "--domain", &o->domain },
		{ "--device", &o->device },
		{ "--provider", &o->provider },
		{ "--label", &o->label },
		{ "--scopes", &o->scopes },
		{ "--slot", &o->slot },
		{ "--received-at", &o->received_at },
		{ "--api", &o->api },
		{ "--key-file", &o->key_file },
		{ "--types", &o->types },
		{ "--after", &o->after },
		{ "--limit", &o->limit },
		{ "--forward", &o->forward },
		{ "--secret-file", &o->secret_file },
		{ "--endpoint", &o->endpoint },
		{ "--from", &o->from },
		{ "--to", &o->to },
		{ "--tenant", &o->tenant },
		{ "--client-id", &o->client_id },
		{ "--check-address", &o->check_address },
		{ "--ends", &o->ends },
		{ "--kind", &o->kind },
		{ "--intent", &o->intent },
		{ "--person", &o->person },
		{ "--role", &o->role },
		{ "--reason", &o->reason },
		{ "--set", NULL },
	};
	const char *word = argv[*i], *value = NULL;
	size_t k = 0, len = strcspn(word, "=");

	while (k < countof(flags) &&
	       (strlen(flags[k].name) != len || strncmp(word, flags[k].name, len) != 0))
		k++;
	if (k == countof(flags))
		return refuse(word, "no such option");
	if (word[len] == '=')
		value = word + len + 1;
	else if (*i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0)
		value = argv[++*i];
	/* A value that begins with two dashes is a forgotten one, unless written behind "=". */
	return value ? take_value(o, &flags[k], value) : refuse(word, "wants a value");
}

/* Those that stand alone. */
static bool take_switch(struct options *o, const char *word)
{
	const struct {
		const char *name;
		bool *to;
	} switches[] = {
		{ "--json", &o->json },       { "--text", &o->text },
		{ "--explain", &o->explain }, { "--once", &o->once },
		{ "--dead", &o->dead },       { "--allow-remote", &o->allow_remote },
	};

	for (size_t i = 0; i < countof(switches); i++) {
		if (strcmp(word, switches[i].name) != 0)
			continue;
		*switches[i].to = true;
		return true;
	}
	return false;
}

int options_parse(struct options *o, int argc, char **argv)
{
	*o = (struct options){ 0 };
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		int code = 0;

		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
			word = "help";
		else if (strcmp(word, "--version") == 0)
			word = "version";
		if (take_switch(o, word))
			continue;
		if (strncmp(word, "--", 2) == 0)
			code = take_flag(o, argc, argv, &i);
		else if (o->n_words == countof(o->words))
			code = refuse(word, "is one word too many");
		else
			o->words[o->n_words++] = word;
		if (code)
			return code;
	}
	return 0;
}

int options_want(const char *value, const char *flag, const char *why)
{
	if (value && *value)
		return 0;
	(void)fprintf(stderr, "replyd: %s is missing: %s; see `replyd help`\n", flag, why);
	return EX_USAGE;
}
