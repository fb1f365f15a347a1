#ifndef BASE_IO_PROC_H
#define BASE_IO_PROC_H

#include <stdint.h>
#include <sys/types.h>

#include "base/io/loop.h"

/*
 * A child process of ours: started with an exact set of descriptors and a clean
 * environment, under another user when we are root, ended with us (PDEATHSIG),
 * and its end told once.
 */
struct proc;

struct proc_params {
	const char *file;        /* absolute path, or "/proc/self/exe" */
	char *const *argv;
	char *const *env;
	const char *cwd;         /* NULL: unchanged */
	uid_t uid;               /* (uid_t)-1: unchanged */
	gid_t gid;
	int in_fd;               /* becomes descriptor 3 of the child; -1: none */
	int out_fd;              /* becomes descriptors 1 and 2; -1: inherited */
	void *owner;
	void (*on_exit)(void *owner, int exit_status, int term_signal);
};

/* -errno of fork/exec (-ENOENT, -EACCES ...). */
int proc_open(struct loop *l, const struct proc_params *p, struct proc **ret);
pid_t proc_pid(const struct proc *p);
int proc_signal(struct proc *p, int signum); /* -ESRCH: it has ended */
void proc_drop(struct proc *p);              /* forget it; a running child gets SIGKILL */

#endif
