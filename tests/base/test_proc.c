#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io/loop.h"
#include "base/io/proc.h"
#include "base/io/timer.h"
#include "base/mem.h"

/* The owner of one child; what it says comes back through a pipe. */
struct owner {
	struct loop loop;
	struct proc_params params;
	struct proc *proc;
	struct timer timer;
	int out[2];
	int exits, status, signum;
	char said[4096];
	void (*timed)(struct owner *o);
};

static char *const no_env[] = { NULL };

static void finish(struct owner *o)
{
	proc_drop(o->proc);
	o->proc = NULL;
	timer_drop(&o->timer, NULL);
	loop_stop(&o->loop);
}

static void on_exit_of_child(void *owner, int exit_status, int term_signal)
{
	struct owner *o = owner;

	o->exits++;
	o->status = exit_status;
	o->signum = term_signal;
	assert_int_equal(proc_signal(o->proc, SIGTERM), -ESRCH);
	finish(o);
}

static void on_timed(struct timer *t)
{
	struct owner *o = container_of(t, struct owner, timer);

	if (!o->timed)
		fail_msg("the child hangs");
	o->timed(o);
}

static void owner_init(struct owner *o, const char *file, char *const *argv)
{
	*o = (struct owner){ 0 };
	loop_init(&o->loop, NULL, NULL);
	timer_open(&o->timer, &o->loop, on_timed);
	timer_in(&o->timer, 60000);
	assert_int_equal(pipe2(o->out, O_CLOEXEC), 0);
	o->params = (struct proc_params){ .file = file,
					  .argv = argv,
					  .env = no_env,
					  .uid = (uid_t)-1,
					  .gid = (gid_t)-1,
					  .in_fd = -1,
					  .out_fd = o->out[1],
					  .owner = o,
					  .on_exit = on_exit_of_child };
}

/* Everything that was said, to the end: nobody holds the pipe any more. */
static void hear(struct owner *o)
{
	size_t n = 0;
	ssize_t r;

	close(o->out[1]);
	while ((r = read(o->out[0], o->said + n, sizeof(o->said) - 1 - n)) > 0)
		n += (size_t)r;
	o->said[n] = '\0';
	close(o->out[0]);
}

static void owner_run(struct owner *o)
{
	assert_int_equal(proc_open(&o->loop, &o->params, &o->proc), 0);
	assert_true(proc_pid(o->proc) > 0);
	loop_run(&o->loop);
	loop_clear(&o->loop);
	hear(o);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
}

static void run_shell(struct owner *o, char *script)
{
	char sh[] = "sh", c[] = "-c";
	char *argv[] = { sh, c, script, NULL };

	owner_init(o, "/bin/sh", argv);
	owner_run(o);
}

static void exit_status(void **state)
{
	struct owner o;

	(void)state;
	run_shell(&o, (char[]){ "echo out; echo err >&2; exit 7" });
	assert_int_equal(o.exits, 1);
	assert_int_equal(o.status, 7);
	assert_int_equal(o.signum, 0);
	assert_string_equal(o.said, "out\nerr\n");

	run_shell(&o, (char[]){ "kill -9 $$" });
	assert_int_equal(o.exits, 1);
	assert_int_equal(o.signum, SIGKILL);
}

static void environment_is_exact(void **state)
{
	char name[] = "env", one[] = "ONE=1", two[] = "TWO=2 2", want[100];
	char *argv[] = { name, NULL }, *env[] = { one, two, NULL };
	struct owner o;

	(void)state;
	setenv("LEAKED", "secret", 1);
	owner_init(&o, "/usr/bin/env", argv);
	o.params.env = env;
	owner_run(&o);
	snprintf(want, sizeof(want), "ONE=1\nTWO=2 2\nPROC_PARENT=%d\n", (int)getpid());
	assert_string_equal(o.said, want);
}

