#include "services/cli/admin_table.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "services/cli/admin.h"
#include "services/say.h"

/* In characters of UTF-8, not in bytes. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* The last column is not padded: no line ends in blanks. */
static void cell(const char *text, int wide, bool is_last)
{
	printf("%s%*s", text, is_last ? 0 : wide - width(text) + 2, is_last ? "\n" : "");
}

static void print_rows(struct session *db, const char *const *heads)
{
	int wide[ADMIN_TABLE_COLUMNS], columns = 0, rows = session_rows(db);

	for (; columns < ADMIN_TABLE_COLUMNS && heads[columns]; columns++) {
		wide[columns] = width(heads[columns]);
		for (int r = 0; r < rows; r++) {
			int w = width(session_value(db, r, columns));

			wide[columns] = w > wide[columns] ? w : wide[columns];
		}
	}
	for (int c = 0; c < columns; c++)
		cell(heads[c], wide[c], c + 1 == columns);
	for (int r = 0; r < rows; r++)
		for (int c = 0; c < columns; c++)
			cell(session_value(db, r, c), wide[c], c + 1 == columns);
}

int admin_table(const struct settings *s, const struct options *o, const struct admin_table *t)
{
	struct session *db;
	char why[256];
	int code = admin_open(s, o, &db);

	if (code)
		return code;
	if (session_query(db, o->json ? t->json_sql : t->rows_sql, t->n_params, t->params, why) !=
	    0)
		code = say(EX_UNAVAILABLE, why);
	else if (o->json)
		puts(session_value(db, 0, 0));
	else
		print_rows(db, t->heads);
	session_close(db);
	return code;
}
