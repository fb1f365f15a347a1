#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <uv.h>

#include "base/io/proc.h"
#include "base/mem.h"
#include "base/text.h"

#define PARENT "PROC_PARENT"

enum proc_state {
	PROC_RUNNING,
	PROC_ENDED,   /* told; the owner to drop it */
	PROC_DROPPED, /* the child to be buried, or libuv to give its handle back */
};

struct proc {
	uv_process_t uv;
	enum proc_state state;
	void *owner;
	void (*on_exit)(void *owner, int exit_status, int term_signal);
};

static void on_gone(uv_handle_t *h)
{
	free(container_of(h, struct proc, uv));
}

static void on_exit_of(uv_process_t *uv, int64_t exit_status, int term_signal)
{
	struct proc *p = container_of(uv, struct proc, uv);

	if (p->state == PROC_DROPPED) {
		uv_close((uv_handle_t *)&p->uv, on_gone);
		return;
	}
	p->state = PROC_ENDED;
	p->on_exit(p->owner, (int)exit_status, term_signal);
}

/* The child's environment and who its parent is. */
static char **env_of(char *const *env, char *parent)
{
	size_t n = 0;
	char **all;

	while (env && env[n])
		n++;
	all = mem_new((n + 2) * sizeof(*all));
	for (size_t i = 0; i < n; i++)
		all[i] = env[i];
	all[n] = parent;
	return all;
}

static unsigned ids_of(const struct proc_params *p)
{
	unsigned flags = 0;

	if (p->uid != (uid_t)-1)
		flags |= UV_PROCESS_SETUID; /* libuv gives up supplementary groups first */
	if (p->gid != (gid_t)-1)
		flags |= UV_PROCESS_SETGID;
	return flags;
}

int proc_open(struct loop *l, const struct proc_params *p, struct proc **ret)
{
	uv_stdio_container_t fds[] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = p->out_fd < 0 ? STDOUT_FILENO : p->out_fd },
		{ .flags = UV_INHERIT_FD, .data.fd = p->out_fd < 0 ? STDERR_FILENO : p->out_fd },
		{ .flags = p->in_fd < 0 ? UV_IGNORE : UV_INHERIT_FD, .data.fd = p->in_fd },
		{ .flags = UV_INHERIT_FD, .data.fd = p->keys_fd },
	};
	char parent[32];
	cleanup_free char **env = env_of(p->env, parent);
	uv_process_options_t o = {
		.exit_cb = on_exit_of,
		.file = p->file,
		.env = env,
		.cwd = p->cwd,
		.flags = ids_of(p),
		.stdio_count = p->keys_fd > 0 ? 5
			       : p->in_fd < 0 ? 3
					      : 4,
		.stdio = fds,
		.uid = p->uid,
		.gid = p->gid,
	};
	struct proc *proc;
	int r;

	if (p->uid != (uid_t)-1 && p->gid == (gid_t)-1)
		return -EINVAL;
	memcpy(&o.args, &p->argv, sizeof(o.args)); /* libuv only reads it, but knows no const */
	(void)snprintf(parent, sizeof(parent), PARENT "=%d", (int)getpid());
	/* Whatever a library or our own parent left open without close-on-exec ends here. */
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		uv_disable_stdio_inheritance();

	proc = mem_new(sizeof(*proc));
	proc->owner = p->owner;
	proc->on_exit = p->on_exit;
	r = uv_spawn(&l->uv, &proc->uv, &o);
	if (r < 0) {
		uv_close((uv_handle_t *)&proc->uv, on_gone); /* initialised also when it failed */
		return r;
	}
	*ret = proc;
	return 0;
}

pid_t proc_pid(const struct proc *p)
{
	return uv_process_get_pid(&p->uv);
}

int proc_signal(struct proc *p, int signum)
{
	return p->state == PROC_RUNNING ? uv_process_kill(&p->uv, signum) : -ESRCH;
}

void proc_drop(struct proc *p)
{
	if (!p)
		return;
	switch (p->state) {
	case PROC_RUNNING:
		p->state = PROC_DROPPED;
		(void)uv_process_kill(&p->uv,
				      SIGKILL); /* on_exit_of() comes still, and buries it */
		return;
	case PROC_ENDED:
		p->state = PROC_DROPPED;
		uv_close((uv_handle_t *)&p->uv, on_gone);
		return;
	case PROC_DROPPED:
		return;
	}
}

void proc_die_with_parent(void)
{
	const char *parent = getenv(PARENT);
	uint64_t pid;

	if (!parent || text_u64(text_of(parent), INT32_MAX, &pid) < 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have ended before that line; then somebody else is our parent by now. */
	if ((uint64_t)getppid() != pid)
		(void)raise(SIGKILL);
	(void)unsetenv(PARENT);
}
