#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "db/pg.h"

#include "base/limits.h"
#include "base/text.h"

static const PGresult *result_of(const struct pg_answer *a, int st)
{
	assert(st >= 0 && st < PG_STATEMENTS);
	return a->results[st];
}

/* A column that the statement does not have is our mistake, not the data's. */
static const PGresult *cell_of(const struct pg_answer *a, int st, int row, int col)
{
	const PGresult *r = result_of(a, st);

	assert(r && row >= 0 && row < PQntuples(r) && col >= 0 && col < PQnfields(r));
	return r;
}

bool pg_row_is_null(const struct pg_answer *a, int st, int row, int col)
{
	return PQgetisnull(cell_of(a, st, row, col), row, col);
}

const char *pg_row_text(const struct pg_answer *a, int st, int row, int col)
{
	return PQgetvalue(cell_of(a, st, row, col), row, col);
}

int64_t pg_row_i64(const struct pg_answer *a, int st, int row, int col)
{
	return strtoll(pg_row_text(a, st, row, col), NULL, 10);
}

bool pg_row_bool(const struct pg_answer *a, int st, int row, int col)
{
	return *pg_row_text(a, st, row, col) == 't';
}

double pg_row_double(const struct pg_answer *a, int st, int row, int col)
{
	return strtod(pg_row_text(a, st, row, col), NULL);
}

int64_t pg_row_time(const struct pg_answer *a, int st, int row, int col)
{
	return pg_row_is_null(a, st, row, col) ? INT64_MIN : pg_row_i64(a, st, row, col);
}

int pg_row_bytes(const struct pg_answer *a, int st, int row, int col, struct buf *ret)
{
	const char *hex = pg_row_text(a, st, row, col);

	/* bytea_output = hex is set when a connection begins (pg.c). */
	if (strncmp(hex, "\\x", 2) == 0)
		hex += 2;
	return text_from_hex(ret, text_of(hex));
}

void pg_row_box(const struct pg_answer *a, int st, int row, int col, struct buf *keep,
		const uint8_t **ret, size_t *ret_n)
{
	*ret = NULL;
	*ret_n = 0;
	buf_init(keep, LIMIT_OAUTH_SEALED);
	if (pg_row_bytes(a, st, row, col, keep) < 0)
		return;
	*ret = keep->data;
	*ret_n = keep->len;
}

int64_t pg_row_stale_s(uint64_t stale_ms)
{
	return stale_ms == UINT64_MAX ? (int64_t)100 * 365 * 24 * 3600
				      : (int64_t)(stale_ms + 999) / 1000;
}
