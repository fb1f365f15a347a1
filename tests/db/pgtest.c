#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "tests/db/pgtest.h"

#include "base/mem.h"
#include "base/rand.h"
#include "db/migrate.h"

/*
 * The server is the child of a keeper, which is the child of the test.  The
 * keeper hears the test through a pipe: a letter per wish, and the end of the
 * pipe when the test is over or has crashed, upon which it takes the server and
 * the folder away.
 */
#define GO   'g'
#define STOP 's'

static struct {
	char folder[64], bin[128];
	uid_t uid;
	gid_t gid;
	int wish, ack;
	pid_t keeper, test;
} cluster = { .wish = -1, .ack = -1 };

static void __attribute__((noreturn, format(printf, 1, 2))) give_up(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)fputs("pgtest: ", stderr);
	(void)vfprintf(stderr, fmt, args);
	(void)fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* Keeper ------------------------------------------------------------------ */

static void become_user(void)
{
	if (getuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setgid(cluster.gid) < 0 || setuid(cluster.uid) < 0))
		_exit(126);
}

static pid_t spawn(const char *const *argv, bool as_user)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (as_user)
		become_user();
	(void)prctl(PR_SET_PDEATHSIG, SIGQUIT); /* for PostgreSQL: stop at once */
	for (int s = 1; s < 32; s++)
		(void)signal(s, SIG_DFL);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	(void)setenv("TZ", "UTC", 1);
	(void)close(cluster.wish);
	(void)close(cluster.ack);
	(void)execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int wait_for(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void write_file(const char *name, const char *mode, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/data/%s", cluster.folder, name);
	f = fopen(path, mode);
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		_exit(1);
}

static void make_cluster(void)
{
	char initdb[160], data[80], conf[512];
	const char *argv[] = { initdb,
			       "-D",
			       data,
			       "-U",
			       PGTEST_ADMIN,
			       "-E",
			       "UTF8",
			       "--locale=C.UTF-8",
			       "--auth=trust",
			       "--no-sync",
			       "--no-instructions",
			       NULL };

	(void)snprintf(initdb, sizeof(initdb), "%s/initdb", cluster.bin);
	(void)snprintf(data, sizeof(data), "%s/data", cluster.folder);
	if (wait_for(spawn(argv, /* as_user= */ true)) != 0)
		_exit(1);
	(void)snprintf(
		conf, sizeof(conf),
		"listen_addresses = ''\nunix_socket_directories = '%s'\nport = 5432\n"
		"fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\n"
		"max_connections = 80\nshared_buffers = 32MB\nmax_wal_size = 256MB\n"
		"log_statement = ddl\nlog_min_messages = warning\nmax_parallel_workers = 0\n",
		cluster.folder);
	write_file("postgresql.conf", "a", conf);
	write_file("pg_hba.conf", "w",
		   "local all " PGTEST_ADMIN " trust\nlocal all all scram-sha-256\n");
}

static pid_t start_server(void)
{
	char postgres[160], data[80];
	const char *argv[] = { postgres, "-D", data, NULL };

	(void)snprintf(postgres, sizeof(postgres), "%s/postgres", cluster.bin);
	(void)snprintf(data, sizeof(data), "%s/data", cluster.folder);
	return spawn(argv, /* as_user= */ true);
}

static void stop_server(pid_t server, int how)
{
	if (server > 0) {
		(void)kill(server, how);
		(void)wait_for(server);
	}
}

static void remove_folder(void)
{
	const char *argv[] = { "/bin/rm", "-rf", cluster.folder, NULL };

	(void)wait_for(spawn(argv, /* as_user= */ false));
}

static void __attribute__((noreturn)) keep(int wishes)
{
	char log[80], wish;
	pid_t server = 0;
	int fd;

	for (int s = 1; s < 32; s++)
		if (s != SIGCHLD && s != SIGKILL && s != SIGSTOP)
			(void)signal(s, SIG_IGN);
	(void)snprintf(log, sizeof(log), "%s/log", cluster.folder);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	/* Nobody who reads the test's output to its end shall wait for us. */
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(1);
	make_cluster();
	while (read(wishes, &wish, 1) == 1) {
		if (wish == GO)
			server = start_server();
		if (wish == STOP) {
			stop_server(server, SIGINT);
			server = 0;
		}
		if (write(cluster.ack, &wish, 1) != 1)
			break;
	}
	stop_server(server, SIGQUIT);
	remove_folder();
	_exit(0);
}

/* Test -------------------------------------------------------------------- */

static void find_programs(void)
{
	const char *bin = getenv("REPLYD_PG_BIN");
	glob_t found;

	if (bin) {
		(void)snprintf(cluster.bin, sizeof(cluster.bin), "%s", bin);
		return;
	}
	if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
		give_up("no PostgreSQL under /usr/lib/postgresql; set REPLYD_PG_BIN to the folder "
			"of initdb");
	(void)snprintf(cluster.bin, sizeof(cluster.bin), "%s", found.gl_pathv[found.gl_pathc - 1]);
	globfree(&found);
}

static void find_user(void)
{
	const struct passwd *p;

	cluster.uid = getuid();
	cluster.gid = getgid();
	if (cluster.uid != 0)
		return;
	p = getpwnam("postgres");
	if (!p)
		p = getpwnam("nobody");
	if (!p)
		give_up("PostgreSQL refuses to run as root, and there is no user postgres or "
			"nobody");
	cluster.uid = p->pw_uid;
	cluster.gid = p->pw_gid;
}

static void ask_keeper(char wish)
{
	char ack;

	if (write(cluster.wish, &wish, 1) != 1 || read(cluster.ack, &ack, 1) != 1 || ack != wish)
		give_up("the server's keeper is gone; see %s/log", cluster.folder);
}

static void on_exit_of_test(void)
{
	/* A forked child of the test that exits must not take the cluster away. */
	if (getpid() != cluster.test)
		return;
	(void)close(cluster.wish);
	(void)wait_for(cluster.keeper);
}

void pgtest_server_go(void)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };

	ask_keeper(GO);
	for (int i = 0; i < 3000; i++) {
		if (PQping(pgtest_conninfo("postgres", PGTEST_ADMIN)) == PQPING_OK)
			return;
		(void)nanosleep(&moment, NULL);
	}
	give_up("PostgreSQL does not start; see %s/log", cluster.folder);
}

