#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <libpq-fe.h>
#include <uv.h>

#include "db/pg_wire.h"

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/pg_tx.h"

/*
 * The life of a connection:
 *
 *   CONNECTING  PQconnectPoll says what it waits for
 *   READY       pipeline mode; commands go out, their answers come in the same order
 *   LOST        libpq gave up, or we did; unanswered transactions wait for pg_wire_fail()
 *   CLOSING     dropped; the last handle frees it
 *
 * libpq never calls us, and we call it from two places only: when its socket
 * is ready (on_poll), and once per turn of the loop when something waits to be
 * sent (on_turn).  So nothing is answered from inside pg_tx_start().
 */
static void on_connecting(struct pg_wire *w);
static void on_poll(uv_poll_t *poll, int status, int events);
static void on_turn(uv_prepare_t *turn);
static void on_tick(struct timer *tick);
static void on_closed(uv_handle_t *turn);
static void on_tick_gone(struct timer *tick);

enum wire_state { WIRE_CONNECTING, WIRE_READY, WIRE_LOST, WIRE_CLOSING };

#define CONNECT_MS 10000 /* for all hosts of a conninfo together */
#define TICK_MS    1000
/* Each statement ends within statement_timeout (pg.c): a server silent for longer is not there. */
#define SILENCE_MS 30000

/* What libpq will answer next.  It answers in the order of our calls. */
enum what { WAIT_PREPARED, WAIT_DONE, WAIT_ROWS, WAIT_COMMIT, WAIT_SYNC, WAIT_LAST_SYNC };

struct expect {
	enum what what;
	int st; /* WAIT_ROWS: of which statement */
	struct pg_flight *flight;
	struct prepared *prepared;
};
/* begin, workspace, statements, commit: each perhaps prepared, which takes two; and two Syncs. */
#define EXPECT_TX     (3 * (3 + PG_STATEMENTS) + 2)
#define EXPECT_PLACES (LIMIT_PG_FLIGHTS * EXPECT_TX)

struct prepared {
	struct prepared *next;
	const struct pg_stmt *stmt;
	enum { NOT_PREPARED, PREPARING, PREPARED } state;
	char sqlstate[6]; /* why it could not be, "" when that never happened */
	char said[sizeof(((struct outcome *)0)->said)];
};

struct pg_flight {
	struct pg_tx *tx; /* NULL: cancelled */
	pg_tx_cb done;
	struct pg_answer answer;
	enum { FLIGHT_FREE, FLIGHT_FLYING } state;
};

struct pg_wire {
	struct pg_wire_params p;
	PGconn *conn;
	enum wire_state state;
	struct outcome broken;  /* set where it is noticed, told in on_turn or after reading */
	struct outcome leaving; /* it stands but is of no use: nothing more is sent, what is under
				   way lands */

	uv_poll_t *poll; /* of its own: libpq may change sockets while it connects */
	int fd;
	uv_prepare_t turn;
	struct timer tick;
	int open_handles;

	bool blocked;         /* the socket takes no more now */
	bool seen;            /* the first of `expects` has had its result, its end is to come */
	uint64_t progress_ms; /* the last answer, or the first question after silence */
	struct expect expects[EXPECT_PLACES]; /* a ring */
	size_t first, expected;
	struct prepared *prepared;
	struct pg_flight flights[LIMIT_PG_FLIGHTS];
	int flying;
};

/* The frame of every transaction. */
static const struct pg_stmt begin = { "pg_begin", "begin" };
static const struct pg_stmt commit = { "pg_commit", "commit" };
static const struct pg_stmt workspace = {
	"pg_workspace",
	"select pg_catalog.set_config('replyd.workspace', $1, true),"
	" pg_catalog.set_config('replyd.presented', $2, true)",
};

/* What went wrong ---------------------------------------------------------- */

enum blame pg_wire_blame(const char *sqlstate)
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

/* The connection failed, as libpq tells it. */
static struct outcome broken_by(struct pg_wire *w, const char *what)
{
	const char *said = w->conn ? PQerrorMessage(w->conn) : "out of memory", *words;
	char sqlstate[6];

