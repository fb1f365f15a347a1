#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "db/pg.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/io/timer.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/secret.h"
#include "db/pg_pipe.h"
#include "db/pg_tx.h"
#include "db/pg_wire.h"

/*
 * The life of it:
 *
 *   WAITING     for the next attempt; transactions queue
 *   CONNECTING  a wire (pg_wire.h) is being made
 *   SETTING_UP  the session gets its settings and its LISTENs
 *   UP          the queue flows
 *   CLOSING     dropped; the last handle frees it
 *
 * A wire that is lost ends in WAITING, with back-off.
 */
static void on_retry(struct timer *retry);
static void on_ready(struct pg *pg);
static void on_set_up(struct pg_tx *tx, const struct pg_answer *a);
static void on_fill(struct pg *pg);
static void on_answered(struct pg *pg, struct pg_tx *tx, const struct pg_answer *a);
static void on_heard(struct pg *pg, const char *channel);
static void on_settled(struct pg *pg);
static void on_notify_due(struct timer *timer);
static void on_notified(struct pg_tx *tx, const struct pg_answer *a);
static void on_lost(struct pg *pg, const struct outcome *why);
static void on_retry_gone(struct timer *retry);
static void on_notify_gone(struct timer *timer);

enum pg_state { PG_WAITING, PG_CONNECTING, PG_SETTING_UP, PG_UP, PG_CLOSING };

/* A restarted server is there again in a second or two; a dead one is not to be hammered by a
 * thousand workers. */
#define RETRY_FIRST_MS   100
#define RETRY_MAX_MS     5000
#define RETRY_SURVIVE_MS 30000

/*
 * Whoever holds a row lock lets go of it soon, also a process that was stopped
 * in mid-transaction: others wait for the lease it has.  search_path is also
 * set for the roles; here it holds for whoever else comes.  JIT costs more than
 * all our statements.
 */
static const struct pg_stmt settings = {
	"pg_settings",
	"select pg_catalog.set_config(k, v, false) from (values"
	" ('statement_timeout', '15s'), ('lock_timeout', '10s'), "
	"('idle_in_transaction_session_timeout', '10s'),"
	" ('search_path', 'replyd, pg_temp'), ('timezone', 'UTC'), ('datestyle', 'ISO'), "
	"('bytea_output', 'hex'),"
	" ('client_min_messages', 'error'), ('jit', 'off')) as s (k, v)",
};
/*
 * A plan made while a table was small reads it from end to end, and lasts as long
 * as the connection: ten thousand inboxes later it is most of what PostgreSQL does.
 */
static const struct pg_stmt by_index = {
	"pg_by_index",
	"select pg_catalog.set_config('enable_seqscan', 'off', false)",
};

static const struct pg_stmt notify = {
	"pg_notify",
	"select pg_catalog.pg_notify(c, '') from pg_catalog.unnest($1::text[]) c",
};

#define CHANNEL 64 /* NAMEDATALEN */

struct listen {
	struct list link;
	char channel[CHANNEL];
	char sql[CHANNEL + 16], name[CHANNEL + 16];
	struct pg_stmt stmt; /* no SQL: an earlier one listens to the same channel */
	struct pg_tx tx;
	pg_heard_cb heard;
	void *owner;
	bool has_heard; /* since the last call of `heard` */
};

struct channel {
	struct list link;
	char name[CHANNEL];
	bool due; /* to be notified with the next ones */
};

struct pg {
	struct loop *loop;
	struct log log;
	char *conninfo, *application;
	struct secret password;
	bool has_password, is_by_index;
	void *owner;
	void (*on_up)(void *owner);
	void (*on_down)(void *owner, const struct outcome *why);

	enum pg_state state;
	struct pg_wire *wire; /* NULL in WAITING and CLOSING */
	struct timer retry;
	struct backoff backoff;
	struct rand_gen rand;
	uint64_t up_since_ms;

	struct pg_tx setup, setup_index;
	int to_set_up; /* transactions of SETTING_UP without an answer */
	struct list listens;

	struct list queue; /* of pg_tx */
	int queued;

	struct list channels;
	struct timer notify;
	struct pg_tx notifying;
	bool notify_planned;

	int open_handles;
};

static const struct pg_wire_events wire_events = {
	.ready = on_ready,
	.fill = on_fill,
	.answered = on_answered,
	.heard = on_heard,
	.settled = on_settled,
	.lost = on_lost,
};

