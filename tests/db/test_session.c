#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <libpq-fe.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/pg.h"
#include "db/session.h"
#include "tests/db/pgtest.h"

static char why[SESSION_WHY];

static void failures_say_which_and_what_to_do(void **state)
{
	struct secret bad = { 0 };
	struct session *s = NULL;
	char nowhere[128];
	const struct {
		const char *name, *conninfo;
		int r;
		const char *says;
	} rows[] = {
		{ "nobody there", nowhere, -ECONNREFUSED, "cannot be reached" },
		{ "wrong password", pgtest_conninfo("postgres", "replyd_api"), -EACCES,
		  "password authentication failed" },
		{ "unknown role", pgtest_conninfo("postgres", "nobody_of_ours"), -EACCES,
		  "check the role" },
		{ "unknown database", pgtest_conninfo("no_such_database", PGTEST_ADMIN), -EACCES,
		  "no_such_database" },
		{ "no address", "postgres//rep:hunter2@host", -EINVAL,
		  "postgresql://user@host:port/database" },
		{ "unknown word", "hosst=x password=hunter2", -EINVAL, "no PostgreSQL address" },
		{ "bad port", "host=/tmp port=hunter2", -ECONNREFUSED, "port" },
	};

	(void)state;
	(void)snprintf(nowhere, sizeof(nowhere), "host=%s port=1 user=x", pgtest_folder());
	secret_set_text(&bad, TEXT("hunter3"));
	for (size_t i = 0; i < countof(rows); i++) {
		why[0] = '\0';
		if (session_open(rows[i].conninfo, &bad, "test", &s, why) != rows[i].r ||
		    !strstr(why, rows[i].says))
			fail_msg("%s: %s", rows[i].name, why);
		if (strstr(why, "hunter3") || (rows[i].r == -EINVAL && strstr(why, "hunter2")) ||
		    strchr(why, '\n'))
			fail_msg("%s: %s", rows[i].name, why);
	}
	assert_null(s);
	secret_clear(&bad);
}

/* A server that is not there for the first who comes, and then is. */

static void address_of(int port, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(a->sun_path, sizeof(a->sun_path), "%s/.s.PGSQL.%d", pgtest_folder(), port);
}

static void relay(int client)
{
	struct sockaddr_un a;
	int ends[2] = { client, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	struct pollfd p[2] = { { ends[0], POLLIN, 0 }, { ends[1], POLLIN, 0 } };
	char b[4096];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	address_of(5432, &a);
	if (connect(ends[1], (struct sockaddr *)&a, sizeof(a)) < 0)
		_exit(1);
	while (poll(p, 2, -1) > 0)
		for (int i = 0; i < 2; i++) {
			ssize_t n = p[i].revents ? read(ends[i], b, sizeof(b)) : -1;

			if (n == 0 || (n > 0 && write(ends[!i], b, (size_t)n) != n))
				_exit(0);
		}
	_exit(0);
}

static pid_t start_latecomer(struct sockaddr_un *a)
{
	int at = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	address_of(6433, a);
	assert_int_equal(bind(at, (struct sockaddr *)a, sizeof(*a)), 0);
	assert_int_equal(listen(at, 4), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGCHLD, SIG_IGN);
		close(accept(at, NULL, NULL));
		for (;;) {
			int client = accept(at, NULL, NULL);

			if (fork() == 0)
				relay(client);
			close(client);
		}
	}
	close(at);
	return pid;
}

static void a_server_that_comes_up_meanwhile_is_no_refusal(void **state)
{
	struct sockaddr_un a;
	pid_t pid = start_latecomer(&a);
	struct session *s = NULL;
	char conninfo[128];

	(void)state;
	(void)snprintf(conninfo, sizeof(conninfo),
		       "host=%s port=6433 dbname=postgres user=" PGTEST_ADMIN, pgtest_folder());
	if (session_open(conninfo, NULL, "test", &s, why) != 0)
		fail_msg("%s", why);
	session_close(s);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(unlink(a.sun_path), 0);
}

static void values_are_read_as_text(void **state)
{
	const char *params[] = { "it's", NULL };
	struct session *s = pgtest_session("postgres", PGTEST_ADMIN);

	(void)state;
	assert_int_equal(session_rows(s), 0);
	assert_int_equal(
		session_query(s, "select $1, $2, 7 union all select 'b', 'c', 8", 2, params, why),
		0);
	assert_int_equal(session_rows(s), 2);
	assert_string_equal(session_value(s, 0, 0), "it's");
	assert_string_equal(session_value(s, 0, 1), "");
	assert_string_equal(session_value(s, 1, 2), "8");
	assert_string_equal(session_value(s, 2, 0), "");
	assert_string_equal(session_value(s, 0, 3), "");
	assert_string_equal(session_value(s, -1, -1), "");
	assert_string_equal(session_sqlstate(s), "");

	assert_int_equal(session_query(s, "select 1 / 0", 0, NULL, why), -EIO);
	assert_string_equal(why, "division by zero");
	assert_string_equal(session_sqlstate(s), "22012");
	assert_int_equal(session_rows(s), 0);
	assert_int_equal(
		session_exec(s,
			     "create temp table t (n int); insert into t values (1), (2); select 1",
			     why),
		0);
	assert_string_equal(session_sqlstate(s), "");
	assert_int_equal(session_query(s, "select count(*) from t", 0, NULL, why), 0);
	assert_string_equal(session_value(s, 0, 0), "2");
	assert_int_equal(session_exec(s, "", why), 0);

	/* The server ends it. */
	assert_int_equal(session_exec(s, "select pg_terminate_backend(pg_backend_pid())", why),
			 -EIO);
	assert_true(why[0] != '\0' && !strchr(why, '\n'));
	assert_int_equal(session_exec(s, "select 1", why), -EIO);
	assert_true(why[0] != '\0');
	session_close(s);
	session_close(NULL);
}

