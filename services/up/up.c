#include <errno.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/conninfo.h"
#include "services/up/child.h"
#include "services/up/cluster.h"
#include "services/up/credentials.h"
#include "services/up/database.h"
#include "services/up/keyring.h"
#include "services/up/up.h"

#define CHILDREN_MAX         64
#define PATIENCE_ROLE_MS     10000 /* a role releases its leases and ends its posts */
#define PATIENCE_POSTGRES_MS 30000 /* a fast shutdown writes a checkpoint */

struct up {
	struct settings *settings;
	char data_dir[PATH_MAX];
	char place[CONNINFO_MAX];
	struct keyring keys;
	struct cluster cluster;
	bool private_cluster;
	struct account role_account;
	struct rand_gen jitter;
	struct log log;
	struct loop loop;
	struct child postgres;
	struct child roles[CHILDREN_MAX];
	size_t n_roles;
	int lock_fd;
};

static void on_stop(void *owner);
static void on_role_changed(struct child *c);
static void on_postgres_changed(struct child *c);

static struct up
	*the_up; /* children have no owner pointer of their own type: one `up` per process */

static int say(int code, const char *thing, const char *cause, const char *remedy)
{
	fprintf(stderr, "replyd up: %s: %s; %s\n", thing, cause, remedy);
	return code;
}

/* ---- the data folder ---- */

