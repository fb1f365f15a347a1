#include <assert.h>
#include <sys/ioctl.h>

#include <libpq-fe.h>
#include <uv.h>

#include "db/pg_wire.h"

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/pg_dial.h"
#include "db/pg_error.h"
#include "db/pg_host.h"
#include "db/pg_pipe.h"

/*
 * The life of a connection:
 *
 *   LOOKUP      of the hosts' addresses
 *   CONNECTING  PQconnectPoll says what it waits for
 *   READY       pipeline mode; commands go out, their answers come in the same order
 *   LOST        libpq gave up, or we did; unanswered transactions wait for pg_wire_fail()
 *   CLOSING     dropped; the last handle frees it
 *
 * libpq never calls us, and we call it from two places only: when its socket
 * is ready (on_poll), and once per turn of the loop when something waits to be
 * sent (on_turn).  So nothing is answered from inside pg_tx_start().
 */
static void on_looked_up(struct pg_host *host);
static void on_connecting(struct pg_wire *w);
static void on_poll(uv_poll_t *poll, int status, int events);
static void on_turn(uv_prepare_t *turn);
static void on_tick(struct timer *tick);
static void on_closed(uv_handle_t *turn);
static void on_tick_gone(struct timer *tick);

enum wire_state { WIRE_LOOKUP, WIRE_CONNECTING, WIRE_READY, WIRE_LOST, WIRE_CLOSING };

#define CONNECT_MS 10000 /* for all hosts of a conninfo together */
#define TICK_MS    1000
/* Each statement ends within statement_timeout (pg.c): a server silent for longer is not there. */
#define SILENCE_MS 30000

struct pg_wire {
	struct pg_wire_params p;
	PGconn *conn;
	enum wire_state state;
	struct outcome broken; /* set where it is noticed, told in on_turn or after reading */

	uv_poll_t *poll; /* of its own: libpq may change sockets while it connects */
	int fd;
	uv_prepare_t turn;
	struct timer tick;
	struct pg_host host;
	int open_handles;

	bool blocked; /* the socket takes no more now */
	struct pg_pipe pipe;
};

/* Its end ------------------------------------------------------------------ */

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

static void closed_one(struct pg_wire *w)
{
	if (--w->open_handles)
		return;
	pg_host_clear(&w->host);
	mem_cleanup(&w);
}

static void start_connecting(struct pg_wire *w, const struct pg_host *hosts)
{
	const struct pg_dial d = {
		.conninfo = w->p.conninfo,
		.password = w->p.password,
		.application = w->p.application,
		.hosts = hosts,
	};

	w->state = WIRE_CONNECTING;
	w->conn = pg_dial_start(&d);
	if (w->conn && PQstatus(w->conn) != CONNECTION_BAD)
		/* "If you have yet to call PQconnectPoll, behave as if it last returned
		 * PGRES_POLLING_WRITING." */
		watch(w, UV_WRITABLE);
	else
		set_broken(w, pg_error_of_conn(w->conn, "connect"));
}

struct pg_wire *pg_wire_open(const struct pg_wire_params *p)
{
	struct pg_wire *w = mem_new(sizeof(*w));

	w->p = *p;
	w->broken = OUTCOME_OK;
	w->fd = -1;
	(void)uv_prepare_init(&p->loop->uv, &w->turn);
	timer_open(&w->tick, p->loop, on_tick);
	w->open_handles = 2;
	timer_in(&w->tick, CONNECT_MS);
	switch (pg_host_start(&w->host, p->loop, p->conninfo, on_looked_up)) {
	case 0:
		break;
	case 1:
		start_connecting(w, /* hosts= */ NULL);
		break;
	default:
		set_broken(w, outcome_of(BLAME_NET, "lookup", text_of("no such host")));
	}
	return w;
}

static void on_looked_up(struct pg_host *host)
{
	struct pg_wire *w = container_of(host, struct pg_wire, host);

	if (w->state == WIRE_CLOSING) {
		closed_one(w); /* `w` may be gone */
		return;
	}
	if (w->state != WIRE_LOOKUP)
		return;
	if (host->entries)
		start_connecting(w, host);
	else
		set_broken(w, outcome_of(BLAME_NET, "lookup", text_of(uv_strerror(host->error))));
}

