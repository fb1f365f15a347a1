#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "services/key_hook.h"

#define WORDS    16  /* of the command */
#define SAID_MAX 160 /* bytes of its stderr that are told */
#define ENV_MAX  256

/* Its three pipes; ours are [1] of the first and [0] of the others.  -1: closed. */
struct run {
	const char *command;
	pid_t pid;
	int in[2], out[2], err[2];
	uint64_t until_ms;
	char answer[KEY_HOOK_MAX + 1], said[SAID_MAX + 1];
	size_t n_answer, n_said;
};

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void shut_all(struct run *u)
{
	for (int i = 0; i < 2; i++) {
		shut(&u->in[i]);
		shut(&u->out[i]);
		shut(&u->err[i]);
	}
}

static int fail(const struct run *u, int r, const char *cause, const char *remedy, char why[512])
{
	char said[SAID_MAX + 1];

	text_printable(said, sizeof(said), text_trim((struct text){ u->said, u->n_said }));
	(void)snprintf(why, 512, "key_command `%.120s`: %.80s%s%.160s; %.120s", u->command, cause,
		       *said ? ": " : "", said, remedy);
	return r;
}

/* What configures replyd is none of its business. */
static bool is_ours(const char *variable)
{
	return strncmp(variable, "REPLYD_", 7) == 0 || strncmp(variable, "PG", 2) == 0 ||
	       strncmp(variable, "DATABASE_URL=", 13) == 0 ||
	       strncmp(variable, "PROC_PARENT=", 12) == 0;
}

static int start(struct run *u, const char *verb)
{
	char line[1024], last[8], *words[WORDS + 2], *env[ENV_MAX + 1], *rest = line;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t all;
	size_t n = 0, k = 0;
	int r;

	(void)snprintf(line, sizeof(line), "%s", u->command);
	for (char *w = strsep(&rest, " \t"); w && n <= WORDS; w = strsep(&rest, " \t"))
		if (*w)
			words[n++] = w;
	if (!n || n > WORDS || words[0][0] != '/')
		return -EINVAL;
	(void)snprintf(last, sizeof(last), "%s", verb);
	words[n++] = last;
	words[n] = NULL;
	for (char **e = environ; *e && k < ENV_MAX; e++)
		if (!is_ours(*e))
			env[k++] = *e;
	env[k] = NULL;
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_adddup2(&files, u->in[0], STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, u->out[1], STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, u->err[1], STDERR_FILENO);
	(void)posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	(void)posix_spawnattr_init(&attr);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn(&u->pid, words[0], &files, &attr, words, env);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return -r;
}

/* What there is; false: its end. */
static bool pour(int *fd, char *at, size_t size, size_t *n)
{
	char spill[256];
	bool is_full = *n == size;
	ssize_t got = is_full ? read(*fd, spill, sizeof(spill)) : read(*fd, at + *n, size - *n);

	if (got > 0 && !is_full)
		*n += (size_t)got;
	secret_wipe(spill, sizeof(spill));
	if (got <= 0)
		shut(fd);
	return got > 0;
}

/* Both outputs to their ends; -ETIMEDOUT; -EMSGSIZE: more than any answer. */
static int listen_to(struct run *u)
{
	while (u->out[0] >= 0 || u->err[0] >= 0) {
		struct pollfd fds[] = { { .fd = u->out[0], .events = POLLIN },
					{ .fd = u->err[0], .events = POLLIN } };
		uint64_t now_ms = clock_mono_ms();

		if (now_ms >= u->until_ms)
			return -ETIMEDOUT;
		if (poll(fds, countof(fds), (int)(u->until_ms - now_ms)) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents)
			(void)pour(&u->out[0], u->answer, KEY_HOOK_MAX, &u->n_answer);
		if (fds[1].revents)
			(void)pour(&u->err[0], u->said, SAID_MAX, &u->n_said);
		if (u->n_answer == KEY_HOOK_MAX)
			return -EMSGSIZE;
	}
	return 0;
}

/* Its exit status, or -1 for one that had to be killed.  One that has closed its outputs may take
 * its time to end, within the limit. */
static int bury(struct run *u, bool is_late)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int status = 0;

	while (!is_late && waitpid(u->pid, &status, WNOHANG) == 0) {
		is_late = clock_mono_ms() >= u->until_ms;
		if (!is_late)
			(void)nanosleep(&pause, NULL);
		else
			break;
	}
	if (!is_late)
		return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	(void)kill(-u->pid, SIGKILL);
	(void)waitpid(u->pid, &status, 0);
	return -1;
}