static int open_data_dir(struct up *u, const char *dir)
{
	char path[PATH_MAX + 16];

	if (mkdir(dir, 0700) == 0) {
		/* As root, PostgreSQL and the roles run as others and have to get through. */
		if (geteuid() == 0)
			chmod(dir, 0711);
	} else if (errno != EEXIST) {
		return say(EX_CANTCREAT, dir, strerror(errno), "choose another --data");
	}
	if (!realpath(dir, u->data_dir))
		return say(EX_CANTCREAT, dir, strerror(errno), "choose another --data");
	if (strlen(u->data_dir) > 300)
		return say(EX_CONFIG, dir, "the path is longer than 300 bytes",
			   "choose a shorter --data");
	snprintf(path, sizeof(path), "%s/up.lock", u->data_dir);
	u->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (u->lock_fd < 0)
		return say(EX_CANTCREAT, path, strerror(errno), "the data folder must be writable");
	if (flock(u->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return say(EX_TEMPFAIL, u->data_dir, "another `replyd up` is running here",
			   "stop it first, or choose another --data");
	return 0;
}

/* Who runs where, for scripts and for the command line.  Holds no secret. */
static void write_state(const struct up *u)
{
	char path[PATH_MAX + 32], tmp[PATH_MAX + 32];
	FILE *f;

	snprintf(path, sizeof(path), "%s/replyd.state", u->data_dir);
	snprintf(tmp, sizeof(tmp), "%s/replyd.state.new", u->data_dir);
	f = fopen(tmp, "we");
	if (!f) {
		log_warn(&u->log, "state.not_written", "cause=%s", strerror(errno));
		return;
	}
	fprintf(f,
		"{\"up\":%d,\"api\":{\"address\":\"%s\",\"port\":%lld,\"url\":\"%s\"},\"conninfo\":"
		"\"%s\",\n \"postgres\":%d,\"roles\":[",
		(int)getpid(), u->settings->api_address, (long long)u->settings->api_port,
		u->settings->api_public_url, u->place,
		u->postgres.proc ? (int)proc_pid(u->postgres.proc) : 0);
	for (size_t i = 0; i < u->n_roles; i++) {
		const struct child *c = &u->roles[i];

		fprintf(f,
			"%s\n  "
			"{\"role\":\"%s\",\"n\":%d,\"state\":\"%s\",\"pid\":%d,\"starts\":%u}",
			i ? "," : "", c->role, c->n, child_state_name(c->state),
			c->proc ? (int)proc_pid(c->proc) : 0, c->starts);
	}
	fputs("]}\n", f);
	if (fclose(f) != 0 || rename(tmp, path) != 0)
		log_warn(&u->log, "state.not_written", "cause=%s", strerror(errno));
}

/* What the roles read: every setting as it holds now; no secret stands in settings. */
static int write_settings(const struct up *u)
{
	char path[PATH_MAX + 32];
	FILE *f;

	snprintf(path, sizeof(path), "%s/settings.conf", u->data_dir);
	f = fopen(path, "we");
	if (!f)
		return say(EX_CANTCREAT, path, strerror(errno), "the data folder must be writable");
	fputs("# written by `replyd up` at each start for its children; edit your own file "
	      "instead\n",
	      f);
	settings_write(u->settings, u->place, f);
	if (fclose(f) != 0)
		return say(EX_CANTCREAT, path, strerror(errno), "is the disk full?");
	chmod(path, 0644);
	return 0;
}

/* ---- children ---- */

static int start_postgres(struct child *c, struct proc_params *p, struct proc **ret)
{
	(void)c;
	return cluster_start(&the_up->cluster, &the_up->loop, p, ret);
}

static int start_role(struct child *c, struct proc_params *p, struct proc **ret)
{
	const struct up *u = the_up;
	char self[] = "replyd", role[32], flag_cred[] = "--credentials", fd3[] = "fd:3",
	     flag_conf[] = "--config", conf[PATH_MAX + 32];
	char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C.UTF-8", zone[] = "TZ=UTC";
	char *argv[] = { self, role, flag_cred, fd3, flag_conf, conf, NULL };
	char *env[] = { path, locale, zone, NULL };
	int r, fd;

	snprintf(role, sizeof(role), "%s", c->role);
	snprintf(conf, sizeof(conf), "%s/settings.conf", u->data_dir);
	fd = credentials_pipe(&u->keys, u->settings, c->role);
	if (fd < 0)
		return fd;
	p->file = "/proc/self/exe";
	p->argv = argv;
	p->env = env;
	p->uid = u->role_account.uid;
	p->gid = u->role_account.gid;
	p->in_fd = fd;
	r = proc_open(&the_up->loop, p, ret);
	close(fd);
	return r;
}

static void add_role(struct up *u, const char *role, int n)
{
	struct child *c = &u->roles[u->n_roles++];

	c->role = role;
	c->n = n;
	c->start = start_role;
	c->changed = on_role_changed;
	child_open(c, &u->loop, &u->jitter, &u->log);
}

static bool roles_are_stopped(const struct up *u)
{
	for (size_t i = 0; i < u->n_roles; i++)
		if (u->roles[i].state != CHILD_STOPPED)
			return false;
	return true;
}

static void close_all(struct up *u)
{
	for (size_t i = 0; i < u->n_roles; i++)
		child_close(&u->roles[i]);
	if (u->private_cluster)
		child_close(&u->postgres);
}

static void on_role_changed(struct child *c)
{
	struct up *u = the_up;

	write_state(u);
	if (c->state != CHILD_STOPPED || !roles_are_stopped(u))
		return;
	/* PostgreSQL goes last: the roles give their leases back through it. */
	if (u->private_cluster)
		child_stop(&u->postgres, PATIENCE_POSTGRES_MS);
	else
		close_all(u);
}

static void on_postgres_changed(struct child *c)
{
	write_state(the_up);
	if (c->state == CHILD_STOPPED)
		close_all(the_up);
}

static void on_stop(void *owner)
{
	struct up *u = owner;

	log_info(&u->log, "up.stopping", "roles=%zu", u->n_roles);
	for (size_t i = 0; i < u->n_roles; i++)
		child_stop(&u->roles[i], PATIENCE_ROLE_MS);
	if (u->n_roles == 0 && u->private_cluster)
		child_stop(&u->postgres, PATIENCE_POSTGRES_MS);
}

/* ---- the straight line ---- */

static int ready_private(struct up *u)
{
	char why[512];
	int r = cluster_prepare(&u->cluster, u->data_dir, u->settings->database_bin_dir,
				&u->keys.is[KEYRING_ROOT], why);

	if (r) {
		fprintf(stderr, "replyd up: %s\n", why);
		return r == -EACCES ? EX_NOPERM : r == -ENOENT ? EX_UNAVAILABLE : EX_CANTCREAT;
	}
	u->private_cluster = true;
	cluster_conninfo(&u->cluster, u->place);
	u->postgres.role = "postgres";
	u->postgres.stop_signal = SIGINT;
	u->postgres.start = start_postgres;
	u->postgres.changed = on_postgres_changed;
	child_open(&u->postgres, &u->loop, &u->jitter, &u->log);
	return database_ready(u->place, "replyd_root", &u->keys.is[KEYRING_ROOT], &u->keys, 60000);
}

static int ready_given(struct up *u)
{
	struct secret password = { 0 };
	char user[64], why[256];
	int code;

	if (conninfo_split(u->settings->database_url, u->place, user, &password, why) != 0)
		return say(EX_CONFIG, "database.url", why, "see `replyd config print`");
	code = database_ready(u->place, user[0] ? user : "postgres", &password, &u->keys, 0);
	secret_clear(&password);
	return code;
}

/* api.port = 0: one that is free now; the API child says so if somebody else was faster. */
static int choose_port(struct up *u)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int r = -1, fd;

	if (u->settings->api_port)
		return 0;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&a, &len) == 0)
		r = settings_fix_port(u->settings, ntohs(a.sin_port));
	if (fd >= 0)
		close(fd);
	return r ? say(EX_OSERR, "api.port", "no free port was found", "name one") : 0;
}

