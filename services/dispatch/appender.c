#include "base/mem.h"
#include "services/dispatch/appender.h"

#define POLL_MS 1000
#define BATCH   500

static void on_poll(struct timer *t);
static void on_appended(struct delivery_append *q);

void appender_open(struct appender *a, struct loop *l, struct pg *pg, const struct log *log,
		   appender_cb appended)
{
	*a = (struct appender){ .pg = pg, .log = log, .appended = appended };
	timer_open(&a->poll, l, on_poll);
	timer_in(&a->poll, POLL_MS);
}

void appender_kick(struct appender *a)
{
	switch (a->state) {
	case APPENDER_IDLE:
		if (delivery_append_start(a->pg, &a->append, BATCH, on_appended) == 0)
			a->state = APPENDER_BUSY;
		break;
	case APPENDER_BUSY:
		a->state = APPENDER_BUSY_KICKED;
		break;
	case APPENDER_BUSY_KICKED:
	case APPENDER_CLOSING:
		break;
	}
}

static void on_poll(struct timer *t)
{
	struct appender *a = container_of(t, struct appender, poll);

	appender_kick(a);
	timer_in(&a->poll, POLL_MS);
}

static void on_appended(struct delivery_append *q)
{
	struct appender *a = container_of(q, struct appender, append);
	bool more = a->state == APPENDER_BUSY_KICKED || q->appended == BATCH;

	a->state = APPENDER_IDLE;
	if (!outcome_ok(&q->outcome)) {
		/* The poll comes back to it; PostgreSQL's own outage is said by db/pg. */
		if (q->outcome.blame != BLAME_NET)
			log_warn(a->log, "feed.not_appended", "what=%s said=%s", q->outcome.what,
				 q->outcome.said);
		return;
	}
	if (q->appended > 0) {
		pg_notify(a->pg, "replyd_feed");
		a->appended(a);
	}
	if (more)
		appender_kick(a);
}

void appender_drop(struct appender *a)
{
	if (a->state == APPENDER_CLOSING)
		return;
	a->state = APPENDER_CLOSING;
	pg_tx_cancel(&a->append.tx);
	timer_drop(&a->poll, NULL);
}
