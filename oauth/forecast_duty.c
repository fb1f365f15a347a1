#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/forecast_duty.h"

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "db/domain_forecast.h"
#include "db/event_id.h"
#include "db/grant_forecast.h"
#include "oauth/forecast.h"
#include "oauth/reconnect.h"

#define EVERY_MS 30000
#define PORTION  200
#define TOLD_OF  48 /* "refresh_token_ends/near" */

enum duty_state {
	DUTY_RESTING, /* until the timer fires */
	DUTY_READING,
	DUTY_WRITING, /* what nobody is told */
	DUTY_TELLING, /* one after the other */
	DUTY_DOMAINS, /* at last, secrets of domains */
	DUTY_DROPPED,
};

/* A forecast that somebody must hear of. */
struct news {
	struct grant_forecast f;
	char address[LIMIT_OAUTH_ADDRESS], provider[64], told_of[TOLD_OF];
};

struct forecast_duty {
	struct broker_env *env;
	enum duty_state state;
	struct timer timer;
	struct grant_forecast_read read;
	struct grant_forecast_write write;
	struct domain_forecast domains;
	struct grant_forecast quiet[PORTION];
	struct news *news[PORTION];
	int n_quiet, n_news, telling;
	bool more;
};

static void on_due(struct timer *t);
static void on_row(struct grant_forecast_read *q, const struct grant_forecast_row *r);
static void on_read(struct grant_forecast_read *q);
static void on_written(struct grant_forecast_write *q);
static void on_told(struct grant_forecast_write *q);
static void on_domain(struct domain_forecast *q, const char *domain, const char *stage,
		      const char *dies_at);
static void on_domains(struct domain_forecast *q);
static void on_gone(struct timer *t);

static void enter(struct forecast_duty *d, enum duty_state state);

static void forget(struct forecast_duty *d)
{
	for (int i = 0; i < d->n_news; i++)
		free(d->news[i]);
	d->n_quiet = d->n_news = d->telling = 0;
}

static int start_telling(struct forecast_duty *d)
{
	const struct news *n = d->news[d->telling];
	char event[EVENT_ID], consent[24], dies[CLOCK_TEXT], *data;
	struct reconnect again;
	int r;

	(void)snprintf(consent, sizeof(consent), "%" PRId64, n->f.granted_us);
	event_id_of((const struct text[]){ text_of(n->f.workspace), text_of(n->f.inbox),
					   TEXT("inbox.reauth_forecast"), text_of(consent),
					   text_of(n->told_of) },
		    5, event);
	reconnect_init(&again, d->env->p.public_url, n->f.inbox, n->address, n->provider,
		       n->f.dies_of);
	clock_rfc3339(n->f.dies_at * 1000000, dies);
	json_object_set_new(again.data, "dies_at",
			    n->f.dies_at > 0 ? json_string(dies) : json_null());
	data = reconnect_data(&again);
	r = grant_forecast_tell_start(d->env->p.pg, &d->write, &n->f, n->told_of, &again.link,
				      event, data, on_told);
	free(data);
	reconnect_clear(&again);
	return r;
}

static void rest(struct forecast_duty *d)
{
	forget(d);
	d->state = DUTY_RESTING;
	timer_in(&d->timer, d->more ? 0 : d->env->p.forecast_ms);
}

static void enter(struct forecast_duty *d, enum duty_state state)
{
	struct pg *pg = d->env->p.pg;
	int r = 0;

	d->state = state;
	switch (state) {
	case DUTY_READING:
		d->more = false;
		r = grant_forecast_read_start(pg, &d->read, PORTION, on_row, on_read);
		break;
	case DUTY_WRITING:
		r = grant_forecast_write_start(pg, &d->write, d->quiet, d->n_quiet, on_written);
		break;
	case DUTY_TELLING:
		r = start_telling(d);
		break;
	case DUTY_DOMAINS:
		r = domain_forecast_start(pg, &d->domains, FORECAST_FAR_S, FORECAST_NEAR_S,
					  on_domain, on_domains);
		break;
	case DUTY_RESTING:
	case DUTY_DROPPED:
		break;
	}
	if (r < 0) { /* PostgreSQL is away: what was not written is found again */
		d->more = false;
		rest(d);
	}
}

static void on_due(struct timer *t)
{
	struct forecast_duty *d = container_of(t, struct forecast_duty, timer);

	if (pg_is_up(d->env->p.pg))
		enter(d, DUTY_READING);
	else
		rest(d);
}

static void foresee(const struct forecast_duty *d, const struct grant_forecast_row *r,
		    struct forecast *ret)
{
	const struct broker_provider *pr = broker_env_provider(d->env, r->provider);
	const struct forecast_grant g = { r->granted_at, r->used_at, r->refresh_ends_at,
					  r->tokens };

