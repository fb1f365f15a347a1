#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "db/session.h"

#include "base/mem.h"
#include "base/text.h"

struct session {
	PGconn *conn;
	PGresult *result; /* of the last session_query() */
	char sqlstate[6];
};

#define STR_(x) #x
#define STR(x)  STR_(x)

/* What libpq said, on one line and without its trailing break. */
static void one_line(char *dst, size_t size, const char *said)
{
	struct text t = text_trim(text_of(said));

	text_printable(dst, size, t);
	/* Breaks and the tabs of libpq's second lines were made '?': they read better as spaces. */
	for (size_t i = 0; dst[i]; i++)
		if (t.at[i] == '\n' || t.at[i] == '\t')
			dst[i] = ' ';
}

/* Words that libpq and PostgreSQL put before their own, and that tell a person nothing. */
static const char *without_level(const char *said)
{
	static const char *const levels[] = { "ERROR:  ", "FATAL:  ", "ERROR: ", "FATAL: " };

	for (size_t i = 0; i < countof(levels); i++)
		if (strncmp(said, levels[i], strlen(levels[i])) == 0)
			return said + strlen(levels[i]);
	return said;
}

static void on_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/*
 * Later words win: the ones before dbname give way to those in `conninfo`, the
 * ones after it do not.
 */
#define WORDS 8
static void connect_words(const char *conninfo, const struct secret *password,
			  const char *application, const char *keys[WORDS],
			  const char *values[WORDS])
{
	const char *k[WORDS] = { "connect_timeout", "gssencmode",       "dbname",
				 "client_encoding", "application_name", "password" };
	const char *v[WORDS] = { STR(SESSION_CONNECT_S),
				 "disable",
				 conninfo,
				 "UTF8",
				 application,
				 password ? secret_text(password) : NULL };

	/* A key without a value would end the list for libpq: an empty one is ignored. */
	for (size_t i = 0; i < WORDS; i++) {
		keys[i] = k[i];
		values[i] = v[i] ? v[i] : "";
	}
	if (!password)
		keys[5] = NULL;
}

/* Why there is no connection.  libpq's text is in the server's language, PQping tells it apart by
 * the protocol. */
static int refused(PGPing ping, const char *said, char why[256])
{
	switch (ping) {
	case PQPING_OK:
		(void)snprintf(
			why, SESSION_WHY,
			"PostgreSQL refuses us: %s; check the role, its password and the database",
			said);
		return -EACCES;
	case PQPING_REJECT:
		(void)snprintf(why, SESSION_WHY,
			       "PostgreSQL accepts no connections now: %s; try again shortly",
			       said);
		return -ECONNREFUSED;
	case PQPING_NO_RESPONSE:
	case PQPING_NO_ATTEMPT:
		break;
	}
	(void)snprintf(why, SESSION_WHY,
		       "PostgreSQL cannot be reached: %s; check that it runs and that DATABASE_URL "
		       "names it",
		       said);
	return -ECONNREFUSED;
}

static int connect_to(struct session *s, const char *const *keys, const char *const *values,
		      char why[256])
{
	PGPing ping = PQPING_OK;
	char said[160];

	/* A server can come up between an attempt and the ping: only what fails again, after a ping
	 * was answered, is about us. */
	for (int attempt = 0; attempt < 2 && ping == PQPING_OK; attempt++) {
		PQfinish(s->conn);
		s->conn = PQconnectdbParams(keys, values, /* expand_dbname= */ 1);
		if (PQstatus(s->conn) == CONNECTION_OK)
			return 0;
		ping = PQpingParams(keys, values, /* expand_dbname= */ 1);
	}
	one_line(said, sizeof(said), PQerrorMessage(s->conn));
	return refused(ping, said, why);
}

int session_open(const char *conninfo, const struct secret *password, const char *application,
		 struct session **ret, char why[256])
{
	const char *keys[WORDS], *values[WORDS];
	PQconninfoOption *parsed = PQconninfoParse(conninfo, /* errmsg= */ NULL);
	struct session *s;
	int r;