	words = find_sqlstate(said, sqlstate);
	if (words)
		return outcome_of(pg_wire_blame(sqlstate), what, first_line(words));
	return outcome_of(BLAME_NET, what, first_line(said));
}

static void set_broken(struct pg_wire *w, struct outcome why)
{
	if (outcome_ok(&w->broken))
		w->broken = why;
	pg_wire_wake(w);
}

static void lose(struct pg_wire *w)
{
	if (w->state >= WIRE_LOST)
		return;
	w->state = WIRE_LOST;
	if (w->poll)
		(void)uv_poll_stop(w->poll);
	(void)uv_prepare_stop(&w->turn);
	timer_stop(&w->tick);
	w->p.events->lost(w->p.pg, &w->broken);
}

/* Opening and dropping ----------------------------------------------------- */

static void on_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static void on_poll_closed(uv_handle_t *poll)
{
	mem_cleanup(&poll);
}

static void close_poll(struct pg_wire *w)
{
	if (!w->poll)
		return;
	w->poll->data = NULL;
	uv_close((uv_handle_t *)w->poll, on_poll_closed);
	w->poll = NULL;
}

/* libpq's socket may be another one by now, also with the same number. */
static void watch(struct pg_wire *w, int events)
{
	int fd = PQsocket(w->conn), r;

	if (!w->poll || fd != w->fd) {
		close_poll(w);
		w->poll = mem_new(sizeof(*w->poll));
		r = uv_poll_init(&w->p.loop->uv, w->poll, fd);
		if (r < 0) {
			mem_cleanup(&w->poll);
			set_broken(w, outcome_of(BLAME_US, "watching the socket",
						 text_of(uv_strerror(r))));
			return;
		}
		w->poll->data = w;
		w->fd = fd;
	}
	(void)uv_poll_start(w->poll, events, on_poll);
}

/* Words before dbname give way to those in the conninfo, later ones win. */
static PGconn *start_connecting(const struct pg_wire_params *p)
{
	const char *password = p->password ? secret_text(p->password) : NULL;
	const char *keys[] = { "gssencmode",
			       "keepalives_idle",
			       "keepalives_interval",
			       "keepalives_count",
			       "tcp_user_timeout",
			       "dbname",
			       "client_encoding",
			       "application_name",
			       password ? "password" : NULL,
			       NULL };
	const char *values[] = { "disable",   "30",   "10",           "3",      "30000",
				 p->conninfo, "UTF8", p->application, password, NULL };

	return PQconnectStartParams(keys, values, /* expand_dbname= */ 1);
}

struct pg_wire *pg_wire_open(const struct pg_wire_params *p)
{
	struct pg_wire *w = mem_new(sizeof(*w));

	w->p = *p;
	w->broken = w->leaving = OUTCOME_OK;
	w->fd = -1;
	(void)uv_prepare_init(&p->loop->uv, &w->turn);
	timer_open(&w->tick, p->loop, on_tick);
	w->open_handles = 2;
	timer_in(&w->tick, CONNECT_MS);
	w->conn = start_connecting(p);
	if (!w->conn || PQstatus(w->conn) == CONNECTION_BAD) {
		set_broken(w, broken_by(w, "connect"));
		return w;
	}
	(void)PQsetNoticeReceiver(w->conn, on_notice, NULL);
	/* With the SQLSTATE in it, so that a refusal can be told from a failure. */
	(void)PQsetErrorVerbosity(w->conn, PQERRORS_VERBOSE);
	/* "If you have yet to call PQconnectPoll, behave as if it last returned
	 * PGRES_POLLING_WRITING." */
	watch(w, UV_WRITABLE);
	return w;
}

static void clear_answer(struct pg_answer *a)
{
	for (size_t i = 0; i < PG_STATEMENTS; i++) {
		PQclear(a->results[i]);
		a->results[i] = NULL;
	}
}

void pg_wire_drop(struct pg_wire *w)
{
	if (!w || w->state == WIRE_CLOSING)
		return;
	w->state = WIRE_CLOSING;
	for (size_t i = 0; i < LIMIT_PG_FLIGHTS; i++) {
		if (w->flights[i].state == FLIGHT_FREE)
			continue;
		if (w->flights[i].tx)
			pg_tx_clear(w->flights[i].tx);
		clear_answer(&w->flights[i].answer);
	}
	close_poll(w); /* before libpq closes its socket */
	PQfinish(w->conn);
	w->conn = NULL;
	uv_close((uv_handle_t *)&w->turn, on_closed);
	timer_drop(&w->tick, on_tick_gone);
}