/* Poolers ------------------------------------------------------------------ */

static struct {
	pid_t pid;
	char conninfo[128];
} bouncer;

static void write_conf(const char *mode)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/bouncer.ini", pgtest_folder());
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f,
		      "[databases]\n* = host=%s port=5432\n[pgbouncer]\nunix_socket_dir = "
		      "%s\nlisten_port = 6432\n"
		      "listen_addr =\nauth_type = trust\nauth_file = %s/users\npool_mode = "
		      "%s\ndefault_pool_size = 4\n",
		      pgtest_folder(), pgtest_folder(), pgtest_folder(), mode);
	(void)fclose(f);
	assert_int_equal(chmod(path, 0644), 0);
	(void)snprintf(path, sizeof(path), "%s/users", pgtest_folder());
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "\"" PGTEST_ADMIN "\" \"\"\n");
	(void)fclose(f);
	assert_int_equal(chmod(path, 0644), 0);
}

/* As whom the folder belongs to: pgbouncer refuses to run as root. */
static void run_bouncer(void)
{
	char conf[128];
	struct stat st;

	(void)snprintf(conf, sizeof(conf), "%s/bouncer.ini", pgtest_folder());
	if (stat(pgtest_folder(), &st) < 0)
		_exit(1);
	if (getuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setgid(st.st_gid) < 0 || setuid(st.st_uid) < 0))
		_exit(1);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)execl("/usr/sbin/pgbouncer", "pgbouncer", "-q", conf, (char *)NULL);
	_exit(127);
}

static void start_bouncer(const char *mode)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };

	write_conf(mode);
	(void)snprintf(bouncer.conninfo, sizeof(bouncer.conninfo),
		       "host=%s port=6432 dbname=postgres user=" PGTEST_ADMIN, pgtest_folder());
	bouncer.pid = fork();
	assert_true(bouncer.pid >= 0);
	if (bouncer.pid == 0)
		run_bouncer();
	for (int i = 0; i < 1000; i++) {
		if (PQping(bouncer.conninfo) == PQPING_OK)
			return;
		assert_int_equal(waitpid(bouncer.pid, NULL, WNOHANG), 0);
		(void)nanosleep(&moment, NULL);
	}
	fail_msg("pgbouncer does not start");
}

static void stop_bouncer(void)
{
	assert_int_equal(kill(bouncer.pid, SIGTERM), 0);
	assert_int_equal(waitpid(bouncer.pid, NULL, 0), bouncer.pid);
}

static void poolers_are_told_by_what_they_do(void **state)
{
	static const struct {
		const char *mode;
		int r;
	} rows[] = { { "session", 0 }, { "transaction", 1 }, { "statement", 1 } };
	struct session *s;

	(void)state;
	assert_int_equal(session_pooler_check(pgtest_conninfo("postgres", PGTEST_ADMIN), NULL, why),
			 0);
	for (size_t i = 0; i < countof(rows); i++) {
		start_bouncer(rows[i].mode);
		why[0] = '\0';
		if (session_pooler_check(bouncer.conninfo, NULL, why) != rows[i].r)
			fail_msg("%s: %s", rows[i].mode, why);
		assert_true(rows[i].r == 0 || strstr(why, "pool_mode=session"));

		/* Also when somebody else keeps servers of the pool busy. */
		if (strcmp(rows[i].mode, "statement") != 0) {
			assert_int_equal(session_open(bouncer.conninfo, NULL, "busy", &s, why), 0);
			pgtest_exec(s, "begin; select 1");
			assert_int_equal(session_pooler_check(bouncer.conninfo, NULL, why),
					 rows[i].r);
			session_close(s);
		}
		stop_bouncer();
	}
	assert_int_equal(session_pooler_check(bouncer.conninfo, NULL, why), -ECONNREFUSED);
}

struct via {
	struct loop loop;
	struct pg *pg;
	int heard;
	struct outcome down;
};

static void on_heard(void *owner)
{
	struct via *v = owner;

	v->heard++;
	pg_drop(v->pg);
	loop_stop(&v->loop);
}

static void on_up(void *owner)
{
	struct via *v = owner;

	pg_notify(v->pg, "replyd_event");
}

static void on_down(void *owner, const struct outcome *down)
{
	struct via *v = owner;

	v->down = *down;
	pg_drop(v->pg);
	loop_stop(&v->loop);
}

/* What we ask of a connection, a pooler in session mode gives. */
static void a_session_mode_pooler_serves_us(void **state)
{
	struct via v = { 0 };
	struct pg_params p = {
		.application = "via", .owner = &v, .on_up = on_up, .on_down = on_down
	};

	(void)state;
	start_bouncer("session");
	p.conninfo = bouncer.conninfo;
	loop_init(&v.loop, NULL, NULL);
	assert_int_equal(pg_open(&v.loop, &p, &v.pg), 0);
	pg_listen(v.pg, "replyd_event", on_heard, &v);
	loop_run(&v.loop);
	loop_clear(&v.loop);
	assert_string_equal(v.down.said, "");
	assert_int_equal(v.heard, 1);
	stop_bouncer();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_say_which_and_what_to_do),
		cmocka_unit_test(a_server_that_comes_up_meanwhile_is_no_refusal),
		cmocka_unit_test(values_are_read_as_text),
		cmocka_unit_test(poolers_are_told_by_what_they_do),
		cmocka_unit_test(a_session_mode_pooler_serves_us),
	};

	log_setup("test", LOG_ERROR, LOG_KEY_VALUE);
	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
