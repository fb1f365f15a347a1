#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/up/account.h"

int account_choose(const char *wanted, struct account *ret)
{
	const struct passwd *pw;

	*ret = (struct account){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
	if (geteuid() != 0) {
		(void)snprintf(ret->name, sizeof(ret->name), "uid %u", (unsigned)geteuid());
		return 0;
	}
	pw = getpwnam(wanted);
	if (!pw)
		pw = getpwnam("nobody");
	if (!pw)
		return -ENOENT;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", pw->pw_name);
	ret->uid = pw->pw_uid;
	ret->gid = pw->pw_gid;
	return 0;
}

static bool may_search(const struct account *a, const struct stat *st)
{
	if (st->st_uid == a->uid)
		return st->st_mode & S_IXUSR;
	if (st->st_gid == a->gid)
		return st->st_mode & S_IXGRP;
	return st->st_mode & S_IXOTH;
}

int account_can_reach(const struct account *a, const char *dir, char closed[512])
{
	char path[512];
	struct stat st;

	if (a->uid == (uid_t)-1)
		return 0;
	for (size_t i = 0; dir[i]; i++) {
		if (dir[i] != '/')
			continue;
		(void)snprintf(path, sizeof(path), "%.*s", i ? (int)i : 1, dir);
		(void)snprintf(closed, 512, "%s", path);
		if (stat(path, &st) != 0)
			return -errno;
		if (!may_search(a, &st))
			return -EACCES;
	}
	return 0;
}

int account_own_folder(const struct account *a, const char *dir)
{
	if (mkdir(dir, 0700) != 0)
		return errno == EEXIST ? 0 : -errno;
	if (a->uid != (uid_t)-1 && chown(dir, a->uid, a->gid) != 0)
		return -errno;
	return 0;
}

int account_become(const struct account *a)
{
	if (a->uid == (uid_t)-1)
		return 0;
	if (setgroups(0, NULL) != 0 || setresgid(a->gid, a->gid, a->gid) != 0 ||
	    setresuid(a->uid, a->uid, a->uid) != 0)
		return -errno;
	return 0;
}

/* In the child; only returns by ending it. */
static _Noreturn void become_program(const struct account *a, const char *const *argv,
				     const char *cwd, const char *log_path)
{
	char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C.UTF-8", zone[] = "TZ=UTC";
	char *env[] = { path, locale, zone, NULL };
	int fd = open("/dev/null", O_RDONLY);

	if (fd >= 0)
		dup2(fd, 0);
	if (log_path) {
		fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
		if (fd >= 0) {
			dup2(fd, 1);
			dup2(fd, 2);
		}
	}
	if (account_become(a) == 0 && (!cwd || chdir(cwd) == 0)) {
		union {
			const char *const *in;
			char *const *out;
		} v = { .in = argv }; /* execve takes, but does not change, char * */

		execve(argv[0], v.out, env);
	}
	_exit(127);
}

int account_run(const struct account *a, const char *const *argv, const char *cwd,
		const char *log_path)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_program(a, argv, cwd, log_path);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