static void descriptors_are_exact(void **state)
{
	char sh[] = "sh", c[] = "-c";
	char script[] = "cat <&3; for f in /proc/$$/fd/*; do [ -e $f ] && echo ${f##*/}; done; "
			"read x || echo null";
	char *argv[] = { sh, c, script, NULL };
	int in[2], leaks[20];
	struct owner o;

	(void)state;
	for (size_t i = 0; i < countof(leaks); i++)
		leaks[i] = open("/dev/null",
				O_RDONLY); /* without close-on-exec, as a careless library does */
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "keys\n", 5), 5);
	close(in[1]);
	owner_init(&o, "/bin/sh", argv);
	o.params.in_fd = in[0];
	owner_run(&o);
	assert_int_equal(fcntl(in[0], F_GETFD) >= 0, 1); /* ours stays open */
	close(in[0]);
	for (size_t i = 0; i < countof(leaks); i++)
		close(leaks[i]);
	assert_string_equal(o.said, "keys\n0\n1\n2\n3\nnull\n");
}

static void no_third_descriptor(void **state)
{
	struct owner o;

	(void)state;
	run_shell(&o, (char[]){ "for f in /proc/$$/fd/*; do [ -e $f ] && echo ${f##*/}; done" });
	assert_string_equal(o.said, "0\n1\n2\n");
}

static void working_directory(void **state)
{
	char sh[] = "pwd";
	char *argv[] = { sh, NULL };
	struct owner o;

	(void)state;
	owner_init(&o, "/bin/pwd", argv);
	o.params.cwd = "/usr";
	owner_run(&o);
	assert_string_equal(o.said, "/usr\n");
}

static void another_user(void **state)
{
	char sh[] = "sh", c[] = "-c", script[] = "id -u; id -g; id -G";
	char *argv[] = { sh, c, script, NULL };
	struct owner o;

	(void)state;
	if (getuid() != 0)
		skip();
	owner_init(&o, "/bin/sh", argv);
	o.params.uid = 65534;
	o.params.gid = 65533;
	owner_run(&o);
	assert_string_equal(o.said, "65534\n65533\n65533\n");
}

static void signals_are_fresh(void **state)
{
	/* 32 and 33 belong to the C library, which lets nobody set them: as whoever started us left
	 * them. */
	const unsigned long long libc_own = 3ULL << 31;
	const char *blocked, *ignored;
	struct owner o;

	(void)state;
	/* loop_init() ignores SIGPIPE, and the child must not: SigIgn and SigBlk are empty */
	run_shell(&o, (char[]){ "grep -E '^Sig(Ign|Blk)' /proc/self/status" });
	blocked = strstr(o.said, "SigBlk:\t");
	ignored = strstr(o.said, "SigIgn:\t");
	assert_non_null(blocked);
	assert_non_null(ignored);
	assert_int_equal(strtoull(blocked + 8, NULL, 16), 0);
	assert_int_equal(strtoull(ignored + 8, NULL, 16) & ~libc_own, 0);
}

static void open_errors(void **state)
{
	char name[] = "x", plain[] = "/tmp/replyd-test-proc-XXXXXX";
	char *argv[] = { name, NULL };
	int fd = mkstemp(plain);
	const struct {
		const char *file, *cwd;
		uid_t uid;
		int r;
	} rows[] = {
		{ "/nonexistent/program", NULL, (uid_t)-1, -ENOENT },
		{ plain, NULL, (uid_t)-1, -EACCES },
		{ "/bin/sh", "/nonexistent", (uid_t)-1, -ENOENT },
		{ "/bin/sh", NULL, 65534, -EINVAL }, /* without a group */
	};

	(void)state;
	close(fd);
	for (size_t i = 0; i < countof(rows); i++) {
		struct owner o;

		owner_init(&o, rows[i].file, argv);
		o.params.cwd = rows[i].cwd;
		o.params.uid = rows[i].uid;
		assert_int_equal(proc_open(&o.loop, &o.params, &o.proc), rows[i].r);
		assert_null(o.proc);
		finish(&o);
		loop_run(&o.loop);
		loop_clear(&o.loop);
		hear(&o);
		assert_int_equal(o.exits, 0);
	}
	unlink(plain);
}

static void ask_to_end(struct owner *o)
{
	assert_int_equal(proc_signal(o->proc, SIGTERM), 0);
	o->timed = NULL;
	timer_in(&o->timer, 60000);
}

static void signalled(void **state)
{
	char sleep_[] = "sleep", long_[] = "1000";
	char *argv[] = { sleep_, long_, NULL };
	struct owner o;

	(void)state;
	owner_init(&o, "/bin/sleep", argv);
	o.timed = ask_to_end;
	timer_in(&o.timer, 1);
	owner_run(&o);
	assert_int_equal(o.exits, 1);
	assert_int_equal(o.signum, SIGTERM);
}

