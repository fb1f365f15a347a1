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

#define ROW(flag, member, value, what, everywhere)                                                 \
	{                                                                                          \
		"--" flag, value, what, offsetof(struct options, member), everywhere               \
	}

/* clang-format off */
static const struct options_row rows[] = {
	ROW("data", data, "DIR", "the folder of `replyd up`, which keeps database, secrets and state", true),
	ROW("config", config, "FILE", "settings, one name = value in a line", true),
	{ "--set", "name=value", "one setting, in front of the file and the environment; may be given often", OPTIONS_MANY, true },
	ROW("json", json, NULL, "the answer as JSON", true),
	ROW("api", api, "URL", "where the API is (REPLYD_API_URL, else the one of this machine)", false),
	ROW("key-file", key_file, "FILE", "the API key, in a file that only you can read (else REPLYD_API_KEY)", false),
	ROW("workspace", workspace, "NAME", "name or id of a team", false),
	ROW("label", label, "TEXT", "what a key is for", false),
	ROW("scopes", scopes, "LIST", "what a key may do, with commas", false),
	ROW("group", group, "grant|token|webhook|all", "which secrets", false),
	ROW("person", person, "WHO", "as the audit names him", false),
	ROW("role", role, "viewer|operator|admin", "what he may do; viewer unless told", false),
	ROW("device", device, "ADDRESS", "the inbox that is connected by a code", false),
	ROW("provider", provider, "NAME", "whose mail service it is", false),
	ROW("domain", domain, "ID", "one domain of several: its id, tenant or client id", false),
	ROW("tenant", tenant, "TENANT", "whose domain it is, as the provider calls it", false),
	ROW("client-id", client_id, "ID", "the application at the provider", false),
	ROW("check-address", check_address, "ADDRESS", "an inbox with which the secret is tried", false),
	ROW("ends", ends, "DAY", "when the secret ends, so that it is said before", false),
	ROW("secret-file", secret_file, "FILE", "a secret, in a file that only you can read", false),
	ROW("types", types, "LIST", "only events of these types, with commas", false),
	ROW("after", after, "POSITION", "what comes behind it", false),
	ROW("limit", limit, "N", "so many and no more", false),
	ROW("once", once, NULL, "what is there, and end", false),
	ROW("forward", forward, "URL", "where each event is posted, signed", false),
	ROW("allow-remote", allow_remote, NULL, "--forward may name another machine", false),
	ROW("endpoint", endpoint, "ENDPOINT", "by its id, the beginning of that, or its URL", false),
	ROW("dead", dead, NULL, "those that were given up", false),
	ROW("from", from, "TIME", "not before", false),
	ROW("to", to, "TIME", "not after", false),
	ROW("kind", kind, "K", "what kind of mail it was", false),
	ROW("intent", intent, "I", "what its writer wanted", false),
	ROW("reason", reason, "R", "why", false),
	ROW("received-at", received_at, "TIME", "what a day in a mail is relative to", false),
	ROW("text", text, NULL, "what is given is a body, not a mail", false),
	ROW("explain", explain, NULL, "the rules that spoke", false),
	ROW("credentials", credentials, "FILE|fd:N", "the secrets of a role", false),
	ROW("keys", keys, "fd:N", "where new keys come from", false),
	ROW("slot", slot, "TEXT", "the place of a process, which it takes over from the one before", false),
};
/* clang-format on */

const struct options_row *options_at(size_t i)
{
	return i < countof(rows) ? &rows[i] : NULL;
}

const struct options_row *options_find(const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < countof(rows); i++)
		if (strlen(rows[i].name) == len && strncmp(word, rows[i].name, len) == 0)
			return &rows[i];
	return NULL;
}

static void *member(struct options *o, const struct options_row *row)
{
	return (char *)o + row->at;
}

static int take_value(struct options *o, const struct options_row *row, const char *value)
{
	if (row->at != OPTIONS_MANY) {
		*(const char **)member(o, row) = value;
		return 0;
	}
	if (o->n_sets == OPTIONS_SETS)
		return refuse("--set", "too many settings; write them into a file for --config");
	o->sets[o->n_sets++] = value;
	return 0;
}

/* "--flag", "--flag value" or "--flag=value"; `*i` moves on over what was used. */
static int take_option(struct options *o, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *behind = strchr(word, '='), *value = NULL;
	const struct options_row *row = options_find(word);

	/* Those that stand alone have no value. */
	if (!row || (!row->value && behind))
		return refuse(word, "no such option");
	if (!row->value) {
		*(bool *)member(o, row) = true;
		return 0;
	}
	if (behind)
		value = behind + 1;
	else if (*i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0)
		value = argv[++*i];
	/* A value that begins with two dashes is a forgotten one, unless written behind "=". */
	return value ? take_value(o, row, value) : refuse(word, "wants a value");
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
		if (strncmp(word, "--", 2) == 0)
			code = take_option(o, argc, argv, &i);
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