/* `ret_told`: the line, which some repeat when they refuse it. */
static int tell(struct run *u, const struct secret *in, struct secret *ret_told)
{
	cleanup_buf struct buf line = { .max = KEY_HOOK_MAX };
	int r = text_add_base64(&line, in->data, in->len);

	if (r == 0) {
		secret_set(ret_told, line.data, line.len);
		r = text_add(&line, TEXT("\n"));
	}
	/* It fits into a pipe.  A program that does not want it has said why, or will. */
	if (r == 0)
		(void)!write(u->in[1], line.data, line.len);
	secret_wipe(line.data, line.cap);
	shut(&u->in[1]);
	return r;
}

static int read_answer(struct run *u, enum key_hook_verb verb, struct secret *ret)
{
	struct buf plain;
	int r;

	buf_init(&plain, LIMIT_SECRET);
	r = text_from_base64(&plain, text_trim((struct text){ u->answer, u->n_answer }));
	if (r == 0 && (!plain.len || (verb == KEY_HOOK_UNWRAP && plain.len > 4096)))
		r = -EPROTO;
	if (r == 0)
		secret_set(ret, plain.data, plain.len);
	secret_wipe(plain.data, plain.cap);
	buf_clear(&plain);
	return r ? -EPROTO : 0;
}

static int converse(struct run *u, enum key_hook_verb verb, const struct secret *in,
		    struct secret *ret, char why[512])
{
	cleanup_secret struct secret told = { 0 };
	char cause[80];
	int r, status;

	if (pipe2(u->in, O_CLOEXEC) != 0 || pipe2(u->out, O_CLOEXEC) != 0 ||
	    pipe2(u->err, O_CLOEXEC) != 0)
		return fail(u, -errno, strerror(errno), "raise the limit of open files", why);
	r = start(u, verb == KEY_HOOK_WRAP ? "wrap" : "unwrap");
	if (r)
		return fail(u, r, r == -EINVAL ? "is no command" : strerror(-r),
			    "name a program by its whole path, with at most 15 words behind it",
			    why);
	shut(&u->out[1]);
	shut(&u->err[1]);
	r = tell(u, in, &told);
	shut(&u->in[0]); /* until now, so that one that has ended already is no SIGPIPE */
	if (r == 0)
		r = listen_to(u);
	status = bury(u, r != 0);
	u->said[u->n_said] = '\0';
	secret_blank(u->said, in);
	secret_blank(u->said, &told);
	if (r == -ETIMEDOUT || (r == 0 && status < 0))
		return fail(u, -ETIMEDOUT, "did not end in time, or was killed",
			    "run it by hand; can it reach the key service from here?", why);
	if (r && r != -EMSGSIZE)
		return fail(u, r, strerror(-r), "see the system's log", why);
	(void)snprintf(cause, sizeof(cause), "ended with status %d", status);
	if (r == 0 && status != 0)
		return fail(u, -EPROTO, cause,
			    "run it by hand; it may lack rights, or the key is another service's",
			    why);
	if (r == 0)
		r = read_answer(u, verb, ret);
	return r ? fail(u, -EPROTO, "answered something else than one line of base64",
			"it prints the result and nothing else on stdout", why)
		 : 0;
}

int key_hook_run(const char *command, enum key_hook_verb verb, const struct secret *in,
		 uint64_t limit_ms, struct secret *ret, char why[512])
{
	struct run *u = mem_new(sizeof(*u));
	int r;

	*u = (struct run){ .command = command,
			   .in = { -1, -1 },
			   .out = { -1, -1 },
			   .err = { -1, -1 },
			   .until_ms = clock_mono_ms() + limit_ms };
	r = converse(u, verb, in, ret, why);
	shut_all(u);
	secret_wipe(u, sizeof(*u));
	free(u);
	return r;
}

int key_hook_open(const char *command, uint64_t limit_ms, struct secret *value, char why[512])
{
	static const size_t prefix = sizeof(KEY_HOOK_PREFIX) - 1;
	cleanup_secret struct secret wrapped = { 0 };
	cleanup_buf struct buf b = { .max = KEY_HOOK_MAX };

	if (value->len < prefix || memcmp(value->data, KEY_HOOK_PREFIX, prefix) != 0)
		return 0;
	if (!command || !*command) {
		(void)snprintf(
			why, 512,
			"it is wrapped, and key_command is not set; set it to the program that "
			"wrapped it");
		return -EINVAL;
	}
	if (text_from_base64(&b, (struct text){ (const char *)value->data + prefix,
						value->len - prefix }) != 0 ||
	    !b.len) {
		(void)snprintf(why, 512,
			       "is not " KEY_HOOK_PREFIX " and base64; restore it from the "
			       "backup");
		return -EPROTO;
	}
	secret_set(&wrapped, b.data, b.len);
	return key_hook_run(command, KEY_HOOK_UNWRAP, &wrapped, limit_ms, value, why);
}