void pgtest_server_stop(void)
{
	ask_keeper(STOP);
}

static struct {
	const char *role;
	struct secret password;
} passwords[6];

const struct secret *pgtest_password(const char *role)
{
	for (size_t i = 0; i < countof(passwords); i++)
		if (passwords[i].role && strcmp(passwords[i].role, role) == 0)
			return &passwords[i].password;
	return NULL;
}

static void wipe_passwords(void)
{
	for (size_t i = 0; i < countof(passwords); i++)
		secret_clear(&passwords[i].password);
}

static void make_template(void)
{
	struct migrate_role roles[countof(passwords)];
	size_t n;
	const char *const *names = migrate_role_names(&n);
	struct session *s;
	char why[SESSION_WHY];

	for (size_t i = 0; i < n && i < countof(passwords); i++) {
		char password[RAND_UUID];

		rand_uuid(password);
		passwords[i].role = names[i];
		secret_set_text(&passwords[i].password, text_of(password));
		roles[i] = (struct migrate_role){ names[i], &passwords[i].password };
	}
	(void)atexit(wipe_passwords);
	s = pgtest_session(pgtest_database_empty("replyd_template"), PGTEST_ADMIN);
	if (migrate_roles(s, roles, n, why) < 0 || migrate_up(s, NULL, why) < 0)
		give_up("%s", why);
	session_close(s);
}

