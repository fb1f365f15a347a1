#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "services/up/child.h"

/* One child of a supervisor, a shell script, and what was said of it: "running waiting running ".
 */
struct bench {
	struct loop loop;
	struct timer tick;
	uint64_t until_ms;
	struct rand_gen jitter;
	struct log log;
	struct child child;
	const char *script;
	int fail; /* so many starts with -ENOENT */
	char said[1024];
	uint64_t at_ms[64]; /* of each change */
	int changes;
	bool stop_when_waiting;
	char dir[64];
};

static int start(struct child *c, struct proc_params *p, struct proc **ret)
{
	struct bench *b = c->owner;
	char sh[] = "sh", flag[] = "-c", script[512], path[] = "PATH=/usr/bin:/bin";
	char *argv[] = { sh, flag, script, NULL }, *env[] = { path, NULL };

	(void)snprintf(script, sizeof(script), "%s", b->script);
	p->file = b->fail ? "/nonexistent/program" : "/bin/sh";
	if (b->fail)
		b->fail--;
	p->argv = argv;
	p->env = env;
	p->cwd = b->dir;
	return proc_open(c->loop, p, ret);
}

static void on_changed(struct child *c)
{
	struct bench *b = c->owner;
	size_t n = strlen(b->said);

	(void)snprintf(b->said + n, sizeof(b->said) - n, "%s ", child_state_name(c->state));
	assert_true(b->changes < (int)countof(b->at_ms));
	b->at_ms[b->changes++] = clock_mono_ms();
	if (b->stop_when_waiting && c->state == CHILD_WAITING)
		child_stop(c, 1000);
}

static void on_tick(struct timer *t)
{
	struct bench *b = container_of(t, struct bench, tick);

	if (clock_mono_ms() > b->until_ms)
		fail_msg("waited too long: %s", b->said);
	timer_in(t, 20);
}

#define until(b, it)                                                                               \
	do {                                                                                       \
		(b)->until_ms = clock_mono_ms() + 30000;                                           \
		timer_in(&(b)->tick, 20);                                                          \
		while (!(it))                                                                      \
			(void)uv_run(&(b)->loop.uv, UV_RUN_ONCE);                                  \
	} while (0)

static void bench_open(struct bench *b, const char *script)
{
	*b = (struct bench){ .script = script };
	loop_init(&b->loop, NULL, NULL);
	timer_open(&b->tick, &b->loop, on_tick);
	rand_gen_seed(&b->jitter, 5);
	log_child(&b->log, NULL, "%s", "");
	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/replyd-child-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->child =
		(struct child){ .owner = b, .role = "test", .start = start, .changed = on_changed };
}

static void bench_close(struct bench *b)
{
	char path[128];

	assert_int_equal(b->child.state, CHILD_STOPPED);
	child_close(&b->child);
	timer_drop(&b->tick, NULL);
	loop_stop(&b->loop);
	loop_run(&b->loop);
	loop_clear(&b->loop); /* aborts if a handle of the child's is left */
	(void)snprintf(path, sizeof(path), "%s/ready", b->dir);
	(void)unlink(path);
	assert_int_equal(rmdir(b->dir), 0);
}

/* The script has come so far that its traps hold. */
static bool is_ready(const struct bench *b)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/ready", b->dir);
	return access(path, F_OK) == 0;
}

static void one_that_ends_is_started_again_ever_later(void **state)
{
	struct bench b;
	uint64_t first, fourth;

	(void)state;
	bench_open(&b, "exit 3");
	child_open(&b.child, &b.loop, &b.jitter, &b.log);
	until(&b, b.child.starts == 5);
	/* The back-off is between half of 200 ms and 200 ms, then between half of 1600 ms and that.
	 */
	first = b.at_ms[2] - b.at_ms[1];
	fourth = b.at_ms[8] - b.at_ms[7];
	assert_true(first >= 100);
	assert_true(fourth >= 800);
	child_stop(&b.child, 1000);
	until(&b, b.child.state == CHILD_STOPPED);
	assert_non_null(
		strstr(b.said,
		       "running waiting running waiting running waiting running waiting running "));
	bench_close(&b);
}

