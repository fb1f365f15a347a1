#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "db/pg_error.h"

#include "base/mem.h"
#include "base/text.h"

enum blame pg_error_blame(const char *sqlstate)
{
	static const struct {
		const char *starts;
		enum blame blame;
	} rows[] = {
		{ "08", BLAME_NET },        /* connection exception */
		{ "28", BLAME_AUTH },       /* invalid authorization */
		{ "42501", BLAME_AUTH },    /* insufficient privilege */
		{ "25006", BLAME_REFUSED }, /* read-only: a standby, or a primary being changed */
		{ "40", BLAME_REFUSED },    /* serialization failure, deadlock */
		{ "53", BLAME_REFUSED },    /* out of connections, memory, disk */
		{ "55P03", BLAME_REFUSED }, /* lock_timeout */
		{ "57", BLAME_REFUSED },    /* statement_timeout, shutdown, starting up */
	};

	for (size_t i = 0; i < countof(rows); i++)
		if (strncmp(sqlstate, rows[i].starts, strlen(rows[i].starts)) == 0)
			return rows[i].blame;
	return BLAME_US;
}

/* ":  28P01: " in a message of libpq, in whatever language the rest of it is; NULL: not there. */
static const char *find_sqlstate(const char *said, char ret[6])
{
	for (const char *at = said; (at = strstr(at, ":  ")); at++) {
		int n = 0;

		while (n < 5 &&
		       (isdigit((unsigned char)at[3 + n]) || isupper((unsigned char)at[3 + n])))
			n++;
		if (n < 5 || at[8] != ':')
			continue;
		(void)snprintf(ret, 6, "%.5s", at + 3);
		return at + 9;
	}
	return NULL;
}

static struct text first_line(const char *said)
{
	struct text line, rest;

	(void)text_cut(text_of(said), '\n', &line, &rest);
	return text_trim(line);
}

struct outcome pg_error_of_conn(const PGconn *conn, const char *what)
{
	const char *said = conn ? PQerrorMessage(conn) : "out of memory", *words;
	char sqlstate[6];

	words = find_sqlstate(said, sqlstate);
	if (words)
		return outcome_of(pg_error_blame(sqlstate), what, first_line(words));
	return outcome_of(BLAME_NET, what, first_line(said));
}

void pg_error_words(const PGresult *result, char *dst, size_t size)
{
	/* The primary message alone: details quote rows, and rows are not for logs. */
	const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	text_printable(dst, size, text_of(said ? said : PQresultErrorMessage(result)));
}
