#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "services/cli/command.h"
#include "services/cli/command_table.h"

/* `replyd help`: a line or two of each command, as a terminal shows them. */

#define COLUMN 39 /* where the words about a command begin */

const struct command_exit command_help_exits[] = {
	{ EX_OK, "done" },
	{ 1, "something is the matter with what was asked about" },
	{ EX_USAGE, "wrong usage" },
	{ EX_DATAERR, "bad input data" },
	{ EX_NOINPUT, "a file cannot be opened" },
	{ EX_UNAVAILABLE, "a service is away" },
	{ EX_SOFTWARE, "our own error" },
	{ EX_CANTCREAT, "a file cannot be made" },
	{ EX_IOERR, "a file cannot be read" },
	{ EX_TEMPFAIL, "once more, later: another one runs there" },
	{ EX_NOPERM, "not permitted" },
	{ EX_CONFIG, "wrong configuration" },
	{ 0, NULL },
};

static void print_command(const struct command_row *row)
{
	int n = printf("  replyd %s%s%s%s%s", row->noun, *row->verb ? " " : "", row->verb,
		       *row->takes ? " " : "", row->takes);

	if (n + 2 > COLUMN) {
		puts("");
		n = 0;
	}
	printf("%*s%s\n", COLUMN - n, "", row->what);
}

static size_t print_commands(const char *noun, bool is_api)
{
	const struct command_row *row;
	size_t printed = 0;

	for (size_t i = 0; (row = command_table_at(i)); i++) {
		if ((row->kind == COMMAND_API) != is_api || (*noun && strcmp(noun, row->noun) != 0))
			continue;
		print_command(row);
		printed++;
	}
	return printed;
}

static void print_options(void)
{
	const struct options_row *row;

	for (size_t i = 0; (row = options_at(i)); i++) {
		int n = printf("  %s%s%s", row->name, row->value ? " " : "",
			       row->value ? row->value : "");

		printf("%*s%s\n", n + 2 > COLUMN ? 2 : COLUMN - n, "", row->what);
	}
}

int command_help(const char *noun)
{
	if (*noun) {
		if (print_commands(noun, false) + print_commands(noun, true) > 0)
			return 0;
		(void)fprintf(stderr, "replyd: %s: no such command; see `replyd help`\n", noun);
		return EX_USAGE;
	}
	puts("replyd watches sender inboxes for replies and tells the sequence engine before it "
	     "sends the next mail.\n");
	(void)print_commands(noun, false);
	puts("\nFor developers, over the HTTP API and from any machine (docs/webhooks.md), with "
	     "--api and --key-file:\n");
	(void)print_commands(noun, true);
	puts("\nOptions; --data, --config, --set and --json may stand behind any command:\n");
	print_options();
	puts("\nExit codes:\n");
	for (const struct command_exit *e = command_help_exits; e->text; e++)
		printf("  %-3d %s\n", e->code, e->text);
	return 0;
}