/* Open and drop ------------------------------------------------------------ */

int pg_open(struct loop *l, const struct pg_params *p, struct pg **ret)
{
	PQconninfoOption *parsed = PQconninfoParse(p->conninfo, /* errmsg= */ NULL);
	struct pg *pg;

	if (!parsed)
		return -EINVAL;
	PQconninfoFree(parsed);
	pg = mem_new(sizeof(*pg));
	pg->loop = l;
	log_child(&pg->log, p->log, "part=pg");
	pg->conninfo = mem_text(p->conninfo);
	pg->application = mem_text(p->application);
	if (p->password) {
		secret_set(&pg->password, p->password->data, p->password->len);
		pg->has_password = true;
	}
	pg->is_by_index = p->is_by_index;
	pg->owner = p->owner;
	pg->on_up = p->on_up;
	pg->on_down = p->on_down;
	rand_gen_seed(&pg->rand, 0);
	backoff_init(&pg->backoff, RETRY_FIRST_MS, RETRY_MAX_MS, RETRY_SURVIVE_MS);
	list_init(&pg->listens);
	list_init(&pg->queue);
	list_init(&pg->channels);
	timer_open(&pg->retry, l, on_retry);
	timer_open(&pg->notify, l, on_notify_due);
	pg->open_handles = 2;
	timer_in(&pg->retry, 0);
	*ret = pg;
	return 0;
}

static void unqueue(struct pg *pg, struct pg_tx *tx)
{
	list_remove(&tx->link);
	pg->queued--;
	pg_tx_clear(tx);
}

void pg_drop(struct pg *pg)
{
	if (!pg || pg->state == PG_CLOSING)
		return;
	pg->state = PG_CLOSING;
	while (!list_is_empty(&pg->queue))
		unqueue(pg, container_of(list_first(&pg->queue), struct pg_tx, link));
	pg_wire_drop(pg->wire);
	pg->wire = NULL;
	timer_drop(&pg->retry, on_retry_gone);
	timer_drop(&pg->notify, on_notify_gone);
}

static void closed_one(struct pg *pg)
{
	struct list *at;

	if (--pg->open_handles)
		return;
	while ((at = list_first(&pg->listens))) {
		struct listen *one = container_of(at, struct listen, link);

		list_remove(at);
		mem_cleanup(&one);
	}
	while ((at = list_first(&pg->channels))) {
		struct channel *one = container_of(at, struct channel, link);

		list_remove(at);
		mem_cleanup(&one);
	}
	secret_clear(&pg->password);
	mem_cleanup(&pg->conninfo);
	mem_cleanup(&pg->application);
	mem_cleanup(&pg);
}

static void on_retry_gone(struct timer *retry)
{
	closed_one(container_of(retry, struct pg, retry));
}

static void on_notify_gone(struct timer *timer)
{
	closed_one(container_of(timer, struct pg, notify));
}

bool pg_is_up(const struct pg *pg)
{
	return pg->state == PG_UP;
}

uint64_t pg_up_since_ms(const struct pg *pg)
{
	return pg->state == PG_UP ? pg->up_since_ms : 0;
}

/* Connections, one after another ------------------------------------------- */

static void on_retry(struct timer *retry)
{
	struct pg *pg = container_of(retry, struct pg, retry);
	const struct pg_wire_params p = {
		.loop = pg->loop,
		.conninfo = pg->conninfo,
		.password = pg->has_password ? &pg->password : NULL,
		.application = pg->application,
		.pg = pg,
		.events = &wire_events,
	};

	pg->state = PG_CONNECTING;
	pg->wire = pg_wire_open(&p);
}

/* Past the queue: nothing may run before it. */
static void set_up(struct pg *pg, struct pg_tx *tx, const struct pg_stmt *stmt)
{
	pg_tx_cancel(tx); /* a LISTEN of the last connection may still queue */
	pg_tx_init(tx, NULL);
	pg_tx_add(tx, stmt, "");
	tx->pg = pg;
	tx->done = on_set_up;
	pg_wire_send(pg->wire, tx);
	pg->to_set_up++;
}

static void on_ready(struct pg *pg)
{
	struct list *at, *tmp;

	pg->state = PG_SETTING_UP;
	pg->to_set_up = 0;
	set_up(pg, &pg->setup, &settings);
	if (pg->is_by_index)
		set_up(pg, &pg->setup_index, &by_index);
	list_each(&pg->listens, at, tmp)
	{
		struct listen *one = container_of(at, struct listen, link);

		if (one->stmt.sql)
			set_up(pg, &one->tx, &one->stmt);
	}
}

