#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sign.h"
#include "base/text.h"
#include "services/up/cluster.h"
#include "services/up/leftover.h"

/* "/var/lib/x/run/.s.PGSQL.5432" must fit into sun_path. */
#define SOCKET_FILE    "/.s.PGSQL.5432"
#define SOCKET_DIR_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof(SOCKET_FILE))

#define ORPHANS_MS 5000 /* for those that were killed to be gone */
#define LOOK_MS    50

static const char settings[] =
	"\n# replyd: reachable by the Unix socket only; passwords for everybody\n"
	"listen_addresses = ''\n"
	"unix_socket_permissions = 0777\n"
	"password_encryption = 'scram-sha-256'\n"
	"max_connections = 200\n"
	"shared_buffers = 128MB\n"
	"wal_compression = on\n"
	"max_wal_size = 512MB\n"
	"idle_in_transaction_session_timeout = 30s\n"
	"log_timezone = 'UTC'\n"
	"timezone = 'UTC'\n"
	"# a statement's text may be logged, its values and the row that failed never\n"
	"log_error_verbosity = terse\n"
	"log_parameter_max_length = 0\n"
	"log_parameter_max_length_on_error = 0\n";

static const char hba[] = "local all all scram-sha-256\n";

static int find_programs(struct cluster *c, const char *bin_dir, char why[512])
{
	glob_t g = { 0 };
	char initdb[300];

	c->bin[0] = '\0';
	if (bin_dir && *bin_dir) {
		(void)snprintf(c->bin, sizeof(c->bin), "%s", bin_dir);
	} else if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0) {
		/* Sorted by name; 13 and up all have two digits, so the last is the newest. */
		(void)snprintf(c->bin, sizeof(c->bin), "%.*s",
			       (int)(strlen(g.gl_pathv[g.gl_pathc - 1]) - strlen("/initdb")),
			       g.gl_pathv[g.gl_pathc - 1]);
	}
	globfree(&g);
	(void)snprintf(initdb, sizeof(initdb), "%s/initdb", c->bin);
	if (c->bin[0] && access(initdb, X_OK) == 0)
		return 0;
	(void)snprintf(
		why, 512,
		"PostgreSQL: no initdb in %s; install the package postgresql-15, name the folder "
		"in database.bin_dir, "
		"or set DATABASE_URL",
		c->bin[0] ? c->bin : "/usr/lib/postgresql/*/bin");
	return -ENOENT;
}

/* The socket lies in DIR/run if its path is short enough, else in a private folder under /tmp named
 * after DIR. */
static int choose_socket(struct cluster *c, const char *data_dir, char why[512])
{
	uint8_t digest[SIGN_SHA256];
	char path[512];
	struct stat st;
	int r;

	(void)snprintf(path, sizeof(path), "%s/run", data_dir);
	if (strlen(path) > SOCKET_DIR_MAX) {
		sign_sha256(data_dir, strlen(data_dir), digest);
		(void)snprintf(path, sizeof(path), "/tmp/replyd-%02x%02x%02x%02x%02x%02x",
			       digest[0], digest[1], digest[2], digest[3], digest[4], digest[5]);
	}
	(void)snprintf(c->socket, sizeof(c->socket), "%.*s", (int)SOCKET_DIR_MAX, path);
	r = account_own_folder(&c->account, c->socket);
	if (r == 0 && lstat(c->socket, &st) != 0)
		r = -errno;
	/* In /tmp somebody else may have been first. */
	if (r == 0 &&
	    (!S_ISDIR(st.st_mode) || (st.st_uid != c->account.uid && st.st_uid != geteuid())))
		r = -EPERM;
	/* The roles run as another account than PostgreSQL and must get through. */
	if (r == 0 && chmod(c->socket, 0711) != 0)
		r = -errno;
	if (r)
		(void)snprintf(why, 512,
			       "%s: %s; the folder of PostgreSQL's socket must belong to %s",
			       c->socket, strerror(-r), c->account.name);
	return r;
}

static int put_file(const struct account *a, const char *path, int flags, const char *text,
		    size_t n)
{
	int r = 0, fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n)
		r = -EIO;
	if (r == 0 && a->uid != (uid_t)-1 && fchown(fd, a->uid, a->gid) != 0)
		r = -errno;
	close(fd);
	return r;
}

