#ifndef SERVICES_UP_ACCOUNT_H
#define SERVICES_UP_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Which operating-system account a child runs as.  Root gives its rights up:
 * PostgreSQL runs as `postgres`, the roles as `replyd`, each else as `nobody`.
 * Anybody else keeps his own account for all.
 */
struct account {
	char name[64];
	uid_t uid; /* (uid_t)-1: the one we have */
	gid_t gid;
};

/* `wanted`: "postgres" or "replyd".  0, or -ENOENT: root, and neither account is there. */
int account_choose(const char *wanted, struct account *ret);

/*
 * Can `a` reach `dir` (search permission on every folder above it)?  0, or
 * -EACCES and `closed` names the first folder that is shut; -errno: it names one that cannot be
 * looked at.
 */
int account_can_reach(const struct account *a, const char *dir, char closed[512]);

/* Make a folder for `a`, if it is not there: mode 0700.  -errno. */
int account_own_folder(const struct account *a, const char *dir);

/* Give the rights up for good, in a child between fork and exec.  -errno. */
int account_become(const struct account *a);

/*
 * Run a program to its end as `a`, output appended to `log_path` (NULL: to ours).
 * The exit status, or -errno when it could not be started; 128 + n: signal n.
 */
int account_run(const struct account *a, const char *const *argv, const char *cwd,
		const char *log_path);

#endif
