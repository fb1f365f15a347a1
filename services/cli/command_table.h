#ifndef SERVICES_CLI_COMMAND_TABLE_H
#define SERVICES_CLI_COMMAND_TABLE_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * What the command line understands, told once: the program starts what a row
 * names, `replyd help` and `replyd man` print the rows, and the completion of
 * shells offers them.
 */
enum command_kind {
	COMMAND_ROLE,     /* main.c starts it: `up`, the roles, help and the like */
	COMMAND_OPERATOR, /* reads --data or DATABASE_URL */
	COMMAND_API,      /* over the HTTP API: takes --api and --key-file */
};

struct command_row {
	enum command_kind kind;
	const char *noun, *verb; /* verb "": the noun stands alone */
	size_t words;            /* the most there may be, noun and verb among them */
	int (*run)(const struct settings *s, const struct options *o); /* NULL for COMMAND_ROLE */
	const char *takes; /* behind it, in the order in which it is written: "ID [--types LIST]" */
	const char *what;  /* what it does, one sentence without its full stop */
};

/* The rows in the order of `replyd help`; NULL behind the last one. */
const struct command_row *command_table_at(size_t i);
/* The row of these words; NULL: there is none.  `verb` may be "". */
const struct command_row *command_table_find(const char *noun, const char *verb);

/* The words of "ID [--types LIST]" one by one, without brackets and dots: `*rest` moves on.  false:
 * no more. */
bool command_table_word(const char **rest, char ret[64]);

#endif