static void on_set_up(struct pg_tx *tx, const struct pg_answer *a)
{
	struct pg *pg = tx->pg;

	if (pg->state == PG_UP)
		return; /* a LISTEN that came later */
	if (pg->state != PG_SETTING_UP)
		return;
	if (!outcome_ok(&a->outcome)) {
		on_lost(pg, &a->outcome);
		return;
	}
	if (--pg->to_set_up)
		return;
	pg->state = PG_UP;
	pg->up_since_ms = clock_mono_ms();
	log_info(&pg->log, "pg.up", "queued=%d", pg->queued);
	pg_wire_wake(pg->wire);
	if (pg->on_up)
		pg->on_up(pg->owner);
}

static void on_lost(struct pg *pg, const struct outcome *why)
{
	const struct outcome because = *why; /* it may stand in the wire */
	struct pg_wire *wire = pg->wire;
	const char *waiting_for = pg_wire_waiting_for(wire);
	uint64_t wait_ms;

	if (pg->state == PG_UP)
		backoff_lived(&pg->backoff, clock_mono_ms() - pg->up_since_ms);
	wait_ms = backoff_failed(&pg->backoff, &pg->rand);
	log_warn(&pg->log, "pg.down",
		 "blame=%s what=\"%s\" said=\"%s\" waiting_for=\"%s\" retry_in_ms=%" PRIu64,
		 outcome_blame_name(because.blame), because.what, because.said, waiting_for,
		 wait_ms);
	pg->state = PG_WAITING;
	timer_in(&pg->retry, wait_ms);
	pg_wire_fail(wire, &because);
	if (pg->state == PG_CLOSING)
		return;
	pg->wire = NULL;
	pg_wire_drop(wire);
	if (pg->on_down)
		pg->on_down(pg->owner, &because);
}

/* Transactions ------------------------------------------------------------- */

int pg_tx_start(struct pg *pg, struct pg_tx *tx, pg_tx_cb done)
{
	int r = tx->error;

	assert(tx->state == PG_TX_IDLE);
	if (r == 0 && pg->state == PG_CLOSING)
		r = -ESHUTDOWN;
	if (r == 0 && pg->queued >= LIMIT_PG_QUEUE)
		r = -ENOBUFS;
	if (r < 0) {
		pg_tx_clear(tx);
		return r;
	}
	tx->pg = pg;
	tx->done = done;
	tx->state = PG_TX_QUEUED;
	list_append(&pg->queue, &tx->link);
	pg->queued++;
	if (pg->state == PG_UP)
		pg_wire_wake(pg->wire);
	return 0;
}

void pg_tx_cancel(struct pg_tx *tx)
{
	switch (tx->state) {
	case PG_TX_QUEUED:
		unqueue(tx->pg, tx);
		return;
	case PG_TX_SENT:
		pg_pipe_forget(tx);
		break;
	case PG_TX_IDLE:
		break;
	}
	pg_tx_clear(tx);
}

static void on_fill(struct pg *pg)
{
	struct list *first;

	while (pg->state == PG_UP && (first = list_first(&pg->queue)) &&
	       pg_wire_has_room(pg->wire)) {
		struct pg_tx *tx = container_of(first, struct pg_tx, link);

		list_remove(first);
		pg->queued--;
		pg_wire_send(pg->wire, tx);
	}
}

static void on_answered(struct pg *pg, struct pg_tx *tx, const struct pg_answer *a)
{
	/* Dropped by an earlier callback of the same turn: nothing more is told. */
	if (pg->state != PG_CLOSING)
		tx->done(tx, a);
}

int pg_rows(const struct pg_answer *a, int st)
{
	assert(st >= 0 && st < PG_STATEMENTS);
	return a->results[st] ? PQntuples(a->results[st]) : 0;
}

int64_t pg_affected(const struct pg_answer *a, int st)
{
	uint64_t n = 0;

	assert(st >= 0 && st < PG_STATEMENTS);
	if (a->results[st])
		(void)text_u64(text_of(PQcmdTuples(a->results[st])), INT64_MAX, &n);
	return (int64_t)n;
}

/* Hints -------------------------------------------------------------------- */

