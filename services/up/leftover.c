#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "services/up/leftover.h"

/* Somebody's shell may stand in the folder, too. */
static bool is_postgres(long pid)
{
	char path[64], name[32];
	bool is = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fgets(name, sizeof(name), f))
		is = text_eq(text_trim(text_of(name)), TEXT("postgres"));
	(void)fclose(f);
	return is;
}

static bool lives_in(long pid, const char *data)
{
	char link[64], cwd[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%ld/cwd", pid);
	n = readlink(link, cwd, sizeof(cwd) - 1);
	if (n < 0)
		return false;
	cwd[n] = '\0';
	return strcmp(cwd, data) == 0;
}

size_t leftover_signal(const char *data, int signum, long *ret_pid)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	uint64_t pid;
	size_t n = 0;

	while (d && (e = readdir(d))) {
		if (text_u64(text_of(e->d_name), INT_MAX, &pid) != 0 || pid <= 1 ||
		    !lives_in((long)pid, data) || !is_postgres((long)pid))
			continue;
		if (signum)
			(void)kill((pid_t)pid, signum);
		if (ret_pid)
			*ret_pid = (long)pid;
		n++;
	}
	if (d)
		closedir(d);
	return n;
}
