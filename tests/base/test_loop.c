#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io/loop.h"
#include "base/io/timer.h"
#include "base/mem.h"

struct world {
	struct loop loop;
	struct timer later;
	int stops, fired;
	int signum;
};

static void on_stop(void *owner)
{
	struct world *w = owner;

	w->stops++;
	assert_true(loop_is_stopping(&w->loop));
	timer_drop(&w->later, NULL);
}

static void on_later(struct timer *t)
{
	struct world *w = container_of(t, struct world, later);

	w->fired++;
	if (w->signum)
		kill(getpid(), w->signum);
	else
		loop_stop(&w->loop);
	loop_stop(&w->loop);
}

static void world_open(struct world *w, int signum)
{
	*w = (struct world){ .signum = signum };
	loop_init(&w->loop, on_stop, w);
	timer_open(&w->later, &w->loop, on_later);
	timer_in(&w->later, 1);
}

static void stop_is_told_once(void **state)
{
	static const int signals[] = { 0, SIGTERM, SIGINT, SIGHUP };

	(void)state;
	for (size_t i = 0; i < countof(signals); i++) {
		struct world w;

		world_open(&w, signals[i]);
		assert_false(loop_is_stopping(&w.loop));
		loop_run(&w.loop);
		assert_int_equal(w.fired, 1);
		assert_int_equal(w.stops, 1);
		loop_stop(&w.loop);
		loop_clear(&w.loop);
		assert_int_equal(w.stops, 1);
	}
}

/* Turn by turn, as a start does that waits for something: timers fire, signals are heard. */
static void a_start_turns_it(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct world w;

	(void)state;
	for (size_t i = 0; i < countof(signals); i++) {
		world_open(&w, 0);
		timer_stop(&w.later);
		loop_turn(&w.loop, 0);
		assert_false(loop_is_stopping(&w.loop));
		kill(getpid(), signals[i]);
		for (int n = 0; n < 100 && w.stops == 0; n++)
			loop_turn(&w.loop, 50);
		assert_true(loop_is_stopping(&w.loop));
		assert_int_equal(w.fired, 0);
		loop_run(&w.loop);
		assert_int_equal(w.stops, 1);
		loop_clear(&w.loop);
	}
	world_open(&w, 0);
	for (int n = 0; n < 100 && w.stops == 0; n++)
		loop_turn(&w.loop, 50);
	assert_int_equal(w.fired, 1);
	loop_run(&w.loop);
	assert_int_equal(w.stops, 1);
	loop_clear(&w.loop);
}

static void signal_alone_stops(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	(void)state;
	for (size_t i = 0; i < countof(signals); i++) {
		struct world w;

		world_open(&w, 0);
		timer_stop(&w.later);
		kill(getpid(), signals[i]);
		loop_run(&w.loop);
		assert_int_equal(w.stops, 1);
		assert_int_equal(w.fired, 0);
		loop_clear(&w.loop);
	}
}

static void stop_before_run(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, 0);
	loop_stop(&w.loop);
	assert_int_equal(w.stops, 0); /* from the loop, not from the call */
	loop_run(&w.loop);
	assert_int_equal(w.stops, 1);
	loop_clear(&w.loop);
}

/* Something is still being let go when a second signal comes: it must live through it. */
struct slow {
	struct loop loop;
	struct timer last;
	int stops;
	bool done;
};

static void on_slow_stop(void *owner)
{
	struct slow *s = owner;

	s->stops++;
	timer_in(&s->last, 5);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGINT);
}

static void on_last(struct timer *t)
{
	struct slow *s = container_of(t, struct slow, last);

	s->done = true;
	timer_drop(t, NULL);
}

static void second_signal_changes_nothing(void **state)
{
	struct slow s = { 0 };

	(void)state;
	loop_init(&s.loop, on_slow_stop, &s);
	timer_open(&s.last, &s.loop, on_last);
	kill(getpid(), SIGTERM);
	loop_run(&s.loop);
	assert_true(s.done);
	assert_int_equal(s.stops, 1);
	loop_clear(&s.loop);
}

static void nohup_is_honoured(void **state)
{
	struct world w;

	(void)state;
	signal(SIGHUP, SIG_IGN);
	world_open(&w, 0);
	kill(getpid(), SIGHUP);
	loop_run(&w.loop);
	assert_int_equal(w.fired, 1); /* the timer stopped it */
	loop_clear(&w.loop);
	signal(SIGHUP, SIG_DFL);
}

static void broken_pipe_is_no_death(void **state)
{
	struct loop l;
	int fds[2];

	(void)state;
	loop_init(&l, NULL, NULL);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), -1);
	close(fds[1]);
	loop_stop(&l);
	loop_run(&l);
	loop_clear(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stop_is_told_once),
		cmocka_unit_test(a_start_turns_it),
		cmocka_unit_test(signal_alone_stops),
		cmocka_unit_test(stop_before_run),
		cmocka_unit_test(second_signal_changes_nothing),
		cmocka_unit_test(nohup_is_honoured),
		cmocka_unit_test(broken_pipe_is_no_death),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
