#include "services/cli/complete.h"

#include <string.h>
#include <sysexits.h>

#include "base/embed.h"
#include "services/cli/command_table.h"

EMBED_FILE(complete_bash, "services/cli/complete.bash")
EMBED_FILE(complete_zsh, "services/cli/complete.zsh")

static void offer(FILE *f, const char *word, const char *begun, const char *what)
{
	if (strncmp(word, begun, strlen(begun)) == 0)
		(void)fprintf(f, "%s\t%s\n", word, what);
}

/* "DIR", "FILE|fd:N", "grant|token": what may be written there. */
static void offer_value(FILE *f, const char *value, const char *begun)
{
	char word[64];

	if (strncmp(value, "FILE", 4) == 0) {
		(void)fputs(":files\n", f);
		return;
	}
	if (strcmp(value, "DIR") == 0) {
		(void)fputs(":folders\n", f);
		return;
	}
	/* In capitals stands what only the writer knows. */
	if (!strchr(value, '|') || strpbrk(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		return;
	for (size_t len; *value; value += len + (value[len] == '|')) {
		len = strcspn(value, "|");
		(void)snprintf(word, sizeof(word), "%.*s", (int)len, value);
		offer(f, word, begun, "");
	}
}

static bool takes_option(const struct command_row *row, const struct options_row *option)
{
	const char *rest = row->takes;
	char word[64];

	if (option->is_everywhere)
		return true;
	if (row->kind == COMMAND_API &&
	    (strcmp(option->name, "--api") == 0 || strcmp(option->name, "--key-file") == 0))
		return true;
	while (command_table_word(&rest, word))
		if (strcmp(word, option->name) == 0)
			return true;
	return false;
}

static void offer_options(FILE *f, const struct command_row *row, const char *begun)
{
	const struct options_row *option;

	for (size_t i = 0; (option = options_at(i)); i++)
		if (row ? takes_option(row, option) : option->is_everywhere)
			offer(f, option->name, begun, option->what);
}

/* What stands at place `k` behind noun and verb, counted without options. */
static void offer_place(FILE *f, const struct command_row *row, size_t k, const char *begun)
{
	const struct options_row *option;
	const char *rest = row->takes;
	char word[64], last[64] = "";
	size_t at = 0;

	while (command_table_word(&rest, word)) {
		option = options_find(word);
		if (option && option->value)
			(void)command_table_word(&rest, word);
		if (option)
			continue;
		(void)snprintf(last, sizeof(last), "%s", word);
		if (at++ == k) {
			offer_value(f, word, begun);
			return;
		}
	}
	/* FILE... */
	if (row->words == OPTIONS_WORDS && strcmp(last, "FILE") == 0)
		offer_value(f, last, begun);
}

/* A noun may come twice: `domain` of the operator, and over the API. */
static bool is_first_of_noun(size_t i)
{
	const char *noun = command_table_at(i)->noun;

	for (size_t k = 0; k < i; k++)
		if (strcmp(command_table_at(k)->noun, noun) == 0)
			return false;
	return true;
}

static void offer_nouns(FILE *f, const char *begun)
{
	const struct command_row *row;

	for (size_t i = 0; (row = command_table_at(i)); i++)
		if (is_first_of_noun(i))
			offer(f, row->noun, begun, *row->verb ? "" : row->what);
}

static void offer_words(FILE *f, const char *const said[2], size_t n, const char *begun)
{
	const struct command_row *row;

	if (n == 0) {
		offer_nouns(f, begun);
		return;
	}
	row = command_table_find(said[0], n > 1 ? said[1] : "");
	if (row && (n > 1 || !*row->verb)) {
		offer_place(f, row, n - (*row->verb ? 2 : 1), begun);
		return;
	}
	for (size_t i = 0; n == 1 && (row = command_table_at(i)); i++)
		if (strcmp(row->noun, said[0]) == 0)
			offer(f, row->verb, begun, row->what);
}

int complete_print(FILE *f, const char *const *words, size_t n)
{
	const struct options_row *option = NULL;
	const char *said[2] = { "", "" }, *begun = words[n - 1], *value = NULL;
	size_t n_said = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		option = value || strncmp(words[i], "--", 2) != 0 ? NULL : options_find(words[i]);
		if (!value && strncmp(words[i], "--", 2) != 0) {
			if (n_said < 2)
				said[n_said] = words[i];
			n_said++;
		}
		value = option && !strchr(words[i], '=') ? option->value : NULL;
	}
	if (value) {
		offer_value(f, value, begun);
	} else if (begun[0] == '-') {
		option = strchr(begun, '=') ? options_find(begun) : NULL;
		if (option && option->value)
			offer_value(f, option->value, strchr(begun, '=') + 1);
		else
			offer_options(f, command_table_find(said[0], said[1]), begun);
	} else {
		offer_words(f, said, n_said, begun);
	}
	return fflush(f) == 0 ? 0 : EX_IOERR;
}

int complete_script(const char *shell)
{
	if (strcmp(shell, "bash") == 0)
		(void)fputs(complete_bash, stdout);
	else if (strcmp(shell, "zsh") == 0)
		(void)fputs(complete_zsh, stdout);
	else
		(void)fputs("replyd: completion: name the shell, bash or zsh\n", stderr);
	return strcmp(shell, "bash") == 0 || strcmp(shell, "zsh") == 0 ? 0 : EX_USAGE;
}
