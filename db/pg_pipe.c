#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "db/pg_pipe.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/pg_error.h"
#include "db/pg_tx.h"

struct pg_prepared {
	struct pg_prepared *next;
	const struct pg_stmt *stmt;
	enum { NOT_PREPARED, PREPARING, PREPARED } state;
	char sqlstate[6]; /* why it could not be, "" when that never happened */
	char said[sizeof(((struct outcome *)0)->said)];
};

/* The frame of every transaction. */
static const struct pg_stmt begin = { "pg_begin", "begin" };
static const struct pg_stmt commit = { "pg_commit", "commit" };
static const struct pg_stmt workspace = {
	"pg_workspace",
	"select pg_catalog.set_config('replyd.workspace', $1, true),"
	" pg_catalog.set_config('replyd.presented', $2, true)",
};

void pg_pipe_init(struct pg_pipe *p, PGconn *conn)
{
	*p = (struct pg_pipe){ .conn = conn, .broken = OUTCOME_OK, .leaving = OUTCOME_OK };
}

void pg_pipe_answer_clear(struct pg_answer *a)
{
	for (size_t i = 0; i < PG_STATEMENTS; i++) {
		PQclear(a->results[i]);
		a->results[i] = NULL;
	}
}

void pg_pipe_clear(struct pg_pipe *p)
{
	for (size_t i = 0; i < LIMIT_PG_FLIGHTS; i++) {
		struct pg_flight *f = &p->flights[i];

		if (f->state == PG_FLIGHT_FREE)
			continue;
		if (f->tx)
			pg_tx_clear(f->tx);
		pg_pipe_answer_clear(&f->answer);
		f->state = PG_FLIGHT_FREE;
	}
	while (p->prepared) {
		struct pg_prepared *one = p->prepared;

		p->prepared = one->next;
		mem_cleanup(&one);
	}
	p->expected = 0;
	p->flying = 0;
}

bool pg_pipe_has_room(const struct pg_pipe *p)
{
	return outcome_ok(&p->broken) && outcome_ok(&p->leaving) && p->flying < LIMIT_PG_FLIGHTS &&
	       p->expected + PG_PIPE_TX <= PG_PIPE_PLACES;
}

/* Asking ------------------------------------------------------------------- */

static void set_broken(struct pg_pipe *p, struct outcome why)
{
	if (outcome_ok(&p->broken))
		p->broken = why;
}

static void expect(struct pg_pipe *p, struct pg_expect e)
{
	if (!p->expected)
		p->progress_ms = clock_mono_ms();
	p->expects[(p->first + p->expected++) % PG_PIPE_PLACES] = e;
}

static void check_sent(struct pg_pipe *p, int ok)
{
	if (!ok)
		set_broken(p, pg_error_of_conn(p->conn, "send"));
}

static void send_sync(struct pg_pipe *p, enum pg_pipe_what what, struct pg_flight *f)
{
	check_sent(p, PQpipelineSync(p->conn));
	expect(p, (struct pg_expect){ .what = what, .flight = f });
}

static struct pg_prepared *prepared_of(struct pg_pipe *p, const struct pg_stmt *stmt)
{
	struct pg_prepared *one;

	for (one = p->prepared; one; one = one->next)
		if (one->stmt == stmt)
			return one;
	one = mem_new(sizeof(*one));
	one->stmt = stmt;
	one->next = p->prepared;
	p->prepared = one;
	return one;
}

static void send_prepare(struct pg_pipe *p, const struct pg_stmt *stmt)
{
	struct pg_prepared *one = prepared_of(p, stmt);

	if (one->state != NOT_PREPARED)
		return;
	one->state = PREPARING;
	check_sent(p, PQsendPrepare(p->conn, stmt->name, stmt->sql, /* nParams= */ 0, NULL));
	expect(p, (struct pg_expect){ .what = PG_PIPE_PREPARED, .prepared = one });
	send_sync(p, PG_PIPE_SYNC, NULL);
}

static void send_statement(struct pg_pipe *p, const struct pg_stmt *stmt,
			   const struct pg_tx_params *v, struct pg_expect e)
{
	e.prepared = prepared_of(p, stmt);
	check_sent(p,
		   PQsendQueryPrepared(p->conn, stmt->name, v->n, v->values, v->lengths, v->formats,
				       /* resultFormat= */ 0));
	expect(p, e);
}

