#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/rand.h"
#include "db/pg.h"
#include "db/gather.h"
#include "ingest/worker.h"
#include "oauth/token_desk.h"
#include "services/ingest/token_adapter.h"
#include "services/keyholder.h"
#include "services/rules_folder.h"

#define SPREAD_MS 500 /* workers that are started together do not knock together */

/* `replyd ingest`: holds leases, watches inboxes, closes gates, writes events. */
struct ingest {
	struct role *role;
	struct pg *pg;
	struct gather_ways ways;
	struct token_desk *desk;
	struct token_source tokens;
	struct worker *worker;
	struct gather *gather;
	struct rand_gen rand;
	struct keyholder keys;
};

static void on_pg_up(void *owner);
static void on_pg_down(void *owner, const struct outcome *why);
static void on_inbox(void *owner);
static void on_recheck(void *owner);
static void on_lease(void *owner);
static void on_probe(void *owner);
static void on_stop(void *owner);
static void on_stopped(void *owner);

/* Those of the groups come and go by themselves: whether PostgreSQL is there, `pg` tells. */
static int open_ways(struct loop *l, struct pg_params p, struct gather_ways *ret)
{
	int r;

	if ((r = pg_open(l, &p, &ret->pg)) < 0)
		return r;
	p.on_up = NULL;
	p.on_down = NULL;
	if ((r = pg_open(l, &p, &ret->find)) < 0 || (r = pg_open(l, &p, &ret->gates)) < 0 ||
	    (r = pg_open(l, &p, &ret->events)) < 0)
		return r;
	return pg_open(l, &p, &ret->more_events);
}

static void drop_ways(struct gather_ways *w)
{
	pg_drop(w->find);
	pg_drop(w->gates);
	pg_drop(w->events);
	pg_drop(w->more_events);
	pg_drop(w->pg);
}

static void on_pg_up(void *owner)
{
	struct ingest *g = owner;

	if (g->worker)
		worker_pg_up(g->worker);
}

static void on_pg_down(void *owner, const struct outcome *why)
{
	struct ingest *g = owner;

	(void)why;
	if (g->worker)
		worker_pg_down(g->worker);
}

static void on_inbox(void *owner)
{
	worker_hint_inbox(((struct ingest *)owner)->worker);
}

static void on_recheck(void *owner)
{
	worker_hint_recheck(((struct ingest *)owner)->worker);
}

static void on_lease(void *owner)
{
	worker_hint_lease(((struct ingest *)owner)->worker);
}

static void on_probe(void *owner)
{
	worker_hint_probe(((struct ingest *)owner)->worker);
}

static void on_stop(void *owner)
{
	struct ingest *g = owner;

	worker_stop(g->worker, on_stopped, g);
}

static void on_stopped(void *owner)
{
	struct ingest *g = owner;

	worker_drop(g->worker);
	gather_drop(g->gather);
	token_desk_drop(g->desk);
	keyholder_drop(&g->keys);
	drop_ways(&g->ways);
}

static void open_worker(struct ingest *g, const struct secret *digest_master)
{
	struct role *r = g->role;
	const struct settings *s = r->settings;
	struct worker_params wp = {
		.capacity = s->ingest_capacity,
		.heartbeat_ms = s->ingest_heartbeat_ms,
		.lease_ms = s->ingest_lease_ms,
		.grace_ms = s->ingest_grace_ms,
		.drain_ms = s->ingest_drain_ms,
		.handshakes = (unsigned)s->ingest_handshakes,
		.spread_ms = SPREAD_MS,
		.mailbox = {
			.loop = &r->loop,
			.pg = g->pg,
			.log = &r->log,
			.tls = r->tls,
			.policy = &s->policy,
			.tokens = &g->tokens,
			.digest_master = digest_master,
			.rand = &g->rand,
			.providers = &s->providers,
			.lookback_ms = s->ingest_lookback_ms,
			.proof_ms = s->ingest_proof_ms,
			.idle_renew_ms = s->ingest_idle_renew_ms,
			.text_max = (size_t)s->ingest_text_max,
			.opens_answers = s->ingest_open_answers,
			.gather = g->gather,
			.manual_grace_ms = s->ingest_manual_grace_ms,
			.rawlog_dir = s->ingest_rawlog_dir,
			.is_rawlog_whole = s->ingest_rawlog_all,
		},
	};

	(void)snprintf(wp.id, sizeof(wp.id), "%s", r->instance);
	(void)snprintf(wp.slot, sizeof(wp.slot), "%s", r->slot);
	g->worker = worker_open(&wp);
}

int ingest_role_run(struct role *r)
{
	struct ingest g = { .role = r };
	const struct secret *digest = role_want(r, "key.digest");
	const struct pg_params pp = {
		.conninfo = r->conninfo,
		.password = r->db_password,
		.application = "replyd ingest",
		.is_by_index = true,
		.log = &r->log,
		.owner = &g,
		.on_up = on_pg_up,
		.on_down = on_pg_down,
	};
	const struct vault *tokens;
	char why[RULES_FOLDER_WHY];
	int res;

	if (rules_folder_take(r->settings->classify_rules, why) < 0) {
		log_error(&r->log, "role.failed", "what=%s cause=%s", "classify.rules", why);
		return EX_CONFIG;
	}
	keyholder_init(&g.keys, r);
	tokens = keyholder_take(&g.keys, "token", KEYHOLDER_OPENS);
	if (!digest || !tokens)
		return EX_CONFIG;
	loop_init(&r->loop, on_stop, &g);
	rand_gen_seed(&g.rand, 0);
	res = open_ways(&r->loop, pp, &g.ways);
	g.pg = g.ways.pg;
	if (res) {
		log_error(&r->log, "role.failed", "what=%s cause=%s", "ingest cannot start",
			  strerror(-res));
		return EX_CONFIG;
	}
	const struct token_desk_params dp = { .pg = g.pg, .tokens = tokens };

	keyholder_start(&g.keys, g.pg, NULL, NULL);
	g.desk = token_desk_open(&r->loop, &dp);
	g.tokens = token_adapter(g.desk);
	g.gather = gather_open(&r->loop, &g.ways);
	open_worker(&g, digest);
	pg_listen(g.pg, "replyd_inbox", on_inbox, &g);
	pg_listen(g.pg, "replyd_recheck", on_recheck, &g);
	pg_listen(g.pg, "replyd_lease", on_lease, &g);
	pg_listen(g.pg, "replyd_probe", on_probe, &g);
	loop_run(&r->loop);
	loop_clear(&r->loop);
	keyholder_clear(&g.keys);
	return keyholder_code(&g.keys, 0);
}