void pg_wire_drop(struct pg_wire *w)
{
	if (!w || w->state == WIRE_CLOSING)
		return;
	w->state = WIRE_CLOSING;
	pg_pipe_clear(&w->pipe);
	close_poll(w); /* before libpq closes its socket */
	PQfinish(w->conn);
	w->conn = NULL;
	w->open_handles += pg_host_cancel(&w->host);
	uv_close((uv_handle_t *)&w->turn, on_closed);
	timer_drop(&w->tick, on_tick_gone);
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
	if (w->state == WIRE_LOOKUP)
		return "lookup";
	if (w->state == WIRE_CONNECTING && w->conn)
		return pg_dial_waiting_for(w->conn);
	return w->pipe.expected ? "answer" : "work";
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
		set_broken(w, pg_error_of_conn(w->conn, step));
		lose(w);
		return;
	}
	timer_stop(&w->tick);
	if (PQsetnonblocking(w->conn, 1) < 0 || !PQenterPipelineMode(w->conn)) {
		set_broken(w, pg_error_of_conn(w->conn, "pipeline mode"));
		lose(w);
		return;
	}
	pg_pipe_init(&w->pipe, w->conn);
	w->state = WIRE_READY;
	watch(w, UV_READABLE);
	w->p.events->ready(w->p.pg);
}

/* Sending ------------------------------------------------------------------ */

bool pg_wire_has_room(const struct pg_wire *w)
{
	return w->state == WIRE_READY && !w->blocked && outcome_ok(&w->broken) &&
	       pg_pipe_has_room(&w->pipe);
}

void pg_wire_send(struct pg_wire *w, struct pg_tx *tx)
{
	assert(w->state == WIRE_READY);
	pg_pipe_send(&w->pipe, tx);
	if (!outcome_ok(&w->pipe.broken))
		set_broken(w, w->pipe.broken);
	w->blocked = PQflush(w->conn) == 1;
	if (w->blocked && w->poll)
		(void)uv_poll_start(w->poll, UV_READABLE | UV_WRITABLE, on_poll);
	if (!uv_is_active((uv_handle_t *)&w->tick.uv))
		timer_in(&w->tick, TICK_MS);
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

/* Hearing ------------------------------------------------------------------ */

/* A callback may do anything, to us too. */
static void tell_answers(struct pg_wire *w)
{
	struct pg_answer answer;
	struct pg_tx *tx;

	while (w->state == WIRE_READY && pg_pipe_next(&w->pipe, &tx, &answer)) {
		w->p.events->answered(w->p.pg, tx, &answer);
		pg_pipe_answer_clear(&answer);
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
			set_broken(w, pg_error_of_conn(w->conn, "connection"));
			break;
		}
		tell_answers(w);
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
		set_broken(w, pg_error_of_conn(w->conn, "connection"));
	if (!outcome_ok(&w->pipe.broken))
		set_broken(w, w->pipe.broken);
	if (!outcome_ok(&w->pipe.leaving) && !w->pipe.expected)
		set_broken(w, w->pipe.leaving);
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

	if (w->state <= WIRE_CONNECTING) {
		set_broken(w, outcome_of(BLAME_NET, pg_wire_waiting_for(w),
					 text_of("no answer in time")));
	} else if (w->pipe.expected && clock_mono_ms() - w->pipe.progress_ms > SILENCE_MS) {
		set_broken(w, outcome_of(BLAME_NET, "answer", text_of("no answer in time")));
	} else if (w->pipe.expected) {
		timer_in(tick, TICK_MS);
		collect(w);
		return;
	}
	if (!outcome_ok(&w->broken))
		lose(w);
}

void pg_wire_fail(struct pg_wire *w, const struct outcome *why)
{
	struct pg_answer answer;
	struct pg_tx *tx;

	while (w->state == WIRE_LOST && pg_pipe_next_lost(&w->pipe, why, &tx, &answer)) {
		w->p.events->answered(w->p.pg, tx, &answer);
		pg_pipe_answer_clear(&answer);
	}
}