static void dropped_while_running(void **state)
{
	char sleep_[] = "sleep", long_[] = "1000";
	char *argv[] = { sleep_, long_, NULL };

	(void)state;
	for (uint64_t ms = 0; ms < 3; ms++) {
		struct owner o;

		owner_init(&o, "/bin/sleep", argv);
		o.timed = finish;
		timer_in(&o.timer, ms);
		owner_run(&o); /* and it holds its end of the pipe no more */
		assert_int_equal(o.exits, 0);
	}
	proc_drop(NULL);
}

/*
 * A family of three: this test, a parent that is killed, and its child, which
 * says that it lives and holds the pipe until it ends.
 */
static void child_mode(const char *when)
{
	pid_t parent = getppid();

	if (!strcmp(when, "late")) {
		(void)!write(STDOUT_FILENO, "alive\n", 6);
		while (getppid() == parent)
			poll(NULL, 0, 1);
	}
	proc_die_with_parent();
	(void)!write(STDOUT_FILENO, "alive\n", 6);
	for (;;)
		pause();
}

static void on_exit_ignored(void *owner, int exit_status, int term_signal)
{
	(void)owner, (void)exit_status, (void)term_signal;
}

static int parent_mode(char *when)
{
	char name[] = "test_proc", child[] = "child";
	char *argv[] = { name, child, when, NULL };
	struct proc_params p = { .file = "/proc/self/exe",
				 .argv = argv,
				 .env = no_env,
				 .uid = (uid_t)-1,
				 .gid = (gid_t)-1,
				 .in_fd = -1,
				 .out_fd = -1,
				 .on_exit = on_exit_ignored };
	struct loop l;
	struct proc *proc;

	loop_init(&l, NULL, NULL);
	if (proc_open(&l, &p, &proc))
		return 1;
	loop_run(&l);
	return 0;
}

static void dies_with_its_parent(void **state)
{
	static const char *const modes[] = { "early", "late" };

	(void)state;
	for (size_t i = 0; i < countof(modes); i++) {
		char name[] = "test_proc", parent[] = "parent", when[8], byte;
		char *argv[] = { name, parent, when, NULL };
		struct pollfd fd = { .events = POLLIN };
		struct owner o;

		snprintf(when, sizeof(when), "%s", modes[i]);
		owner_init(&o, "/proc/self/exe", argv);
		assert_int_equal(proc_open(&o.loop, &o.params, &o.proc), 0);
		close(o.out[1]);
		/* The child lives: now the parent is killed. */
		assert_int_equal(read(o.out[0], &byte, 1), 1);
		assert_int_equal(proc_signal(o.proc, SIGKILL), 0);
		loop_run(&o.loop);
		loop_clear(&o.loop);
		assert_int_equal(o.signum, SIGKILL);
		/* The pipe ends when the child has ended, too; it said nothing more if it was late.
		 */
		fd.fd = o.out[0];
		do {
			assert_int_equal(poll(&fd, 1, 60000), 1);
		} while (read(o.out[0], o.said, sizeof(o.said)) > 0);
		close(o.out[0]);
	}
}

static void nothing_without_a_parent(void **state)
{
	(void)state;
	unsetenv("PROC_PARENT");
	proc_die_with_parent();
	setenv("PROC_PARENT", "no number", 1);
	proc_die_with_parent();
	unsetenv("PROC_PARENT");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_status),
		cmocka_unit_test(environment_is_exact),
		cmocka_unit_test(descriptors_are_exact),
		cmocka_unit_test(no_third_descriptor),
		cmocka_unit_test(working_directory),
		cmocka_unit_test(another_user),
		cmocka_unit_test(signals_are_fresh),
		cmocka_unit_test(open_errors),
		cmocka_unit_test(signalled),
		cmocka_unit_test(dropped_while_running),
		cmocka_unit_test(dies_with_its_parent),
		cmocka_unit_test(nothing_without_a_parent),
	};

	if (argc == 3 && !strcmp(argv[1], "child"))
		child_mode(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "parent"))
		return parent_mode(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
