#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/db/pg_bench.h"

#include "base/mem.h"
#include "tests/db/pgtest.h"

static void finish(struct pg_bench *b)
{
	pg_drop(b->pg);
	timer_drop(&b->limit, NULL);
	loop_stop(&b->loop);
}

void pg_bench_happened(struct pg_bench *b)
{
	if (++b->happened == b->wanted)
		uv_stop(&b->loop.uv);
}

static void on_limit(struct timer *t)
{
	struct pg_bench *b = container_of(t, struct pg_bench, limit);

	fail_msg("waited too long; happened %d of %d; said: %s", b->happened, b->wanted, b->said);
}

void pg_bench_on_up(void *owner)
{
	struct pg_bench *b = owner;

	b->ups++;
	pg_bench_happened(b);
}

static void on_down(void *owner, const struct outcome *why)
{
	struct pg_bench *b = owner;

	b->downs++;
	b->down = *why;
	pg_bench_happened(b);
}

void pg_bench_on_heard(void *owner)
{
	struct pg_bench *b = owner;

	b->heards++;
	pg_bench_happened(b);
}

void pg_bench_run_some(struct pg_bench *b, int wanted)
{
	b->happened = 0;
	b->wanted = wanted;
	timer_in(&b->limit, 20000);
	(void)uv_run(&b->loop.uv, UV_RUN_DEFAULT);
	assert_true(b->happened >= wanted);
}

void pg_bench_run(struct pg_bench *b, int wanted)
{
	pg_bench_run_some(b, wanted);
	assert_int_equal(b->happened, wanted);
}

void pg_bench_open_as(struct pg_bench *b, const char *conninfo, const struct secret *password)
{
	const struct pg_params p = { .conninfo = conninfo,
				     .password = password,
				     .application = "test_pg",
				     .owner = b,
				     .on_up = pg_bench_on_up,
				     .on_down = on_down };

	memset(b, 0, sizeof(*b));
	loop_init(&b->loop, NULL, b);
	timer_open(&b->limit, &b->loop, on_limit);
	assert_int_equal(pg_open(&b->loop, &p, &b->pg), 0);
}

void pg_bench_open(struct pg_bench *b, const char *database)
{
	pg_bench_open_as(b, pgtest_conninfo(database, "replyd_api"), pgtest_password("replyd_api"));
}

void pg_bench_close(struct pg_bench *b)
{
	finish(b);
	loop_run(&b->loop);
	loop_clear(&b->loop);
}

void pg_bench_on_asked(struct pg_tx *tx, const struct pg_answer *a)
{
	struct pg_bench_ask *ask = container_of(tx, struct pg_bench_ask, tx);
	struct pg_bench *b = ask->b;
	size_t at = strlen(b->said);

	ask->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, a->n - 1) > 0)
		snprintf(b->said + at, sizeof(b->said) - at, "%s=%s ", ask->name,
			 pg_row_text(a, a->n - 1, 0, 0));
	else if (outcome_ok(&a->outcome))
		snprintf(b->said + at, sizeof(b->said) - at, "%s ", ask->name);
	else
		snprintf(b->said + at, sizeof(b->said) - at, "%s!%s:%s ", ask->name,
			 outcome_blame_name(a->outcome.blame), a->sqlstate);
	if (ask->then)
		ask->then(ask);
	pg_bench_happened(b);
}

void pg_bench_ask(struct pg_bench_ask *a, struct pg_bench *b, const char *name,
		  const struct pg_stmt *stmt)
{
	a->b = b;
	a->name = name;
	pg_tx_init(&a->tx, NULL);
	pg_tx_add(&a->tx, stmt, "");
	assert_int_equal(pg_tx_start(b->pg, &a->tx, pg_bench_on_asked), 0);
}
