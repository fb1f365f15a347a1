#include <string.h>
#include <sysexits.h>

#include "base/io/timer.h"
#include "base/mem.h"
#include "db/pg.h"
#include "db/upkeep.h"
#include "services/role.h"
#include "services/rotation/blind_duty.h"
#include "services/rotation/health_duty.h"
#include "services/rotation/slot_duty.h"

/*
 * `replyd rotation`: the housekeeper.  Partitions are made months ahead, digests of
 * unrelated mails, old timelines and old months of the log go after their time, the operator's sums
 * are counted, connect links that nobody settles are, inboxes whose proofs stopped get a gap, and
 * the standing of all inboxes is judged. Any number may run; each task may be repeated.
 */
static const struct {
	enum upkeep_task task;
	uint64_t every_ms;
} duties[] = {
	{ UPKEEP_LINKS, 2 * 1000 },         { UPKEEP_METRICS, 5 * 1000 },
	{ UPKEEP_PURGE, 10 * 60 * 1000 },   { UPKEEP_PARTITIONS, 6 * 3600 * 1000 },
	{ UPKEEP_FORGET, 6 * 3600 * 1000 }, { UPKEEP_RETAIN, 6 * 3600 * 1000 },
	{ UPKEEP_ANSWERS, 10 * 60 * 1000 }, { UPKEEP_GAPS, 10 * 1000 },
};

#define AGAIN_MS 1000

struct duty {
	struct rotation *of;
	struct timer timer;
	struct upkeep upkeep;
	size_t at; /* in duties[] */
};

struct rotation {
	struct role *role;
	struct pg *pg;
	struct duty duties[countof(duties)];
	struct blind_duty blind;
	struct slot_duty slots;
	struct health_duty health;
};

static void on_due(struct timer *t);
static void on_done(struct upkeep *q);
static void on_stop(void *owner);

static void on_due(struct timer *t)
{
	struct duty *d = container_of(t, struct duty, timer);

	const struct settings *s = d->of->role->settings;
	const struct upkeep_ages ages = { .trace_ms = s->retention_trace_ms,
					  .timeline_ms = s->retention_timeline_ms,
					  .events_ms = s->retention_events_ms,
					  .messages_ms = s->retention_messages_ms };

	if (upkeep_start(d->of->pg, &d->upkeep, duties[d->at].task, &ages, on_done) != 0)
		timer_in(t, duties[d->at].every_ms);
}

static void on_done(struct upkeep *q)
{
	struct duty *d = container_of(q, struct duty, upkeep);
	const struct log *log = &d->of->role->log;

	if (!outcome_ok(&q->outcome))
		log_warn(log, "upkeep.failed", "task=%s what=%s said=%s", upkeep_task_name(q->task),
			 q->outcome.what, q->outcome.said);
	else if (q->changed)
		log_info(log, "upkeep.done", "task=%s changed=%lld", upkeep_task_name(q->task),
			 (long long)q->changed);
	if (q->task == UPKEEP_GAPS && q->changed)
		pg_notify(d->of->pg, "replyd_event");
	if (q->task == UPKEEP_LINKS && q->changed) {
		pg_notify(d->of->pg, "replyd_connected");
		pg_notify(d->of->pg, "replyd_event");
	}
	/* A portion was removed: perhaps there is more. */
	timer_in(&d->timer,
		 outcome_ok(&q->outcome) && q->changed ? AGAIN_MS : duties[d->at].every_ms);
}

static void on_stop(void *owner)
{
	struct rotation *n = owner;

	if (!n->pg)
		return;
	for (size_t i = 0; i < countof(n->duties); i++) {
		pg_tx_cancel(&n->duties[i].upkeep.tx);
		timer_drop(&n->duties[i].timer, NULL);
	}
	blind_duty_drop(&n->blind);
	slot_duty_drop(&n->slots);
	health_duty_drop(&n->health);
	pg_drop(n->pg);
}

int rotation_role_run(struct role *r)
{
	struct rotation n = { .role = r };
	const struct pg_params pp = { .conninfo = r->conninfo,
				      .password = r->db_password,
				      .application = "replyd rotation",
				      .log = &r->log,
				      .owner = &n };
	int res;

	loop_init(&r->loop, on_stop, &n);
	res = pg_open(&r->loop, &pp, &n.pg);
	if (res) {
		log_error(&r->log, "role.failed", "what=%s cause=%s", "rotation cannot start",
			  strerror(-res));
		loop_stop(&r->loop);
	}
	for (size_t i = 0; res == 0 && i < countof(duties); i++) {
		n.duties[i].of = &n;
		n.duties[i].at = i;
		timer_open(&n.duties[i].timer, &r->loop, on_due);
		timer_in(&n.duties[i].timer, 100);
	}
	if (res == 0) {
		blind_duty_open(&n.blind, r, n.pg);
		slot_duty_open(&n.slots, r, n.pg);
		health_duty_open(&n.health, &r->loop, &r->log, n.pg);
	}
	loop_run(&r->loop);
	loop_clear(&r->loop);
	return res ? EX_CONFIG : 0;
}