/* Said once now, not by a broker that is started again and again. */
static int check_client_secrets(const struct up *u)
{
	int fd = credentials_pipe(&u->keys, u->settings, "broker");

	if (fd < 0)
		return EX_CONFIG;
	close(fd);
	return 0;
}

static int start_everything(struct up *u)
{
	char why[512];
	int code;

	if (keyring_open(&u->keys, u->data_dir, why) != 0) {
		fprintf(stderr, "replyd up: %s\n", why);
		return EX_CANTCREAT;
	}
	if (account_choose("replyd", &u->role_account) != 0)
		return say(EX_NOPERM, "accounts", "there is neither `replyd` nor `nobody`",
			   "start replyd as another user than root");
	code = choose_port(u);
	if (code)
		return code;
	code = check_client_secrets(u);
	if (code)
		return code;
	code = *u->settings->database_url ? ready_given(u) : ready_private(u);
	if (code)
		return code;
	code = write_settings(u);
	if (code)
		return code;
	add_role(u, "broker", 0);
	for (int i = 0; i < u->settings->ingest_workers && i < CHILDREN_MAX - 8; i++)
		add_role(u, "ingest", i);
	add_role(u, "dispatch", 0);
	add_role(u, "rotation", 0);
	add_role(u, "api", 0);
	log_info(&u->log, "up.started", "data=%s api=%s", u->data_dir, u->settings->api_public_url);
	return 0;
}

int up_run(struct settings *s, const char *data_dir)
{
	struct up *u = mem_new(sizeof(*u));
	int code;

	the_up = u;
	u->settings = s;
	rand_gen_seed(&u->jitter, 0);
	log_child(&u->log, NULL, "%s", "");
	code = open_data_dir(u, data_dir);
	if (code == 0) {
		loop_init(&u->loop, on_stop, u);
		code = start_everything(u);
		if (code)
			loop_stop(&u->loop);
		loop_run(&u->loop);
		loop_clear(&u->loop);
		keyring_clear(&u->keys);
	}
	if (u->lock_fd > 0)
		close(u->lock_fd);
	free(u);
	return code;
}
