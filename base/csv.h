#ifndef BASE_CSV_H
#define BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/*
 * Comma-separated values (RFC 4180) as spreadsheets and administrators' consoles
 * export them: with or without a byte order mark, CRLF or LF, and with commas,
 * semicolons or tabs between the fields, whichever the first line has most of.
 * Pure.
 *
 *   struct csv c;
 *   struct csv_row row;
 *
 *   csv_init(&c, bytes, n);
 *   while ((r = csv_next(&c, &row)) > 0)
 *           use(row.line, row.fields[0]);
 */
#define CSV_FIELDS 64 /* of a row; a directory's export has about 30 */

struct csv_row {
	unsigned line; /* of the file, from 1: where the row begins */
	size_t n;
	struct text fields[CSV_FIELDS]; /* without quotes; good as long as the bytes */
};

struct csv {
	char *at, *end;
	char separator;
	unsigned line;
};

/* `bytes` are borrowed and written to: quotes are taken out where they stand. */
void csv_init(struct csv *c, char *bytes, size_t n);
/*
 * The next row that is not blank: 1; 0: there is none.  Or, with `ret->line` set:
 * -EBADMSG: a quote that is never closed, or something behind a closing one;
 * -E2BIG: more than CSV_FIELDS fields.  After an error the rest has no meaning.
 */
int csv_next(struct csv *c, struct csv_row *ret);

#endif
