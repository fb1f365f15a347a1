#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "services/cli/options.h"

static int refuse(const char *word, const char *why)
{
	fprintf(stderr, "replyd: %s: %s; see `replyd help`\n", word, why);
	return EX_USAGE;
}

int options_parse(struct options *o, int argc, char **argv)
{
	const struct {
		const char *flag;
		const char **to;
	} valued[] = {
		{ "--data", &o->data },
		{ "--config", &o->config },
		{ "--credentials", &o->credentials },
		{ "--workspace", &o->workspace },
		{ "--label", &o->label },
		{ "--scopes", &o->scopes },
	};

	*o = (struct options){ 0 };
	for (int i = 1; i < argc; i++) {
		const char *value = NULL;
		size_t k, len = strcspn(argv[i], "=");

		if (strcmp(argv[i], "--json") == 0) {
			o->json = true;
			continue;
		}
		if (strncmp(argv[i], "--", 2) != 0) {
			if (o->n_words == countof(o->words))
				return refuse(argv[i], "is one word too many");
			o->words[o->n_words++] = argv[i];
			continue;
		}
		/* Both "--flag value" and "--flag=value". */
		if (argv[i][len] == '=')
			value = argv[i] + len + 1;
		else if (i + 1 < argc)
			value = argv[i + 1];
		for (k = 0; k < countof(valued); k++)
			if (strlen(valued[k].flag) == len &&
			    strncmp(argv[i], valued[k].flag, len) == 0)
				break;
		if (k == countof(valued) && !(len == 5 && strncmp(argv[i], "--set", 5) == 0))
			return refuse(argv[i], "no such option");
		if (!value)
			return refuse(argv[i], "wants a value");
		if (k < countof(valued))
			*valued[k].to = value;
		else if (o->n_sets == OPTIONS_SETS)
			return refuse(argv[i],
				      "too many settings; write them into a file for --config");
		else
			o->sets[o->n_sets++] = value;
		if (argv[i][len] != '=')
			i++;
	}
	return 0;
}

int options_want(const char *value, const char *flag, const char *why)
{
	if (value && *value)
		return 0;
	fprintf(stderr, "replyd: %s is missing: %s; see `replyd help`\n", flag, why);
	return EX_USAGE;
}
