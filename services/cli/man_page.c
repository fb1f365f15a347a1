#include "services/cli/man_page.h"

#include <sysexits.h>

#include "services/cli/command.h"
#include "services/cli/command_table.h"

/* roff reads a backslash as its own, a dash as a hyphen, and a dot or a quote that begins a line as
 * a macro. */
static void put(FILE *f, const char *text)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", f);
	for (; *text; text++) {
		if (*text == '\\')
			(void)fputs("\\e", f);
		else if (*text == '-')
			(void)fputs("\\-", f);
		else if (*text == '`')
			(void)fputs("\\(ga", f);
		else
			(void)fputc(*text, f);
	}
}

/* A term in bold, what stands behind it in italics, and below it what it is. */
static void put_item(FILE *f, const char *const term[3], const char *takes, const char *what)
{
	(void)fputs(".TP\n\\fB", f);
	for (int i = 0; i < 3 && term[i]; i++) {
		(void)fputs(i && *term[i] ? " " : "", f);
		put(f, term[i]);
	}
	(void)fputs("\\fR", f);
	if (*takes) {
		(void)fputs(" \\fI", f);
		put(f, takes);
		(void)fputs("\\fR", f);
	}
	(void)fputc('\n', f);
	put(f, what);
	(void)fputs(".\n", f);
}

static void put_commands(FILE *f, bool is_api)
{
	const struct command_row *row;

	for (size_t i = 0; (row = command_table_at(i)); i++) {
		const char *const term[3] = { "replyd", row->noun, row->verb };

		if ((row->kind == COMMAND_API) == is_api)
			put_item(f, term, row->takes, row->what);
	}
}

int man_page_print(FILE *f)
{
	const struct options_row *row;

	(void)fputs(".TH REPLYD 1 " COMMAND_DATE " \"replyd " COMMAND_VERSION
		    "\" \"User Commands\"\n"
		    ".SH NAME\nreplyd \\- watches sender inboxes for replies\n"
		    ".SH SYNOPSIS\n.B replyd\n.I command\n.RI [ options ]\n"
		    ".SH DESCRIPTION\n"
		    "Replyd watches sender inboxes for replies and tells the sequence engine\n"
		    "before it sends the next mail.\n"
		    "It is one program: a role of the service, everything on one machine\n"
		    ".RB ( \"replyd up\" ),\nor a command of those who run it.\n"
		    ".SH COMMANDS\n",
		    f);
	put_commands(f, false);
	(void)fputs(".SH \"COMMANDS OVER THE API\"\nFrom any machine, with\n.B \\-\\-api\nand\n"
		    ".BR \\-\\-key\\-file .\n",
		    f);
	put_commands(f, true);
	(void)fputs(".SH OPTIONS\n.BR \\-\\-data , \\-\\-config , \\-\\-set\nand\n.B \\-\\-json\n"
		    "may stand behind any command.\n",
		    f);
	for (size_t i = 0; (row = options_at(i)); i++) {
		const char *const term[3] = { row->name };

		put_item(f, term, row->value ? row->value : "", row->what);
	}
	(void)fputs(".SH \"EXIT STATUS\"\n", f);
	for (const struct command_exit *e = command_help_exits; e->text; e++) {
		(void)fprintf(f, ".TP\n.B %d\n", e->code);
		put(f, e->text);
		(void)fputs(".\n", f);
	}
	(void)fputs(".SH ENVIRONMENT\n.TP\n.B DATABASE_URL\n"
		    "PostgreSQL, where it is not the private one of\n.BR \"replyd up\" .\n"
		    ".TP\n.BR REPLYD_API_URL \", \" REPLYD_API_KEY\n"
		    "In place of\n.B \\-\\-api\nand\n.BR \\-\\-key\\-file .\n"
		    ".TP\n.B REPLYD_*\nAny other setting;\n.B replyd config print\nlists them.\n",
		    f);
	return fflush(f) == 0 && !ferror(f) ? 0 : EX_IOERR;
}
