#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/io/http_client.h"
#include "base/mem.h"
#include "db/pg.h"
#include "services/dispatch/appender.h"
#include "services/dispatch/poster.h"
#include "services/role.h"

/* `replyd dispatch`: positions committed events and posts them to the endpoints. */
struct dispatch {
	struct role *role;
	struct pg *pg;
	struct http_client *http;
	struct appender appender;
	struct poster *poster;
};

static void on_stop(void *owner);
static void on_pg_up(void *owner);
static void on_event(void *owner);
static void on_positions(struct appender *a);

static void on_stop(void *owner)
{
	struct dispatch *d = owner;

	if (d->poster) {
		poster_drop(d->poster);
		appender_drop(&d->appender);
	}
	if (d->http)
		http_client_drop(d->http);
	if (d->pg)
		pg_drop(d->pg);
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

static void on_positions(struct appender *a)
{
	poster_kick(container_of(a, struct dispatch, appender)->poster);
}

static void start(struct dispatch *d, const struct secret *key)
{
	const struct settings *s = d->role->settings;
	const struct poster_params p = { .pg = d->pg,
					 .http = d->http,
					 .webhook_key = key,
					 .log = &d->role->log,
					 .timeout_ms = s->dispatch_timeout_ms,
					 .concurrency = (int)s->dispatch_concurrency,
					 .retry_ms = s->retry_ms,
					 .n_retries = s->n_retries,
					 .allow_http = s->dispatch_allow_http };

	appender_open(&d->appender, &d->role->loop, d->pg, &d->role->log, on_positions);
	d->poster = poster_open(&d->role->loop, &p);
	pg_listen(d->pg, "replyd_event", on_event, d);
}

int dispatch_role_run(struct role *r)
{
	const struct settings *s = r->settings;
	struct dispatch d = { .role = r };
	const struct secret *key = role_want(r, "key.webhook");
	const struct pg_params pp = { .conninfo = r->conninfo,
				      .password = r->db_password,
				      .application = "replyd dispatch",
				      .log = &r->log,
				      .owner = &d,
				      .on_up = on_pg_up };
	int res;

	if (!key)
		return EX_CONFIG;
	loop_init(&r->loop, on_stop, &d);
	res = http_client_open(&r->loop, *s->tls_ca_file ? s->tls_ca_file : NULL, &s->policy,
			       &d.http);
	if (res == 0)
		res = pg_open(&r->loop, &pp, &d.pg);
	if (res) {
		log_error(&r->log, "role.failed", "what=\"dispatch cannot start\" cause=%s",
			  strerror(-res));
		loop_stop(&r->loop);
	} else {
		start(&d, key);
	}
	loop_run(&r->loop);
	loop_clear(&r->loop);
	free(d.poster);
	return res ? EX_CONFIG : 0;
}
