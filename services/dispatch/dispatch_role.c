#include <string.h>
#include <sysexits.h>

#include "base/io/http_client.h"
#include "base/io/timer.h"
#include "base/mem.h"
#include "db/pg.h"
#include "services/dispatch/appender.h"
#include "services/dispatch/poster.h"
#include "services/keyholder.h"

/* Less than `replyd up` and systemd wait before they kill. */
#define DRAIN_MS 8000

/* `replyd dispatch`: positions committed events and posts them to the endpoints. */
struct dispatch {
	struct role *role;
	struct pg *pg, *receipts; /* a receipt and a take do not wait for each other */
	struct http_client *http;
	struct appender appender;
	struct poster *poster;
	struct keyholder keys;
	const struct vault *webhooks;
	struct timer limit; /* of draining */
};

static void on_pg_up(void *owner);
static void on_event(void *owner);
static void on_told(void *owner);
static void on_positions(struct appender *a);
static void on_stop(void *owner);
static void on_drained(void *owner);
static void on_limit(struct timer *t);

static void drop(struct dispatch *d)
{
	if (d->poster)
		timer_drop(&d->limit, NULL);
	poster_drop(d->poster);
	d->poster = NULL;
	keyholder_drop(&d->keys);
	http_client_drop(d->http);
	pg_drop(d->receipts);
	pg_drop(d->pg);
}

/* What was taken is posted and has its receipt, so that nobody posts it a second time. */
static void on_stop(void *owner)
{
	struct dispatch *d = owner;

	if (!d->poster) {
		drop(d);
		return;
	}
	appender_drop(&d->appender);
	timer_in(&d->limit, DRAIN_MS);
	poster_drain(d->poster, on_drained, d);
}

static void on_drained(void *owner)
{
	drop(owner);
}

static void on_limit(struct timer *t)
{
	struct dispatch *d = container_of(t, struct dispatch, limit);

	log_warn(&d->role->log, "dispatch.cut", "what=%s",
		 "posts did not end in time; they are made again with the same id");
	drop(d);
}

static void on_pg_up(void *owner)
{
	struct dispatch *d = owner;

	appender_kick(&d->appender);
	poster_kick(d->poster);
}

static void on_event(void *owner)
{
	appender_kick(&((struct dispatch *)owner)->appender);
}

/* An endpoint was stopped, or came back: an event of its own waits for its position. */
static void on_told(void *owner)
{
	appender_kick(&((struct dispatch *)owner)->appender);
}

static void on_positions(struct appender *a)
{
	poster_kick(container_of(a, struct dispatch, appender)->poster);
}

static void start(struct dispatch *d)
{
	const struct settings *s = d->role->settings;
	const struct poster_params p = { .pg = d->pg,
					 .receipts = d->receipts,
					 .http = d->http,
					 .webhooks = d->webhooks,
					 .log = &d->role->log,
					 .timeout_ms = s->dispatch_timeout_ms,
					 .concurrency = (int)s->dispatch_concurrency,
					 .retry_ms = s->retry_ms,
					 .n_retries = s->n_retries,
					 .allow_http = s->dispatch_allow_http,
					 .disable_after_ms = s->dispatch_disable_after_ms,
					 .owner = d,
					 .told = on_told };

	/* Lanes bound what one endpoint is given; many may stand on one host. */
	http_client_widen(d->http, p.concurrency, p.concurrency);
	if (*s->dispatch_proxy)
		http_client_proxy(d->http, s->dispatch_proxy);
	timer_open(&d->limit, &d->role->loop, on_limit);
	appender_open(&d->appender, &d->role->loop, d->pg, &d->role->log, on_positions);
	d->poster = poster_open(&d->role->loop, &p);
	pg_listen(d->pg, "replyd_event", on_event, d);
}

int dispatch_role_run(struct role *r)
{
	const struct settings *s = r->settings;
	struct dispatch d = { .role = r };
	struct pg_params pp = { .conninfo = r->conninfo,
				.password = r->db_password,
				.application = "replyd dispatch",
				.log = &r->log,
				.owner = &d,
				.on_up = on_pg_up };
	int res;

	keyholder_init(&d.keys, r);
	d.webhooks = keyholder_take(&d.keys, "webhook", KEYHOLDER_KEEPS);
	if (!d.webhooks)
		return EX_CONFIG;
	loop_init(&r->loop, on_stop, &d);
	res = http_client_open(&r->loop, *s->tls_ca_file ? s->tls_ca_file : NULL, &s->policy,
			       &d.http);
	if (res == 0)
		res = pg_open(&r->loop, &pp, &d.pg);
	pp.on_up = NULL;
	if (res == 0)
		res = pg_open(&r->loop, &pp, &d.receipts);
	if (res) {
		log_error(&r->log, "role.failed", "what=%s cause=%s", "dispatch cannot start",
			  strerror(-res));
		loop_stop(&r->loop);
	} else {
		keyholder_start(&d.keys, d.pg, NULL, NULL);
		start(&d);
	}
	loop_run(&r->loop);
	loop_clear(&r->loop);
	keyholder_clear(&d.keys);
	return keyholder_code(&d.keys, res ? EX_CONFIG : 0);
}