static struct pg_flight *take_flight(struct pg_pipe *p, struct pg_tx *tx)
{
	struct pg_flight *f = p->flights;

	while (f->state != PG_FLIGHT_FREE)
		f++;
	*f = (struct pg_flight){ .tx = tx, .state = PG_FLIGHT_FLYING };
	f->answer.outcome = OUTCOME_OK;
	p->flying++;
	return f;
}

static bool is_walled(const struct pg_tx *tx)
{
	return tx->workspace[0] || tx->presented;
}

static void send_begin(struct pg_pipe *p, const struct pg_tx *tx, struct pg_flight *f)
{
	struct pg_tx_params v = { .n = 0 };

	send_prepare(p, &begin);
	send_prepare(p, &commit);
	if (is_walled(tx))
		send_prepare(p, &workspace);
	send_statement(p, &begin, &v, (struct pg_expect){ .what = PG_PIPE_DONE, .flight = f });
	if (!is_walled(tx))
		return;
	v = (struct pg_tx_params){
		.n = 2, .values = { tx->workspace, tx->presented ? tx->presented : "" }
	};
	send_statement(p, &workspace, &v, (struct pg_expect){ .what = PG_PIPE_DONE, .flight = f });
}

static void send_commit(struct pg_pipe *p, struct pg_flight *f)
{
	const struct pg_tx_params none = { .n = 0 };

	send_sync(p, PG_PIPE_SYNC, f);
	send_statement(p, &commit, &none,
		       (struct pg_expect){ .what = PG_PIPE_COMMIT, .flight = f });
}

void pg_pipe_send(struct pg_pipe *p, struct pg_tx *tx)
{
	bool is_alone = tx->n == 1 && !is_walled(tx);
	struct pg_flight *f;
	struct pg_tx_params v = { .n = 0 };

	assert(p->flying < LIMIT_PG_FLIGHTS);
	f = take_flight(p, tx);
	for (int i = 0; i < tx->n; i++)
		send_prepare(p, tx->said->st[i].stmt);
	if (!is_alone)
		send_begin(p, tx, f);
	for (int i = 0; i < tx->n; i++) {
		pg_tx_params(tx, i, &v);
		f->answer.said[i] = tx->said->st[i].stmt;
		send_statement(p, tx->said->st[i].stmt, &v,
			       (struct pg_expect){ .what = PG_PIPE_ROWS, .st = i, .flight = f });
	}
	if (!is_alone)
		send_commit(p, f);
	send_sync(p, PG_PIPE_LAST_SYNC, f);

	f->answer.n = tx->n;
	pg_tx_clear(tx);
	tx->flight = f;
	tx->state = PG_TX_SENT;
}

void pg_pipe_forget(struct pg_tx *tx)
{
	if (tx->flight)
		tx->flight->tx = NULL;
}

/* Hearing ------------------------------------------------------------------ */

static void fail_flight(struct pg_flight *f, const char *sqlstate, const char *what,
			const char *said)
{
	if (!outcome_ok(&f->answer.outcome))
		return;
	(void)snprintf(f->answer.sqlstate, sizeof(f->answer.sqlstate), "%s", sqlstate);
	f->answer.outcome = outcome_of(pg_error_blame(sqlstate), what, text_of(said));
}

/* Errors after which this connection is of no use, although it stands: another one will do better.
 */
static bool is_sound(struct pg_pipe *p, const char *sqlstate, const PGresult *result)
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
	if (what && outcome_ok(&p->leaving))
		p->leaving = outcome_of(BLAME_REFUSED, what, text_of(""));
	return !what;
}