static bool has_listen(struct pg *pg, const char *channel)
{
	struct list *at, *tmp;

	list_each(&pg->listens, at, tmp) if (strcmp(container_of(at, struct listen, link)->channel,
						    channel) == 0) return true;
	return false;
}

void pg_listen(struct pg *pg, const char *channel, pg_heard_cb heard, void *owner)
{
	struct listen *one;

	if (pg->state == PG_CLOSING)
		return;
	assert(strlen(channel) < CHANNEL && !strchr(channel, '"'));
	one = mem_new(sizeof(*one));
	(void)snprintf(one->channel, sizeof(one->channel), "%s", channel);
	(void)snprintf(one->name, sizeof(one->name), "listen %s", channel);
	(void)snprintf(one->sql, sizeof(one->sql), "listen \"%s\"", channel);
	if (!has_listen(pg, channel))
		one->stmt = (struct pg_stmt){ one->name, one->sql };
	one->heard = heard;
	one->owner = owner;
	list_append(&pg->listens, &one->link);
	pg_tx_init(&one->tx, NULL);
	if (!one->stmt.sql)
		return;
	/* While it is down the next connection brings it; SETTING_UP may be past it. */
	if (pg->state == PG_SETTING_UP)
		set_up(pg, &one->tx, &one->stmt);
	if (pg->state == PG_UP) {
		pg_tx_add(&one->tx, &one->stmt, "");
		(void)pg_tx_start(pg, &one->tx, on_set_up);
	}
}

static void on_heard(struct pg *pg, const char *channel)
{
	struct list *at, *tmp;

	list_each(&pg->listens, at, tmp)
	{
		struct listen *one = container_of(at, struct listen, link);

		if (strcmp(one->channel, channel) == 0)
			one->has_heard = true;
	}
}

static void on_settled(struct pg *pg)
{
	struct list *at, *tmp;

	list_each(&pg->listens, at, tmp)
	{
		struct listen *one = container_of(at, struct listen, link);

		if (pg->state == PG_CLOSING)
			return;
		if (!one->has_heard)
			continue;
		one->has_heard = false;
		one->heard(one->owner);
	}
}

static void plan_notify(struct pg *pg)
{
	if (pg->notify_planned || pg->notifying.state != PG_TX_IDLE)
		return;
	pg->notify_planned = true;
	timer_in(&pg->notify, PG_NOTIFY_MS);
}

void pg_notify(struct pg *pg, const char *channel)
{
	struct list *at, *tmp;
	struct channel *one;

	/* Nobody is there to tell; the slow poll behind every LISTEN finds it. */
	if (pg->state != PG_UP)
		return;
	plan_notify(pg);
	list_each(&pg->channels, at, tmp)
	{
		one = container_of(at, struct channel, link);
		if (strcmp(one->name, channel) == 0) {
			one->due = true;
			return;
		}
	}
	assert(strlen(channel) < CHANNEL && !strpbrk(channel, "\"\\"));
	one = mem_new(sizeof(*one));
	(void)snprintf(one->name, sizeof(one->name), "%s", channel);
	one->due = true;
	list_append(&pg->channels, &one->link);
}

static void on_notify_due(struct timer *timer)
{
	struct pg *pg = container_of(timer, struct pg, notify);
	cleanup_buf struct buf names = { .max = 4096 };
	struct list *at, *tmp;
	int r = 0;

	pg->notify_planned = false;
	list_each(&pg->channels, at, tmp)
	{
		struct channel *one = container_of(at, struct channel, link);

		if (one->due && r == 0)
			r = text_addf(&names, "%s\"%s\"", names.len ? "," : "{", one->name);
		one->due = false;
	}
	if (pg->state != PG_UP || !names.len || r < 0 || text_add(&names, TEXT("}")) < 0)
		return;
	pg_tx_init(&pg->notifying, NULL);
	pg_tx_add(&pg->notifying, &notify, "t", (const char *)names.data);
	(void)pg_tx_start(pg, &pg->notifying, on_notified);
}

static void on_notified(struct pg_tx *tx, const struct pg_answer *a)
{
	struct pg *pg = container_of(tx, struct pg, notifying);
	struct list *at, *tmp;

	(void)a; /* a hint that is lost is lost */
	list_each(&pg->channels, at, tmp) if (container_of(at, struct channel, link)->due)
		plan_notify(pg);
}
