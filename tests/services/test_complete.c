#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "services/cli/command.h"
#include "services/cli/command_table.h"
#include "services/cli/complete.h"
#include "services/cli/man_page.h"

#define WORDS 6

/* The words that are offered, each with a blank behind it; what they are is cut off. */
static void offered(const char *const *words, char ret[2048])
{
	char *text = NULL, *line, *save;
	size_t size = 0, n = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	while (n < WORDS && words[n])
		n++;
	assert_int_equal(complete_print(f, words, n), 0);
	(void)fclose(f);
	ret[0] = '\0';
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		(void)snprintf(ret + strlen(ret), 2048 - strlen(ret), "%.*s ",
			       (int)strcspn(line, "\t"), line);
	free(text);
}

static void offers(void **state)
{
	static const struct {
		const char *name, *words[WORDS + 1], *want;
	} rows[] = {
		{ "a noun, begun", { "wor" }, "workspace worker " },
		{ "a noun of both parts, once", { "doma" }, "domain " },
		{ "no noun", { "xyz" }, "" },
		{ "verbs", { "worker", "" }, "list drain undrain " },
		{ "verbs of both parts", { "domain", "" }, "list import add renew remove " },
		{ "a verb, begun", { "endpoint", "e" }, "enable " },
		{ "options in front do not count", { "--data", "x", "worker", "d" }, "drain " },
		{ "an option with its value", { "--data=x", "worker", "d" }, "drain " },
		{ "one that stands alone", { "--json", "worker", "d" }, "drain " },
		{ "of the command, and of all",
		  { "key", "rotate", "--" },
		  "--data --config --set --json --group " },
		{ "of one over the API",
		  { "prospect", "stop", "--" },
		  "--data --config --set --json --api --key-file --reason " },
		{ "one of them, begun", { "key", "create", "--sc" }, "--scopes " },
		{ "values to choose from",
		  { "key", "rotate", "--group", "" },
		  "grant token webhook all " },
		{ "begun", { "key", "rotate", "--group", "t" }, "token " },
		{ "behind =", { "console", "link", "--role=v" }, "viewer " },
		{ "a file", { "up", "--config", "" }, ":files " },
		{ "a folder", { "up", "--data", "v" }, ":folders " },
		{ "a value that only its writer knows", { "key", "create", "--label", "" }, "" },
		{ "an option's value is no verb", { "key", "--label", "list", "cr" }, "create " },
		{ "on or off", { "workspace", "match-company", "acme", "o" }, "on off " },
		{ "a file in its place", { "domain", "import", "" }, ":files " },
		{ "behind it there is none", { "domain", "import", "x", "" }, "" },
		{ "files and files", { "classify", "a", "b", "" }, ":files " },
		{ "an id", { "worker", "drain", "" }, "" },
		{ "shells", { "completion", "" }, "bash zsh " },
		{ "a verb that is none", { "worker", "dance", "" }, "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char got[2048];

		offered(rows[i].words, got);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, got);
	}
}

/* ---- the tables ---- */

static bool is_named(const char *option)
{
	const struct command_row *row;
	char word[64];

	for (size_t i = 0; (row = command_table_at(i)); i++)
		for (const char *rest = row->takes; command_table_word(&rest, word);)
			if (strcmp(word, option) == 0)
				return true;
	return false;
}

static void every_option_is_some_commands(void **state)
{
	const struct options_row *option;

	(void)state;
	for (size_t i = 0; (option = options_at(i)); i++)
		if (!option->is_everywhere && strcmp(option->name, "--api") != 0 &&
		    strcmp(option->name, "--key-file") != 0 && !is_named(option->name))
			fail_msg("%s: no command of the table takes it", option->name);
}

static void every_command_takes_what_there_is(void **state)
{
	const struct command_row *row;
	const struct options_row *option;
	char word[64];

	(void)state;
	for (size_t i = 0; (row = command_table_at(i)); i++) {
		if (command_table_find(row->noun, row->verb) != row)
			fail_msg("%s %s: another row hides it", row->noun, row->verb);
		if ((row->kind == COMMAND_ROLE) != !row->run)
			fail_msg("%s %s: nobody runs it, or two do", row->noun, row->verb);
		assert_true(*row->what && row->what[strlen(row->what) - 1] != '.');
		for (const char *rest = row->takes; command_table_word(&rest, word);) {
			if (strncmp(word, "--", 2) != 0)
				continue;
			option = options_find(word);
			if (!option)
				fail_msg("%s %s: %s is no option", row->noun, row->verb, word);
			if (option && option->value &&
			    (!command_table_word(&rest, word) || strncmp(word, "--", 2) == 0))
				fail_msg("%s %s: %s without its value", row->noun, row->verb,
					 option->name);
		}
	}
}

/* Whatever the tables hold stands in the page, and no line of text is read as a macro. */
static void page_has_all(void **state)
{
	static const char *const some[] = {
		"\\fBreplyd worker drain\\fR \\fIID\\fR\nits inboxes go to the others",
		"\\fBreplyd api\\-key list\\fR \\fI[\\-\\-workspace NAME]\\fR\n",
		"\\fB\\-\\-key\\-file\\fR \\fIFILE\\fR\nthe API key,",
		".TP\n.B 78\nwrong configuration.\n",
	};
	char *text = NULL;
	size_t size = 0, items = 0, want = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_non_null(f);
	assert_int_equal(man_page_print(f), 0);
	(void)fclose(f);
	for (size_t i = 0; i < countof(some); i++)
		if (!strstr(text, some[i]))
			fail_msg("the page lacks %s", some[i]);
	while (command_table_at(want))
		want++;
	for (size_t i = 0; options_at(i); i++)
		want++;
	for (const struct command_exit *e = command_help_exits; e->text; e++)
		want++;
	for (const char *at = text; (at = strstr(at, ".TP\n")); at++)
		items++;
	assert_int_equal(items, want + 3); /* and three of the environment */
	for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
		if (*at == '\'' || (*at == '.' && (at[1] < 'A' || at[1] > 'Z')))
			fail_msg("a line that roff takes for a macro: %.40s", at);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers),
		cmocka_unit_test(every_option_is_some_commands),
		cmocka_unit_test(every_command_takes_what_there_is),
		cmocka_unit_test(page_has_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