static void closed_one(struct pg_wire *w)
{
	if (--w->open_handles)
		return;
	while (w->prepared) {
		struct prepared *p = w->prepared;

		w->prepared = p->next;
		mem_cleanup(&p);
	}
	mem_cleanup(&w);
}

static void on_closed(uv_handle_t *turn)
{
	closed_one(container_of(turn, struct pg_wire, turn));
}

static void on_tick_gone(struct timer *tick)
{
	closed_one(container_of(tick, struct pg_wire, tick));
}

const char *pg_wire_waiting_for(const struct pg_wire *w)
{
	if (w->state != WIRE_CONNECTING || !w->conn)
		return w->expected ? "answer" : "work";
	switch (PQstatus(w->conn)) {
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

static void on_connecting(struct pg_wire *w)
{
	const char *step = pg_wire_waiting_for(w);

	/* libpq may close this socket and open another: let go of it first. */
	if (w->poll)
		(void)uv_poll_stop(w->poll);
	switch (PQconnectPoll(w->conn)) {
	case PGRES_POLLING_READING:
		watch(w, UV_READABLE);
		return;
	case PGRES_POLLING_WRITING:
		watch(w, UV_WRITABLE);
		return;
	case PGRES_POLLING_OK:
		break;
	case PGRES_POLLING_ACTIVE: /* unused by libpq */
	case PGRES_POLLING_FAILED:
		set_broken(w, broken_by(w, step));
		lose(w);
		return;
	}
	(void)PQsetErrorVerbosity(w->conn, PQERRORS_DEFAULT);
	timer_stop(&w->tick);
	if (PQsetnonblocking(w->conn, 1) < 0 || !PQenterPipelineMode(w->conn)) {
		set_broken(w, broken_by(w, "pipeline mode"));
		lose(w);
		return;
	}
	w->state = WIRE_READY;
	watch(w, UV_READABLE);
	w->p.events->ready(w->p.pg);
}

/* Sending ------------------------------------------------------------------ */

bool pg_wire_has_room(const struct pg_wire *w)
{
	return w->state == WIRE_READY && !w->blocked && outcome_ok(&w->broken) &&
	       outcome_ok(&w->leaving) && w->flying < LIMIT_PG_FLIGHTS &&
	       w->expected + EXPECT_TX <= EXPECT_PLACES;
}

static void expect(struct pg_wire *w, struct expect e)
{
	if (!w->expected)
		w->progress_ms = clock_mono_ms();
	w->expects[(w->first + w->expected++) % EXPECT_PLACES] = e;
	if (!uv_is_active((uv_handle_t *)&w->tick.uv))
		timer_in(&w->tick, TICK_MS);
}

static void check_sent(struct pg_wire *w, int ok)
{
	if (!ok)
		set_broken(w, broken_by(w, "send"));
}

static void send_sync(struct pg_wire *w, enum what what, struct pg_flight *f)
{
	check_sent(w, PQpipelineSync(w->conn));
	expect(w, (struct expect){ .what = what, .flight = f });
}

static struct prepared *prepared_of(struct pg_wire *w, const struct pg_stmt *stmt)
{
	struct prepared *p;

	for (p = w->prepared; p; p = p->next)
		if (p->stmt == stmt)
			return p;
	p = mem_new(sizeof(*p));
	p->stmt = stmt;
	p->next = w->prepared;
	w->prepared = p;
	return p;
}

static void send_prepare(struct pg_wire *w, const struct pg_stmt *stmt)
{
	struct prepared *p = prepared_of(w, stmt);

	if (p->state != NOT_PREPARED)
		return;
	p->state = PREPARING;
	check_sent(w, PQsendPrepare(w->conn, stmt->name, stmt->sql, /* nParams= */ 0, NULL));
	expect(w, (struct expect){ .what = WAIT_PREPARED, .prepared = p });
	send_sync(w, WAIT_SYNC, NULL);
}

static void send_statement(struct pg_wire *w, const struct pg_stmt *stmt,
			   const struct pg_tx_params *v, struct expect e)
{
	e.prepared = prepared_of(w, stmt);
	check_sent(w,
		   PQsendQueryPrepared(w->conn, stmt->name, v->n, v->values, v->lengths, v->formats,
				       /* resultFormat= */ 0));
	expect(w, e);
}

static struct pg_flight *take_flight(struct pg_wire *w, struct pg_tx *tx)
{
	struct pg_flight *f = w->flights;

	while (f->state != FLIGHT_FREE)
		f++;
	*f = (struct pg_flight){ .tx = tx, .done = tx->done, .state = FLIGHT_FLYING };
	f->answer.outcome = OUTCOME_OK;
	w->flying++;
	return f;
}

void pg_wire_send(struct pg_wire *w, struct pg_tx *tx)
{
	bool walled = tx->workspace[0] || tx->presented[0];
	struct pg_flight *f;
	struct pg_tx_params v = { .n = 0 };

	assert(w->state == WIRE_READY && w->flying < LIMIT_PG_FLIGHTS);
	f = take_flight(w, tx);
	send_prepare(w, &begin);
	send_prepare(w, &commit);
	if (walled)
		send_prepare(w, &workspace);
	for (int i = 0; i < tx->n; i++)
		send_prepare(w, tx->st[i].stmt);

	send_statement(w, &begin, &v, (struct expect){ .what = WAIT_DONE, .flight = f });
	if (walled) {
		v = (struct pg_tx_params){ .n = 2, .values = { tx->workspace, tx->presented } };
		send_statement(w, &workspace, &v,
			       (struct expect){ .what = WAIT_DONE, .flight = f });
	}
	for (int i = 0; i < tx->n; i++) {
		pg_tx_params(tx, i, &v);
		send_statement(w, tx->st[i].stmt, &v,
			       (struct expect){ .what = WAIT_ROWS, .st = i, .flight = f });
	}
	send_sync(w, WAIT_SYNC, f);
	v.n = 0;
	send_statement(w, &commit, &v, (struct expect){ .what = WAIT_COMMIT, .flight = f });
	send_sync(w, WAIT_LAST_SYNC, f);

	f->answer.n = tx->n;
	pg_tx_clear(tx);
	tx->flight = f;
	tx->state = PG_TX_SENT;
	w->blocked = PQflush(w->conn) == 1;
	if (w->blocked && w->poll)
		(void)uv_poll_start(w->poll, UV_READABLE | UV_WRITABLE, on_poll);
}

void pg_wire_wake(struct pg_wire *w)
{
	if (w->state < WIRE_LOST)
		(void)uv_prepare_start(&w->turn, on_turn);
}

static void on_turn(uv_prepare_t *turn)
{
	struct pg_wire *w = container_of(turn, struct pg_wire, turn);

	(void)uv_prepare_stop(turn);
	if (outcome_ok(&w->broken) && w->state == WIRE_READY)
		w->p.events->fill(w->p.pg);
	if (!outcome_ok(&w->broken))
		lose(w);
}

void pg_wire_forget(struct pg_tx *tx)
{
	if (tx->flight)
		tx->flight->tx = NULL;
}

/* Hearing ------------------------------------------------------------------ */

static void keep_words(char *dst, size_t size, const PGresult *result)
{
	/* The primary message alone: details quote rows, and rows are not for logs. */
	const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	text_printable(dst, size, text_of(said ? said : PQresultErrorMessage(result)));
}

static void fail_flight(struct pg_flight *f, const char *sqlstate, const char *what,
			const char *said)
{
	if (!outcome_ok(&f->answer.outcome))
		return;
	(void)snprintf(f->answer.sqlstate, sizeof(f->answer.sqlstate), "%s", sqlstate);
	f->answer.outcome = outcome_of(pg_wire_blame(sqlstate), what, text_of(said));
}

/* Errors after which this connection is of no use, although it stands: another one will do better.
 */
static bool is_sound(struct pg_wire *w, const char *sqlstate, const PGresult *result)
{
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
	const char *what = NULL;

	if (strcmp(sqlstate, "26000") == 0)
		what = "prepared statements are gone";
	else if (strcmp(sqlstate, "25006") == 0)
		what = "the server is read-only";
	/* "cached plan must not change result type": a migration changed a table under us. */
	else if (strcmp(sqlstate, "0A000") == 0 && function &&
		 strcmp(function, "RevalidateCachedQuery") == 0)
		what = "the schema has changed";
	if (what && outcome_ok(&w->leaving))
		w->leaving = outcome_of(BLAME_REFUSED, what, text_of(""));
	return !what;
}

static void heard_error(struct pg_wire *w, const struct expect *e, const PGresult *result)
{
	const char *field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	char sqlstate[6], said[sizeof(e->prepared->said)];

	(void)snprintf(sqlstate, sizeof(sqlstate), "%s", field ? field : "");
	keep_words(said, sizeof(said), result);
	if (e->what == WAIT_PREPARED) {
		e->prepared->state = NOT_PREPARED;
		memcpy(e->prepared->sqlstate, sqlstate, sizeof(sqlstate));
		memcpy(e->prepared->said, said, sizeof(said));
		return;
	}
	/* It was never prepared: then why that failed is the answer. */
	if (strcmp(sqlstate, "26000") == 0 && e->prepared && e->prepared->sqlstate[0]) {
		fail_flight(e->flight, e->prepared->sqlstate, e->prepared->stmt->name,
			    e->prepared->said);
		return;
	}
	if (e->flight)
		fail_flight(e->flight, sqlstate, e->prepared ? e->prepared->stmt->name : "sync",
			    said);
	if (!is_sound(w, sqlstate, result) && e->flight)
		e->flight->answer.outcome.blame = BLAME_REFUSED;
}

static void heard_rows(const struct expect *e, PGresult **result)
{
	if (PQresultMemorySize(*result) > LIMIT_PG_RESULT) {
		fail_flight(e->flight, "54000", e->prepared->stmt->name,
			    "the result is larger than LIMIT_PG_RESULT");
		return;
	}
	e->flight->answer.results[e->st] = *result;
	*result = NULL;
}

static void heard_done(const struct expect *e, PGresult **result)
{
	switch (e->what) {
	case WAIT_PREPARED:
		e->prepared->state = PREPARED;
		e->prepared->sqlstate[0] = '\0';
		break;
	case WAIT_ROWS:
		heard_rows(e, result);
		break;
	case WAIT_COMMIT:
		/* Asked to commit what had failed, PostgreSQL rolls it back and says so. */
		if (strcmp(PQcmdStatus(*result), "COMMIT") != 0)
			fail_flight(e->flight, "25P02", "commit", "rolled back");
		break;
	case WAIT_DONE:
	case WAIT_SYNC:
	case WAIT_LAST_SYNC:
		break;
	}
}

/* One answer is complete: tell it.  The callback may do anything, to us too. */
static void land(struct pg_wire *w, struct pg_flight *f)
{
	struct pg_answer answer = f->answer;
	struct pg_tx *tx = f->tx;
	pg_tx_cb done = f->done;

	*f = (struct pg_flight){ .state = FLIGHT_FREE };
	w->flying--;
	if (!outcome_ok(&answer.outcome))
		clear_answer(&answer);
	if (tx) {
		pg_tx_clear(tx);
		w->p.events->answered(w->p.pg, tx, done, &answer);
	}
	clear_answer(&answer);
}

static struct expect pop(struct pg_wire *w)
{
	struct expect e = w->expects[w->first];

	w->first = (w->first + 1) % EXPECT_PLACES;
	w->expected--;
	w->seen = false;
	return e;
}

static void take_result(struct pg_wire *w, PGresult *result)
{
	struct expect *e = &w->expects[w->first], over;
	ExecStatusType status = PQresultStatus(result);

	w->seen = true;
	w->progress_ms = clock_mono_ms();
	if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
		heard_error(w, e, result);
	else if (status == PGRES_PIPELINE_ABORTED && e->what == WAIT_PREPARED)
		e->prepared->state = NOT_PREPARED;
	else if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		heard_done(e, &result);
	PQclear(result);
	/* No NULL follows a Sync. */
	if (status == PGRES_PIPELINE_SYNC) {
		over = pop(w);
		if (over.what == WAIT_LAST_SYNC)
			land(w, over.flight);
	}
}

/* PQgetResult() would wait where PQisBusy() says so, and must not be asked when nothing is under
 * way. */
static void take_results(struct pg_wire *w)
{
	while (w->state == WIRE_READY && w->expected && PQstatus(w->conn) == CONNECTION_OK &&
	       !PQisBusy(w->conn)) {
		PGresult *result = PQgetResult(w->conn);

		if (result) {
			take_result(w, result);
		} else if (w->seen) {
			(void)pop(w);
		} else {
			set_broken(w, outcome_of(BLAME_PEER, "answers out of step", text_of("")));
			return;
		}
	}
}

static void take_notifications(struct pg_wire *w)
{
	PGnotify *n;

	while (w->state == WIRE_READY && (n = PQnotifies(w->conn))) {
		w->p.events->heard(w->p.pg, n->relname);
		PQfreemem(n);
	}
}

/*
 * A read of libpq takes what fits into its buffer.  The rest makes the socket
 * ready again, unless TLS has decrypted it already: then only reading on tells.
 */
static void read_some(struct pg_wire *w)
{
	int rounds = PQsslInUse(w->conn) ? 3 : 1, waiting = 0;

	for (int i = 0; i < rounds && w->state == WIRE_READY; i++) {
		if (rounds > 1 && i < 64 && ioctl(PQsocket(w->conn), FIONREAD, &waiting) == 0 &&
		    waiting > 0)
			rounds = i + 4;
		if (!PQconsumeInput(w->conn)) {
			set_broken(w, broken_by(w, "connection"));
			break;
		}
		take_results(w);
	}
}

static void collect(struct pg_wire *w)
{
	read_some(w);
	take_notifications(w);
	if (w->state == WIRE_READY)
		w->p.events->settled(w->p.pg);
	if (w->state != WIRE_READY)
		return;
	if (PQstatus(w->conn) == CONNECTION_BAD)
		set_broken(w, broken_by(w, "connection"));
	if (!outcome_ok(&w->leaving) && !w->expected)
		set_broken(w, w->leaving);
	if (!outcome_ok(&w->broken))
		lose(w);
	else
		pg_wire_wake(w);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct pg_wire *w = poll->data;

	if (!w || w->state >= WIRE_LOST)
		return;
	if (w->state == WIRE_CONNECTING) {
		on_connecting(w);
		return;
	}
	if ((events & UV_WRITABLE) && w->blocked) {
		w->blocked = PQflush(w->conn) == 1;
		if (!w->blocked)
			(void)uv_poll_start(poll, UV_READABLE, on_poll);
		pg_wire_wake(w);
	}
	/* What ails the socket is for libpq to find by reading. */
	if ((events & UV_READABLE) || status < 0)
		collect(w);
}

static void on_tick(struct timer *tick)
{
	struct pg_wire *w = container_of(tick, struct pg_wire, tick);

	if (w->state == WIRE_CONNECTING) {
		set_broken(w, outcome_of(BLAME_NET, pg_wire_waiting_for(w),
					 text_of("no answer in time")));
	} else if (w->expected && clock_mono_ms() - w->progress_ms > SILENCE_MS) {
		set_broken(w, outcome_of(BLAME_NET, "answer", text_of("no answer in time")));
	} else if (w->expected) {
		timer_in(tick, TICK_MS);
		collect(w);
		return;
	}
	if (!outcome_ok(&w->broken))
		lose(w);
}

void pg_wire_fail(struct pg_wire *w, const struct outcome *why)
{
	/* In the order they were sent: the ring has them so, each once at its last Sync. */
	for (size_t i = 0; i < w->expected && w->state == WIRE_LOST; i++) {
		const struct expect *e = &w->expects[(w->first + i) % EXPECT_PLACES];
		char said[sizeof(why->said)];

		if (e->what != WAIT_LAST_SYNC)
			continue;
		memcpy(said, why->said, sizeof(said));
		e->flight->answer.outcome = outcome_of(BLAME_NET, why->what, text_of(said));
		land(w, e->flight);
	}
	w->expected = 0;
}
