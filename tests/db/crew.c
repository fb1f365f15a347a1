#include "tests/db/crew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"

void crew_open(struct crew *c, const char *database)
{
	*c = (struct crew){ 0 };
	stage_open(&c->stage, database);
	pgtest_exec(c->stage.admin, "update inbox set imap_host = '127.0.0.1', imap_port = %u",
		    c->stage.imapd.port);
	pgtest_exec(c->stage.admin, "update lease set worker_id = null");
	pgtest_exec(c->stage.admin, "delete from worker");
}

void crew_close(struct crew *c)
{
	for (size_t i = 0; i < CREW_MAX; i++)
		crew_kill(c, i);
	stage_close(&c->stage);
}

struct worker_params crew_params(struct crew *c, const char *id)
{
	struct worker_params p = { .capacity = 100,
				   .heartbeat_ms = 40,
				   .lease_ms = 600,
				   .grace_ms = 400,
				   .janitor_ms = 60,
				   .mailbox = stage_params(&c->stage) };

	snprintf(p.id, sizeof(p.id), "%s", id);
	return p;
}

/* ---- each with a connection of its own ---- */

static void on_up(void *owner)
{
	struct crew_worker *w = owner;

	if (w->worker)
		worker_pg_up(w->worker);
}

static void on_down(void *owner, const struct outcome *why)
{
	struct crew_worker *w = owner;

	(void)why;
	if (w->worker)
		worker_pg_down(w->worker);
}

static void on_lease(void *owner)
{
	struct crew_worker *w = owner;

	if (w->worker)
		worker_hint_lease(w->worker);
}

void crew_hire(struct crew *c, size_t n, const struct worker_params *given)
{
	struct crew_worker *w = &c->at[n];
	struct worker_params p = *given;
	const struct pg_params pp = {
		.conninfo = pgtest_conninfo(
			pgtest_value(c->stage.admin, "select current_database()"), "replyd_ingest"),
		.password = pgtest_password("replyd_ingest"),
		.application = "crew",
		.log = &c->stage.log,
		.owner = w,
		.on_up = on_up,
		.on_down = on_down,
	};

	assert_int_equal(pg_open(&c->stage.loop, &pp, &w->pg), 0);
	pg_listen(w->pg, "replyd_lease", on_lease, w);
	p.mailbox.pg = w->pg;
	w->worker = worker_open(&p);
}

void crew_kill(struct crew *c, size_t n)
{
	struct crew_worker *w = &c->at[n];

	if (!w->worker)
		return;
	worker_drop(w->worker);
	pg_drop(w->pg);
	w->worker = NULL;
	w->pg = NULL;
}

static void on_stopped(void *owner)
{
	((struct crew *)owner)->has_stopped = true;
}

void crew_stop(struct crew *c, size_t n)
{
	c->has_stopped = false;
	worker_stop(c->at[n].worker, on_stopped, c);
}

size_t crew_held(const struct crew *c, size_t n)
{
	return c->at[n].worker ? worker_held(c->at[n].worker) : 0;
}

size_t crew_live(const struct crew *c, size_t n)
{
	return c->at[n].worker ? worker_live(c->at[n].worker) : 0;
}

bool crew_all_live(struct stage *s)
{
	const struct crew *c = container_of(s, struct crew, stage);

	return crew_live(c, 0) + crew_live(c, 1) == 3;
}

bool crew_is_stopped(struct stage *s)
{
	return container_of(s, struct crew, stage)->has_stopped;
}
