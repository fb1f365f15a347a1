#ifndef BASE_IO_PROC_H
#define BASE_IO_PROC_H

#include <stdint.h>
#include <sys/types.h>

#include "base/io/loop.h"

/*
 * A child process of ours: started with an exact set of descriptors and a clean
 * environment, under another user when we are root, and its end told once.
 *
 * The child has descriptor 0 on /dev/null, 1 and 2, and 3 and 4 if given;
 * nothing else of ours.  Its signals are as in a fresh process.  It is not told
 * to end with us by the kernel, since a change of user and an exec would undo
 * that: a program of ours asks for it itself, proc_die_with_parent().
 */
struct proc;

struct proc_params {
	const char *file;  /* absolute path, or "/proc/self/exe" */
	char *const *argv; /* NULL-terminated, as execve(2) */
	char *const *env;  /* "NAME=value", NULL-terminated; PROC_PARENT is added */
	const char *cwd;   /* NULL: unchanged */
	uid_t uid;         /* (uid_t)-1: unchanged; else `gid` is needed, other groups are left */
	gid_t gid;         /* (gid_t)-1: unchanged */
	int in_fd;         /* becomes descriptor 3 of the child; -1: none.  Ours stays open */
	int keys_fd;       /* becomes descriptor 4; 0: none.  Ours stays open */
	int out_fd;        /* becomes descriptors 1 and 2; -1: inherited.  Ours stays open */
	void *owner;
	/*
	 * From the loop, once, unless proc_drop() came first; `term_signal` 0: it
	 * exited.  After it, and inside too, only proc_drop().
	 */
	void (*on_exit)(void *owner, int exit_status, int term_signal);
};

/*
 * Everything in `p` is copied or used at once.  -errno of fork and exec (-ENOENT,
 * -EACCES, -EPERM ...); -EINVAL: a uid without a gid.
 */
int proc_open(struct loop *l, const struct proc_params *p, struct proc **ret);
pid_t proc_pid(const struct proc *p);
int proc_signal(struct proc *p, int signum); /* -ESRCH: it has ended */
/*
 * Forget it; callable anywhere, NULL too.  A running child gets SIGKILL, and the
 * loop runs until it is buried.
 */
void proc_drop(struct proc *p);

/*
 * In a child, at its start: end (SIGKILL) with the parent, also when that has
 * ended already.  Nothing when no proc_open() started us.
 */
void proc_die_with_parent(void);

#endif
