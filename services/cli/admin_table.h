#ifndef SERVICES_CLI_ADMIN_TABLE_H
#define SERVICES_CLI_ADMIN_TABLE_H

#include "services/cli/options.h"
#include "services/settings.h"

/*
 * What PostgreSQL answers the operator with: rows under heads, each column as wide
 * as what stands in it; with --json the one value that `json_sql` makes of the same.
 * Both take the same text parameters.
 */
#define ADMIN_TABLE_COLUMNS 8

struct admin_table {
	const char *rows_sql, *json_sql;
	const char
		*heads[ADMIN_TABLE_COLUMNS + 1]; /* as many as the rows have columns, then NULL */
	const char *params[1];
	int n_params;
};

/* 0, or an exit code after one line that says what and why. */
int admin_table(const struct settings *s, const struct options *o, const struct admin_table *t);

#endif