void pgtest_start_bare(void)
{
	int wish[2], ack[2];

	find_programs();
	find_user();
	(void)snprintf(cluster.folder, sizeof(cluster.folder),
		       "/tmp/rpg-XXXXXX"); /* a socket's path is short */
	if (!mkdtemp(cluster.folder) || chown(cluster.folder, cluster.uid, cluster.gid) < 0)
		give_up("%s: %s", cluster.folder, strerror(errno));
	if (pipe2(wish, O_CLOEXEC) < 0 || pipe2(ack, O_CLOEXEC) < 0)
		give_up("pipe: %s", strerror(errno));
	(void)signal(SIGPIPE, SIG_IGN);
	cluster.test = getpid();
	cluster.keeper = fork();
	if (cluster.keeper < 0)
		give_up("fork: %s", strerror(errno));
	if (cluster.keeper == 0) {
		(void)close(wish[1]);
		(void)close(ack[0]);
		cluster.ack = ack[1];
		cluster.wish = wish[0];
		keep(wish[0]);
	}
	(void)close(wish[0]);
	(void)close(ack[1]);
	cluster.wish = wish[1];
	cluster.ack = ack[0];
	(void)atexit(on_exit_of_test);
	pgtest_server_go();
}

void pgtest_start(void)
{
	pgtest_start_bare();
	make_template();
}

const char *pgtest_folder(void)
{
	return cluster.folder;
}

static const char *create(const char *name, const char *from)
{
	struct session *s = pgtest_session("postgres", PGTEST_ADMIN);

	pgtest_exec(s, "create database \"%s\" template %s", name, from);
	session_close(s);
	return name;
}

const char *pgtest_database(const char *name)
{
	return create(name, "replyd_template");
}

const char *pgtest_database_empty(const char *name)
{
	return create(name, "template1");
}

/* What was said is kept, so that a conninfo may be held on to. */
const char *pgtest_conninfo(const char *database, const char *role)
{
	static struct said {
		struct said *next;
		char text[192];
	} * all;
	struct said *one;
	char text[192];

	(void)snprintf(text, sizeof(text), "host=%s port=5432 dbname=%s user=%s", cluster.folder,
		       database, role);
	for (one = all; one; one = one->next)
		if (strcmp(one->text, text) == 0)
			return one->text;
	one = mem_new(sizeof(*one));
	memcpy(one->text, text, sizeof(text));
	one->next = all;
	all = one;
	return one->text;
}

struct session *pgtest_session(const char *database, const char *role)
{
	struct session *s;
	char why[SESSION_WHY];

	if (session_open(pgtest_conninfo(database, role), pgtest_password(role), "pgtest", &s,
			 why) < 0)
		give_up("%s as %s: %s", database, role, why);
	return s;
}

static char *format(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
static char *format(const char *fmt, va_list args)
{
	char *sql;

	if (vasprintf(&sql, fmt, args) < 0)
		abort();
	return sql;
}

void pgtest_exec(struct session *s, const char *fmt, ...)
{
	char why[SESSION_WHY];
	va_list args;
	char *sql;

	va_start(args, fmt);
	sql = format(fmt, args);
	va_end(args);
	if (session_exec(s, sql, why) < 0)
		give_up("%s: %s (%s)", sql, why, session_sqlstate(s));
	mem_cleanup(&sql);
}

const char *pgtest_value(struct session *s, const char *fmt, ...)
{
	char why[SESSION_WHY];
	va_list args;
	char *sql;

	va_start(args, fmt);
	sql = format(fmt, args);
	va_end(args);
	if (session_query(s, sql, 0, NULL, why) < 0)
		give_up("%s: %s (%s)", sql, why, session_sqlstate(s));
	mem_cleanup(&sql);
	return session_value(s, 0, 0);
}

const char *pgtest_fails(struct session *s, const char *fmt, ...)
{
	char why[SESSION_WHY];
	va_list args;
	char *sql;

	va_start(args, fmt);
	sql = format(fmt, args);
	va_end(args);
	(void)session_exec(s, sql, why);
	mem_cleanup(&sql);
	return session_sqlstate(s);
}