	*ret = (struct forecast){ .reason = "", .again_s = (int64_t)24 * 3600 };
	if (pr)
		forecast_of(pr->p, &g, r->now_s, ret);
}

static void on_row(struct grant_forecast_read *q, const struct grant_forecast_row *r)
{
	struct forecast_duty *d = container_of(q, struct forecast_duty, read);
	struct grant_forecast f = { .granted_us = r->granted_us };
	char told_of[TOLD_OF];
	struct forecast seen;
	struct news *n;

	foresee(d, r, &seen);
	f.dies_of = seen.reason;
	f.dies_at = seen.dies_at;
	f.again_s = seen.again_s;
	(void)snprintf(f.workspace, sizeof(f.workspace), "%s", r->workspace);
	(void)snprintf(f.inbox, sizeof(f.inbox), "%s", r->inbox);
	(void)snprintf(told_of, sizeof(told_of), "%s/%s", seen.reason,
		       forecast_stage_name(seen.stage));
	if (seen.stage == FORECAST_NONE || strcmp(told_of, r->told_of) == 0) {
		d->quiet[d->n_quiet++] = f;
		return;
	}
	n = d->news[d->n_news++] = mem_new(sizeof(*n));
	n->f = f;
	memcpy(n->told_of, told_of, sizeof(told_of));
	(void)snprintf(n->address, sizeof(n->address), "%s", r->address);
	(void)snprintf(n->provider, sizeof(n->provider), "%s", r->provider);
}

/* What was not done is found again at the next look: nothing is tried twice here. */
static void next(struct forecast_duty *d, const struct outcome *o)
{
	if (!outcome_ok(o)) {
		d->more = false;
		if (o->blame != BLAME_NET && o->blame != BLAME_REFUSED)
			log_error(d->env->p.log, "broker.forecast_failed", "what=%s said=%s",
				  o->what, o->said);
		rest(d);
	} else if (d->n_quiet > 0) {
		enter(d, DUTY_WRITING);
	} else if (d->telling < d->n_news) {
		enter(d, DUTY_TELLING);
	} else if (d->state != DUTY_DOMAINS) {
		enter(d, DUTY_DOMAINS);
	} else {
		rest(d);
	}
}

static void on_read(struct grant_forecast_read *q)
{
	struct forecast_duty *d = container_of(q, struct forecast_duty, read);

	d->more = q->rows == PORTION;
	next(d, &q->outcome);
}

static void on_written(struct grant_forecast_write *q)
{
	struct forecast_duty *d = container_of(q, struct forecast_duty, write);

	d->n_quiet = 0;
	next(d, &q->outcome);
}

static void on_told(struct grant_forecast_write *q)
{
	struct forecast_duty *d = container_of(q, struct forecast_duty, write);
	const struct news *n = d->news[d->telling++];

	if (q->told) {
		d->env->stats.forecasts++;
		log_warn(d->env->p.log, "broker.expiring", "inbox=%s told=%s dies_at=%" PRId64,
			 n->f.inbox, n->told_of, n->f.dies_at);
		pg_notify(d->env->p.pg, "replyd_event");
	}
	next(d, &q->outcome);
}

static void on_domain(struct domain_forecast *q, const char *domain, const char *stage,
		      const char *dies_at)
{
	struct forecast_duty *d = container_of(q, struct forecast_duty, domains);

	d->env->stats.forecasts++;
	log_warn(d->env->p.log, "broker.domain_expiring",
		 "domain=%s reason=client_secret_ends stage=%s dies_at=%s", domain, stage, dies_at);
}

static void on_domains(struct domain_forecast *q)
{
	struct forecast_duty *d = container_of(q, struct forecast_duty, domains);

	if (q->told > 0)
		pg_notify(d->env->p.pg, "replyd_event");
	next(d, &q->outcome);
}

struct forecast_duty *forecast_duty_open(struct broker_env *env)
{
	struct forecast_duty *d = mem_new(sizeof(*d));

	d->env = env;
	if (env->p.forecast_ms == 0)
		env->p.forecast_ms = EVERY_MS;
	timer_open(&d->timer, env->loop, on_due);
	timer_in(&d->timer, env->p.forecast_ms < 1000 ? env->p.forecast_ms : 1000);
	return d;
}

void forecast_duty_drop(struct forecast_duty *d)
{
	if (!d || d->state == DUTY_DROPPED)
		return;
	d->state = DUTY_DROPPED;
	pg_tx_cancel(&d->read.tx);
	pg_tx_cancel(&d->write.tx);
	pg_tx_cancel(&d->domains.tx);
	forget(d);
	timer_drop(&d->timer, on_gone);
}

static void on_gone(struct timer *t)
{
	free(container_of(t, struct forecast_duty, timer));
}
