#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "tests/db/race.h"

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/seed.h"

void race_open(struct race *r, const char *database, const char *role)
{
	const struct secret *password = pgtest_password(role);
	const char *keys[] = { "dbname", password ? "password" : NULL, NULL };
	const char *values[] = { pgtest_conninfo(database, role),
				 password ? secret_text(password) : NULL, NULL };

	memset(r, 0, sizeof(*r));
	r->conn = PQconnectdbParams(keys, values, 1);
	assert_int_equal(PQstatus(r->conn), CONNECTION_OK);
	race_run(r, "set search_path = replyd, pg_temp");
	race_run(r, "set replyd.workspace = '" SEED_WS "'");
}

void race_close(struct race *r)
{
	PQfinish(r->conn);
	r->conn = NULL;
}

static void send_all(struct race *r, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
static void send_all(struct race *r, const char *fmt, va_list args)
{
	char *sql;

	assert_true(vasprintf(&sql, fmt, args) >= 0);
	assert_int_equal(PQsendQuery(r->conn, sql), 1);
	mem_cleanup(&sql);
}

void race_send(struct race *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	send_all(r, fmt, args);
	va_end(args);
}

void race_waits(struct race *r, struct session *admin)
{
	const struct timespec moment = { .tv_nsec = 2 * 1000 * 1000 };

	for (int i = 0; i < 5000; i++) {
		const char *waits = pgtest_value(admin,
						 "select count(*) from pg_catalog.pg_stat_activity"
						 " where pid = %d and wait_event_type = 'Lock'",
						 PQbackendPID(r->conn));

		if (strcmp(waits, "1") == 0)
			return;
		(void)nanosleep(&moment, NULL);
	}
	fail_msg("it does not wait");
}

const char *race_answer(struct race *r)
{
	PGresult *result;
	const char *sqlstate;

	r->answer[0] = r->sqlstate[0] = '\0';
	while ((result = PQgetResult(r->conn))) {
		sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		if (sqlstate) {
			(void)snprintf(r->sqlstate, sizeof(r->sqlstate), "%s", sqlstate);
			(void)snprintf(r->answer, sizeof(r->answer), "!%s", sqlstate);
		} else if (PQntuples(result) > 0) {
			(void)snprintf(r->answer, sizeof(r->answer), "%s",
				       PQgetvalue(result, 0, 0));
		}
		PQclear(result);
	}
	return r->answer;
}

const char *race_run(struct race *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	send_all(r, fmt, args);
	va_end(args);
	return race_answer(r);
}
