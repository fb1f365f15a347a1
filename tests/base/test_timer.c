#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io/loop.h"
#include "base/io/timer.h"
#include "base/mem.h"

struct owner {
	struct loop loop;
	struct timer t, end;
	int fired, gone;
	uint64_t deadline_ms;
	void (*then)(struct owner *o);
};

static void on_gone(struct timer *t)
{
	container_of(t, struct owner, t)->gone++;
}

static void on_fired(struct timer *t)
{
	struct owner *o = container_of(t, struct owner, t);

	o->fired++;
	assert_true(clock_mono_ms() >= o->deadline_ms);
	if (o->then)
		o->then(o);
}

static void on_end(struct timer *t)
{
	struct owner *o = container_of(t, struct owner, end);

	timer_drop(&o->end, NULL);
	timer_drop(&o->t, on_gone);
	timer_drop(&o->t, on_gone);
	assert_int_equal(o->gone, o->then ? o->gone : 0); /* later, not inside */
	timer_in(&o->t, 0);                               /* does nothing any more */
	timer_stop(&o->t);
	loop_stop(&o->loop);
}

static void owner_run(struct owner *o)
{
	loop_run(&o->loop);
	loop_clear(&o->loop);
	assert_int_equal(o->gone, 1);
}

static void owner_open(struct owner *o, uint64_t end_ms)
{
	*o = (struct owner){ 0 };
	loop_init(&o->loop, NULL, NULL);
	timer_open(&o->t, &o->loop, on_fired);
	timer_open(&o->end, &o->loop, on_end);
	timer_in(&o->end, end_ms);
}

static void at_a_deadline(void **state)
{
	struct owner o;

	(void)state;
	owner_open(&o, 20);
	o.deadline_ms = clock_mono_ms() + 7;
	timer_at(&o.t, o.deadline_ms);
	owner_run(&o);
	assert_int_equal(o.fired, 1);
}

static void a_past_deadline_fires_soon(void **state)
{
	struct owner o;

	(void)state;
	owner_open(&o, 5);
	timer_at(&o.t, 1);
	owner_run(&o);
	assert_int_equal(o.fired, 1);
}

static void the_last_call_counts(void **state)
{
	struct owner o;

	(void)state;
	owner_open(&o, 30);
	timer_in(&o.t, 1);
	o.deadline_ms = clock_mono_ms() + 15;
	timer_at(&o.t, o.deadline_ms);
	owner_run(&o);
	assert_int_equal(o.fired, 1);
}

static void never_and_stop(void **state)
{
	struct owner o;

	(void)state;
	owner_open(&o, 10);
	timer_in(&o.t, 1);
	timer_at(&o.t, CLOCK_NEVER);
	owner_run(&o);
	assert_int_equal(o.fired, 0);

	owner_open(&o, 10);
	timer_in(&o.t, 1);
	timer_stop(&o.t);
	owner_run(&o);
	assert_int_equal(o.fired, 0);
}

static void drop_self(struct owner *o)
{
	timer_in(&o->t, 1); /* and then thinks better of it */
	timer_drop(&o->t, on_gone);
}

static void dropped_from_its_own_callback(void **state)
{
	struct owner o;

	(void)state;
	owner_open(&o, 10);
	o.then = drop_self;
	timer_in(&o.t, 1);
	owner_run(&o);
	assert_int_equal(o.fired, 1);
}

static void again(struct owner *o)
{
	if (o->fired < 5)
		timer_in(&o->t, 1);
	else
		timer_in(&o->end, 0);
}

static void started_again_from_its_own_callback(void **state)
{
	struct owner o;

	(void)state;
	owner_open(&o, 30000);
	o.then = again;
	timer_in(&o.t, 1);
	owner_run(&o);
	assert_int_equal(o.fired, 5);
}

/* A long turn makes libuv's idea of now old; the wait must still be whole. */
static void late_turn(struct owner *o)
{
	if (o->fired > 1)
		return timer_in(&o->end, 0);
	for (uint64_t until = clock_mono_ms() + 10; clock_mono_ms() < until;)
		;
	o->deadline_ms = clock_mono_ms() + 10;
	timer_in(&o->t, 10);
}

static void a_long_turn_makes_no_early_timer(void **state)
{
	struct owner o;

	(void)state;
	owner_open(&o, 30000);
	o.then = late_turn;
	timer_in(&o.t, 1);
	owner_run(&o);
	assert_int_equal(o.fired, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_a_deadline),
		cmocka_unit_test(a_past_deadline_fires_soon),
		cmocka_unit_test(the_last_call_counts),
		cmocka_unit_test(never_and_stop),
		cmocka_unit_test(dropped_from_its_own_callback),
		cmocka_unit_test(started_again_from_its_own_callback),
		cmocka_unit_test(a_long_turn_makes_no_early_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
