#include "db/pg_dial.h"

#include <stddef.h>

static void on_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

#define WORDS 16

struct words {
	const char *keys[WORDS + 1], *values[WORDS + 1]; /* a NULL ends them */
	size_t n;
};

static void add(struct words *w, const char *key, const char *value)
{
	w->keys[w->n] = key;
	w->values[w->n++] = value;
}

/* Words before dbname give way to those in the conninfo, later ones win. */
PGconn *pg_dial_start(const struct pg_dial *d)
{
	struct words w = { .n = 0 };
	PGconn *conn;

	add(&w, "gssencmode", "disable"); /* its library would block on its own servers */
	add(&w, "keepalives_idle", "30");
	add(&w, "keepalives_interval", "10");
	add(&w, "keepalives_count", "3");
	add(&w, "tcp_user_timeout", "30000");
	add(&w, "dbname", d->conninfo);
	add(&w, "client_encoding", "UTF8");
	add(&w, "application_name", d->application);
	if (d->password)
		add(&w, "password", secret_text(d->password));
	if (d->hosts) {
		add(&w, "host",
		    (const char *)d->hosts->host.data); /* certificates are checked against it */
		add(&w, "hostaddr", (const char *)d->hosts->hostaddr.data);
		add(&w, "port", (const char *)d->hosts->port.data);
	}
	conn = PQconnectStartParams(w.keys, w.values, /* expand_dbname= */ 1);
	if (!conn)
		return NULL;
	(void)PQsetNoticeReceiver(conn, on_notice, NULL);
	/* With the SQLSTATE in it, so that a refusal can be told from a failure. */
	(void)PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	return conn;
}

const char *pg_dial_waiting_for(const PGconn *conn)
{
	switch (PQstatus(conn)) {
	case CONNECTION_NEEDED:
	case CONNECTION_STARTED:
	case CONNECTION_MADE:
		return "connection";
	case CONNECTION_SSL_STARTUP:
	case CONNECTION_GSS_STARTUP:
		return "tls handshake";
	case CONNECTION_AWAITING_RESPONSE:
	case CONNECTION_SETENV:
		return "login";
	case CONNECTION_AUTH_OK:
		return "session";
	case CONNECTION_CHECK_WRITABLE:
	case CONNECTION_CONSUME:
	case CONNECTION_CHECK_TARGET:
	case CONNECTION_CHECK_STANDBY:
		return "word whether it is a primary";
	case CONNECTION_OK:
	case CONNECTION_BAD:
		break;
	}
	return "connect";
}