static void a_killed_one_is_started_again(void **state)
{
	struct bench b;
	pid_t first;

	(void)state;
	bench_open(&b, "exec sleep 60");
	child_open(&b.child, &b.loop, &b.jitter, &b.log);
	assert_int_equal(b.child.state, CHILD_RUNNING);
	first = proc_pid(b.child.proc);
	assert_int_equal(kill(first, SIGKILL), 0);
	until(&b, b.child.starts == 2);
	assert_int_not_equal(proc_pid(b.child.proc), first);
	child_stop(&b.child, 5000);
	until(&b, b.child.state == CHILD_STOPPED);
	assert_string_equal(b.said, "running waiting running stopping stopped ");
	bench_close(&b);
}

static void stopping_is_polite(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "trap 'rm ready; exit 0' TERM; : >ready; while :; do sleep 0.02; done");
	child_open(&b.child, &b.loop, &b.jitter, &b.log);
	until(&b, is_ready(&b));
	child_stop(&b.child, 20000);
	child_stop(&b.child, 20000); /* once is enough */
	until(&b, b.child.state == CHILD_STOPPED);
	assert_false(is_ready(&b));
	assert_null(b.child.proc);
	assert_string_equal(b.said, "running stopping stopped ");
	child_stop(&b.child, 1);
	bench_close(&b);
}

static void its_own_signal_stops_it(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "trap 'rm ready; exit 0' INT; trap '' TERM; : >ready; while :; do sleep "
		       "0.02; done");
	b.child.stop_signal = SIGINT;
	child_open(&b.child, &b.loop, &b.jitter, &b.log);
	until(&b, is_ready(&b));
	child_stop(&b.child, 20000);
	until(&b, b.child.state == CHILD_STOPPED);
	assert_false(is_ready(&b));
	bench_close(&b);
}

static void patience_ends(void **state)
{
	struct bench b;
	uint64_t began_ms;

	(void)state;
	bench_open(&b, "trap '' TERM; : >ready; while :; do sleep 0.02; done");
	child_open(&b.child, &b.loop, &b.jitter, &b.log);
	until(&b, is_ready(&b));
	began_ms = clock_mono_ms();
	child_stop(&b.child, 200);
	until(&b, b.child.state == CHILD_STOPPED);
	assert_true(clock_mono_ms() - began_ms >= 200);
	bench_close(&b);
}

/* One that was stopped with SIGSTOP hears its SIGTERM, too. */
static void a_paused_one_is_stopped(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "trap 'rm ready; exit 0' TERM; : >ready; while :; do sleep 0.02; done");
	child_open(&b.child, &b.loop, &b.jitter, &b.log);
	until(&b, is_ready(&b));
	assert_int_equal(kill(proc_pid(b.child.proc), SIGSTOP), 0);
	child_stop(&b.child, 20000);
	until(&b, b.child.state == CHILD_STOPPED);
	assert_false(is_ready(&b));
	bench_close(&b);
}

static void one_that_cannot_start_is_tried_again(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "exec sleep 60");
	b.fail = 2;
	child_open(&b.child, &b.loop, &b.jitter, &b.log);
	assert_int_equal(b.child.state, CHILD_WAITING);
	assert_null(b.child.proc);
	until(&b, b.child.state == CHILD_RUNNING);
	assert_int_equal(b.child.starts, 1);
	child_stop(&b.child, 5000);
	until(&b, b.child.state == CHILD_STOPPED);
	bench_close(&b);
}

static void one_that_waits_is_stopped_at_once(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "exit 1");
	b.fail = 1000;
	child_open(&b.child, &b.loop, &b.jitter, &b.log);
	child_stop(&b.child, 20000);
	assert_int_equal(b.child.state, CHILD_STOPPED);
	assert_string_equal(b.said, "stopped ");
	bench_close(&b);
}

/* The supervisor may stop it from inside the word that it ended. */
static void stopped_inside_its_own_callback(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, "exit 1");
	b.stop_when_waiting = true;
	child_open(&b.child, &b.loop, &b.jitter, &b.log);
	until(&b, b.child.state == CHILD_STOPPED);
	assert_string_equal(b.said, "running waiting stopped ");
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_ends_is_started_again_ever_later),
		cmocka_unit_test(a_killed_one_is_started_again),
		cmocka_unit_test(stopping_is_polite),
		cmocka_unit_test(its_own_signal_stops_it),
		cmocka_unit_test(patience_ends),
		cmocka_unit_test(a_paused_one_is_stopped),
		cmocka_unit_test(one_that_cannot_start_is_tried_again),
		cmocka_unit_test(one_that_waits_is_stopped_at_once),
		cmocka_unit_test(stopped_inside_its_own_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