static int init_db(const struct cluster *c, const struct secret *root_password, char why[512])
{
	char initdb[300], data[512], log[512], pw[512], path[600], pwfile[600];
	const char *argv[] = { initdb,
			       "-D",
			       data,
			       "-U",
			       "replyd_root",
			       "--auth=scram-sha-256",
			       pwfile,
			       "-E",
			       "UTF8",
			       "--locale=C.UTF-8",
			       "--no-instructions",
			       NULL };
	int r;

	(void)snprintf(initdb, sizeof(initdb), "%s/initdb", c->bin);
	/* Made aside and renamed, so that a crash in the middle leaves no half cluster. */
	(void)snprintf(data, sizeof(data), "%s/new", c->dir);
	(void)snprintf(log, sizeof(log), "%s/initdb.log", c->dir);
	(void)snprintf(pw, sizeof(pw), "%s/password", c->dir);
	(void)snprintf(pwfile, sizeof(pwfile), "--pwfile=%s", pw);

	r = put_file(&c->account, pw, O_TRUNC, secret_text(root_password), root_password->len);
	if (r == 0)
		r = account_run(&c->account, argv, c->dir, log);
	unlink(pw);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "%s/postgresql.conf", data);
		r = put_file(&c->account, path, O_APPEND, settings, sizeof(settings) - 1);
	}
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "%s/pg_hba.conf", data);
		r = put_file(&c->account, path, O_TRUNC, hba, sizeof(hba) - 1);
	}
	(void)snprintf(path, sizeof(path), "%s/data", c->dir);
	if (r == 0 && rename(data, path) != 0)
		r = -errno;
	if (r)
		(void)snprintf(
			why, 512,
			"PostgreSQL: initdb ended with %d; see %.180s, then remove %.180s and "
			"start again",
			r, log, data);
	return r ? -EIO : 0;
}

/*
 * Does process `pid` live in `dir`?  A postmaster does; who has its number by now, after a restart
 * of the machine, does not.  In a container we may not be allowed to look: then it is taken for
 * ours, as pg_ctl does.
 */
static bool lives_in(long pid, const char *dir)
{
	char link[64], cwd[512];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%ld/cwd", pid);
	n = readlink(link, cwd, sizeof(cwd) - 1);
	if (n < 0)
		return errno == EACCES || errno == EPERM;
	cwd[n] = '\0';
	return strcmp(cwd, dir) == 0;
}

/*
 * The fast way, then the immediate one, which only costs a recovery: a postmaster that was in the
 * middle of one does not end the fast way.  Whoever stands still is woken to hear of it.
 */
static void stop_postmaster(const struct cluster *c, const char *data, long pid)
{
	static const char *const modes[] = { "fast", "immediate" };
	char ctl[300], log[512];

	(void)snprintf(ctl, sizeof(ctl), "%s/pg_ctl", c->bin);
	(void)snprintf(log, sizeof(log), "%s/initdb.log", c->dir);
	for (size_t i = 0; i < countof(modes) && lives_in(pid, data); i++) {
		const char *argv[] = { ctl,  "-D", data, "-m",   modes[i],
				       "-w", "-t", "20", "stop", NULL };

		(void)leftover_signal(data, SIGCONT, NULL);
		(void)account_run(&c->account, argv, c->dir, log);
	}
}