	if (!parsed) {
		(void)snprintf(why, SESSION_WHY,
			       "this is no PostgreSQL address; write "
			       "postgresql://user@host:port/database or key=value words");
		return -EINVAL;
	}
	PQconninfoFree(parsed);
	connect_words(conninfo, password, application, keys, values);
	s = mem_new(sizeof(*s));
	r = connect_to(s, keys, values, why);
	if (r) {
		session_close(s);
		return r;
	}
	PQsetNoticeReceiver(s->conn, on_notice, NULL);
	*ret = s;
	return 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	PQclear(s->result);
	PQfinish(s->conn);
	mem_cleanup(&s);
}

/* Takes `result` over when it is to be read. */
static int answered(struct session *s, PGresult *result, bool keep, char why[256])
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	ExecStatusType status = PQresultStatus(result);
	const char *said;

	PQclear(s->result);
	s->result = NULL;
	s->sqlstate[0] = '\0';
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
	    status == PGRES_EMPTY_QUERY) {
		if (keep)
			s->result = result;
		else
			PQclear(result);
		return 0;
	}
	(void)snprintf(s->sqlstate, sizeof(s->sqlstate), "%s", sqlstate ? sqlstate : "");
	/* The primary message alone: details quote rows. */
	said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	if (!said)
		said = without_level(PQerrorMessage(s->conn));
	one_line(why, SESSION_WHY, *said ? said : "PostgreSQL ended the conversation");
	PQclear(result);
	return -EIO;
}

int session_exec(struct session *s, const char *sql, char why[256])
{
	return answered(s, PQexec(s->conn, sql), /* keep= */ false, why);
}

int session_query(struct session *s, const char *sql, int n, const char *const *params,
		  char why[256])
{
	PGresult *result =
		PQexecParams(s->conn, sql, n, NULL, params, NULL, NULL, /* resultFormat= */ 0);

	return answered(s, result, /* keep= */ true, why);
}

int session_rows(const struct session *s)
{
	return s->result ? PQntuples(s->result) : 0;
}

const char *session_value(const struct session *s, int row, int col)
{
	if (row < 0 || row >= session_rows(s) || col < 0 || col >= PQnfields(s->result))
		return "";
	return PQgetvalue(s->result, row, col);
}

const char *session_sqlstate(const struct session *s)
{
	return s->sqlstate;
}

int session_verifier(struct session *s, const char *role, const struct secret *password,
		     struct buf *ret)
{
	char *verifier =
		PQencryptPasswordConn(s->conn, secret_text(password), role, "scram-sha-256");
	int r;

	if (!verifier)
		return -EINVAL;
	r = buf_add(ret, verifier, strlen(verifier));
	PQfreemem(verifier);
	return r;
}

/* Which server process serves this session; its start tells it from a later one with the same
 * number. */
static int backend_of(struct session *s, char ret[64], char why[256])
{
	int r = session_query(
		s,
		"select pg_backend_pid() || ' ' || coalesce((select a.backend_start::text "
		"from pg_catalog.pg_stat_activity a where a.pid = pg_backend_pid()), '')",
		0, NULL, why);

	if (r == 0)
		(void)snprintf(ret, 64, "%s", session_value(s, 0, 0));
	return r;
}

/* A pool with several idle servers may serve two of us apart for a while, but not for ever. */
#define POOLER_ROUNDS 10

static int pooler_seen(struct session *a, struct session *b, char why[256])
{
	char first[64], mine[64], theirs[64];
	const char *how = NULL;
	int r = backend_of(a, first, why);

	for (int i = 0; r == 0 && !how && i < POOLER_ROUNDS; i++) {
		r = backend_of(b, theirs, why);
		if (r == 0)
			r = backend_of(a, mine, why);
		if (r < 0)
			break;
		if (strcmp(mine, first) != 0)
			how = "one session was served by two server processes";
		else if (strcmp(mine, theirs) == 0)
			how = "two sessions were served by the same server process";
	}
	if (r < 0 || !how)
		return r;
	(void)snprintf(why, SESSION_WHY,
		       "a transaction-mode pooler stands between us and PostgreSQL (%s); "
		       "LISTEN and prepared statements need a session: connect directly or set "
		       "pool_mode=session",
		       how);
	return 1;
}

int session_pooler_check(const char *conninfo, const struct secret *password, char why[256])
{
	struct session *a = NULL, *b = NULL;
	int r = session_open(conninfo, password, "replyd check", &a, why);

	if (r == 0)
		r = session_open(conninfo, password, "replyd check", &b, why);
	if (r == 0)
		r = pooler_seen(a, b, why);
	session_close(b);
	session_close(a);
	return r;
}
