#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/books.h"

#include "base/clock.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "db/broker_tally.h"
#include "oauth/forecast.h"

#define EVERY_MS     5000
#define SURVEY_EVERY 3 /* times: all grants are counted anew by one of the brokers */

/* What is told of the broker as a whole: seconds are kept in milliseconds. */
static const struct {
	const char *name;
	size_t at;
	double unit;
} sums[] = {
	{ "replyd_refreshes", offsetof(struct broker_stats, refreshed), 1 },
	{ "replyd_refreshes_forced", offsetof(struct broker_stats, forced), 1 },
	{ "replyd_refreshes_lost_races", offsetof(struct broker_stats, lost_races), 1 },
	{ "replyd_refreshes_tried_again", offsetof(struct broker_stats, retaken), 1 },
	{ "replyd_refresh_wait_seconds", offsetof(struct broker_stats, waited_ms), 0.001 },
	{ "replyd_refresh_seconds", offsetof(struct broker_stats, worked_ms), 0.001 },
	{ "replyd_tokens_handed_out", offsetof(struct broker_stats, handed_out), 1 },
	{ "replyd_links_connected", offsetof(struct broker_stats, connected), 1 },
	{ "replyd_links_failed", offsetof(struct broker_stats, failed), 1 },
	{ "replyd_forecasts_told", offsetof(struct broker_stats, forecasts), 1 },
};
static const enum policy_verdict verdicts[] = { POLICY_OK, POLICY_USER, POLICY_US, POLICY_LATER };

struct books {
	struct broker_env *env;
	char broker[RAND_UUID];
	struct timer timer;
	struct broker_tally_write write;
	struct broker_stats told, telling; /* what PostgreSQL has; what it is being given */
	struct broker_verdicts *provider_told, *provider_telling;
	enum forecast_stage *secrets; /* of each provider: stage that the log has */
	unsigned turn;
	bool is_dropped;
};

static void on_due(struct timer *t);
static void on_told(struct broker_tally_write *q);
static void on_gone(struct timer *t);

static void put(json_t *list, const char *name, const char *label, const char *value, double n)
{
	if (n > 0)
		json_array_append_new(list, json_pack("{s:s s:s s:s s:f}", "name", name, "label",
						      label, "label_value", value, "value", n));
}

static uint64_t stat_at(const struct broker_stats *s, size_t at)
{
	uint64_t n;

	memcpy(&n, (const char *)s + at, sizeof(n));
	return n;
}

/* What came since the last time that PostgreSQL took. */
static json_t *counts(struct books *b)
{
	json_t *list = json_array();
	char label[96];

	b->telling = b->env->stats;
	for (size_t i = 0; i < countof(sums); i++)
		put(list, sums[i].name, "", "",
		    (double)(stat_at(&b->telling, sums[i].at) - stat_at(&b->told, sums[i].at)) *
			    sums[i].unit);
	for (size_t i = 0; i < b->env->p.n_providers; i++) {
		const struct broker_provider *pr = &b->env->providers[i];

		b->provider_telling[i] = pr->verdicts;
		/* Names are [a-z0-9-] (base/conf): nothing in them ends a label. */
		(void)snprintf(label, sizeof(label), "provider=\"%s\",verdict", pr->p->name);
		for (size_t v = 0; v < countof(verdicts); v++)
			put(list, "replyd_token_requests", label, policy_verdict_name(verdicts[v]),
			    (double)(pr->verdicts.n[verdicts[v]] -
				     b->provider_told[i].n[verdicts[v]]));
	}
	return list;
}

static void alarm_of(json_t *list, const char *provider, const char *reason, int64_t ends_at)
{
	json_array_append_new(list, json_pack("{s:s s:s s:I}", "provider", provider, "reason",
					      reason, "ends_at", (json_int_t)ends_at));
}

static void secret_alarm(struct books *b, size_t i, json_t *list)
{
	const struct oauth_provider *p = b->env->providers[i].p;
	struct forecast f;

	forecast_secret(p, clock_unix_s(), &f);
	if (f.stage != FORECAST_NONE)
		alarm_of(list, p->name, f.reason, f.dies_at);
	if (f.stage > b->secrets[i])
		log_error(b->env->p.log, "broker.client_secret_ends",
			  "provider=%s ends_at=%" PRId64 " stage=%s remedy=%s", p->name, f.dies_at,
			  forecast_stage_name(f.stage),
			  "make a new secret there, put it into client_secret_file, then its day "
			  "into client_secret_ends");
	b->secrets[i] = f.stage;
}

static json_t *alarms(struct books *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < b->env->p.n_providers; i++) {
		struct broker_provider *pr = &b->env->providers[i];

		if (breaker_look(&pr->breaker, clock_mono_ms()) != BREAKER_CLOSED)
			alarm_of(list, pr->p->name, pr->breaker.why, 0);
		secret_alarm(b, i, list);
	}
	return list;
}

static void on_due(struct timer *t)
{
	struct books *b = container_of(t, struct books, timer);
	json_t *counted = counts(b), *alarmed = alarms(b);

	if (!pg_is_up(b->env->p.pg) ||
	    broker_tally_start(b->env->p.pg, &b->write, b->broker, counted, alarmed,
			       b->turn++ % SURVEY_EVERY == 0, on_told) < 0)
		timer_in(&b->timer, b->env->p.books_ms);
	json_decref(counted);
	json_decref(alarmed);
}

static void on_told(struct broker_tally_write *q)
{
	struct books *b = container_of(q, struct books, write);

	/* One that was lost on the way may have been counted: sums are not money. */
	if (outcome_ok(&q->outcome)) {
		b->told = b->telling;
		memcpy(b->provider_told, b->provider_telling,
		       b->env->p.n_providers * sizeof(*b->provider_told));
	} else if (q->outcome.blame != BLAME_NET && q->outcome.blame != BLAME_REFUSED) {
		log_error(b->env->p.log, "broker.not_counted", "what=%s said=%s", q->outcome.what,
			  q->outcome.said);
	}
	timer_in(&b->timer, b->env->p.books_ms);
}

struct books *books_open(struct broker_env *env)
{
	struct books *b = mem_new(sizeof(*b));
	size_t n = env->p.n_providers + 1;

	b->env = env;
	if (env->p.books_ms == 0)
		env->p.books_ms = EVERY_MS;
	rand_uuid(b->broker);
	b->provider_told = mem_new(n * sizeof(*b->provider_told));
	b->provider_telling = mem_new(n * sizeof(*b->provider_telling));
	b->secrets = mem_new(n * sizeof(*b->secrets));
	timer_open(&b->timer, env->loop, on_due);
	timer_in(&b->timer, env->p.books_ms);
	return b;
}

void books_drop(struct books *b)
{
	if (!b || b->is_dropped)
		return;
	b->is_dropped = true;
	pg_tx_cancel(&b->write.tx);
	timer_drop(&b->timer, on_gone);
}

static void on_gone(struct timer *t)
{
	struct books *b = container_of(t, struct books, timer);

	free(b->provider_told);
	free(b->provider_telling);
	free(b->secrets);
	free(b);
}