/* Who still holds the memory of a postmaster that is gone: what it knows, the log knows too. */
static int end_orphans(const char *data, char why[512])
{
	long pid = 0;

	for (int i = 0; leftover_signal(data, SIGKILL, &pid) > 0; i++) {
		if (i == ORPHANS_MS / LOOK_MS) {
			(void)snprintf(why, 512,
				       "PostgreSQL: process %ld of an earlier one in %.300s cannot "
				       "be ended; it hangs in the kernel: look at its disk, or "
				       "restart the machine",
				       pid, data);
			return -EBUSY;
		}
		(void)poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

/* What an earlier run left behind.  Nobody else is at it: we hold the folder's lock. */
static int stop_leftover(const struct cluster *c, char why[512])
{
	char data[512], pidfile[600], line[32];
	long pid = 0;
	FILE *f;
	int r;

	(void)snprintf(data, sizeof(data), "%s/data", c->dir);
	(void)snprintf(pidfile, sizeof(pidfile), "%s/postmaster.pid", data);
	f = fopen(pidfile, "re");
	if (f && fgets(line, sizeof(line), f))
		pid = strtol(line, NULL, 10);
	if (f)
		(void)fclose(f);
	/* Of a file that names nobody PostgreSQL itself makes nothing. */
	if (pid > 1)
		stop_postmaster(c, data, pid);
	r = end_orphans(data, why);
	if (r == 0 && pid > 1 && lives_in(pid, data)) {
		(void)snprintf(why, 512,
			       "PostgreSQL: process %ld holds %.300s and does not stop; end it by "
			       "hand",
			       pid, data);
		r = -EBUSY;
	}
	return r;
}

int cluster_prepare(struct cluster *c, const char *data_dir, const char *bin_dir,
		    const struct secret *root_password, char why[512])
{
	char closed[512], path[600];
	int r;

	*c = (struct cluster){ 0 };
	if (account_choose("postgres", &c->account) != 0) {
		(void)snprintf(why, 512,
			       "PostgreSQL refuses to run as root, and there is neither an account "
			       "`postgres` nor `nobody`; "
			       "start replyd as another user");
		return -ENOENT;
	}
	r = find_programs(c, bin_dir, why);
	if (r)
		return r;
	(void)snprintf(c->dir, sizeof(c->dir), "%s/pg", data_dir);
	if (account_can_reach(&c->account, c->dir, closed) != 0) {
		(void)snprintf(
			why, 512,
			"%.150s is closed to the account %s, which runs PostgreSQL; choose --data "
			"in a folder open to it, "
			"such as /var/lib/replyd, or chmod o+x %.100s",
			closed, c->account.name, closed);
		return -EACCES;
	}
	r = account_own_folder(&c->account, c->dir);
	if (r) {
		(void)snprintf(why, 512, "%s: %s; the data folder must be writable", c->dir,
			       strerror(-r));
		return r;
	}
	r = choose_socket(c, data_dir, why);
	if (r)
		return r;
	(void)snprintf(path, sizeof(path), "%s/data/PG_VERSION", c->dir);
	if (access(path, F_OK) != 0)
		return init_db(c, root_password, why);
	return stop_leftover(c, why);
}

int cluster_start(const struct cluster *c, struct loop *l, struct proc_params *p, struct proc **ret)
{
	char postgres[300], data[512], sock[200], log[512];
	char d[] = "-D", k[] = "-k", zone[] = "TZ=UTC", locale[] = "LC_ALL=C.UTF-8",
	     path[] = "PATH=/usr/bin:/bin";
	char *argv[] = { postgres, d, data, k, sock, NULL };
	char *env[] = { path, locale, zone, NULL };
	int r;

	(void)snprintf(postgres, sizeof(postgres), "%s/postgres", c->bin);
	(void)snprintf(data, sizeof(data), "%s/data", c->dir);
	(void)snprintf(sock, sizeof(sock), "%s", c->socket);
	(void)snprintf(log, sizeof(log), "%s/postgres.log", c->dir);
	/* The one before has ended; it would not start beside what is left of it. */
	if (leftover_signal(data, SIGKILL, NULL) > 0)
		return -EBUSY;
	p->file = postgres;
	p->argv = argv;
	p->env = env;
	p->cwd = c->dir;
	p->uid = c->account.uid;
	p->gid = c->account.gid;
	p->in_fd = -1;
	p->out_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->out_fd < 0)
		return -errno;
	r = proc_open(l, p, ret);
	close(p->out_fd);
	return r;
}

void cluster_conninfo(const struct cluster *c, char ret[CONNINFO_MAX])
{
	struct buf b;

	buf_init(&b, CONNINFO_MAX - 1);
	/* A socket's path has at most 107 bytes. */
	if (conninfo_add(&b, "host", c->socket) != 0 || conninfo_add(&b, "port", "5432") != 0 ||
	    conninfo_add(&b, "dbname", "replyd") != 0)
		abort();
	(void)snprintf(ret, CONNINFO_MAX, "%s", (const char *)b.data);
	buf_clear(&b);
}