static void heard_error(struct pg_pipe *p, const struct pg_expect *e, const PGresult *result)
{
	const char *field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	char sqlstate[6], said[sizeof(e->prepared->said)];

	(void)snprintf(sqlstate, sizeof(sqlstate), "%s", field ? field : "");
	pg_error_words(result, said, sizeof(said));
	if (e->what == PG_PIPE_PREPARED) {
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
	if (!is_sound(p, sqlstate, result) && e->flight)
		e->flight->answer.outcome.blame = BLAME_REFUSED;
}

static void heard_rows(const struct pg_expect *e, PGresult **result)
{
	if (PQresultMemorySize(*result) > LIMIT_PG_RESULT) {
		fail_flight(e->flight, "54000", e->prepared->stmt->name,
			    "the result is larger than LIMIT_PG_RESULT");
		return;
	}
	e->flight->answer.results[e->st] = *result;
	*result = NULL;
}

static void heard_done(const struct pg_expect *e, PGresult **result)
{
	switch (e->what) {
	case PG_PIPE_PREPARED:
		e->prepared->state = PREPARED;
		e->prepared->sqlstate[0] = '\0';
		break;
	case PG_PIPE_ROWS:
		heard_rows(e, result);
		break;
	case PG_PIPE_COMMIT:
		/* Asked to commit what had failed, PostgreSQL rolls it back and says so. */
		if (strcmp(PQcmdStatus(*result), "COMMIT") != 0)
			fail_flight(e->flight, "25P02", "commit", "rolled back");
		break;
	case PG_PIPE_DONE:
	case PG_PIPE_SYNC:
	case PG_PIPE_LAST_SYNC:
		break;
	}
}

static struct pg_expect pop(struct pg_pipe *p)
{
	struct pg_expect e = p->expects[p->first];

	p->first = (p->first + 1) % PG_PIPE_PLACES;
	p->expected--;
	p->seen = false;
	return e;
}

/* One answer is complete.  false: nobody wants it. */
static bool land(struct pg_pipe *p, struct pg_flight *f, struct pg_tx **ret_tx,
		 struct pg_answer *ret)
{
	struct pg_answer answer = f->answer;
	struct pg_tx *tx = f->tx;

	*f = (struct pg_flight){ .state = PG_FLIGHT_FREE };
	p->flying--;
	if (!outcome_ok(&answer.outcome) || !tx)
		pg_pipe_answer_clear(&answer);
	if (!tx)
		return false;
	pg_tx_clear(tx);
	*ret_tx = tx;
	*ret = answer;
	return true;
}

/* The flight whose last answer that was; NULL: none. */
static struct pg_flight *take_result(struct pg_pipe *p, PGresult *result)
{
	struct pg_expect *e = &p->expects[p->first], over;
	ExecStatusType status = PQresultStatus(result);

	p->seen = true;
	p->progress_ms = clock_mono_ms();
	if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
		heard_error(p, e, result);
	else if (status == PGRES_PIPELINE_ABORTED && e->what == PG_PIPE_PREPARED)
		e->prepared->state = NOT_PREPARED;
	else if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		heard_done(e, &result);
	PQclear(result);
	if (status != PGRES_PIPELINE_SYNC)
		return NULL;
	over = pop(p); /* no NULL follows a Sync */
	return over.what == PG_PIPE_LAST_SYNC ? over.flight : NULL;
}

static bool is_sync(enum pg_pipe_what what)
{
	return what == PG_PIPE_SYNC || what == PG_PIPE_LAST_SYNC;
}

/* PQgetResult() would wait where PQisBusy() says so, and must not be asked when nothing is under
 * way. */
bool pg_pipe_next(struct pg_pipe *p, struct pg_tx **ret_tx, struct pg_answer *ret)
{
	while (p->expected && outcome_ok(&p->broken) && PQstatus(p->conn) == CONNECTION_OK &&
	       !PQisBusy(p->conn)) {
		PGresult *result = PQgetResult(p->conn);
		struct pg_flight *f = result ? take_result(p, result) : NULL;

		if (f && land(p, f, ret_tx, ret))
			return true;
		if (!result && !p->seen)
			set_broken(p, outcome_of(BLAME_PEER, "answers out of step", text_of("")));
		else if (!result && is_sync(p->expects[p->first].what))
			p->seen = false; /* an error at the commit; the Sync is still to come */
		else if (!result)
			(void)pop(p);
	}
	return false;
}

bool pg_pipe_next_lost(struct pg_pipe *p, const struct outcome *why, struct pg_tx **ret_tx,
		       struct pg_answer *ret)
{
	/* In the order they were sent: the ring has them so, each once at its last Sync. */
	while (p->expected) {
		struct pg_expect e = pop(p);

		if (e.what != PG_PIPE_LAST_SYNC)
			continue;
		e.flight->answer.outcome = *why;
		e.flight->answer.outcome.blame = BLAME_NET;
		if (land(p, e.flight, ret_tx, ret))
			return true;
	}
	return false;
}
