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

#include "base/json.h"
#include "base/mem.h"
#include "base/rand.h"
#include "db/conninfo.h"
#include "ingest/worker.h"
#include "services/up/child.h"
#include "services/up/cluster.h"
#include "services/up/credentials.h"
#include "services/up/crew_size.h"
#include "services/up/data_dir.h"
#include "services/up/database.h"
#include "services/up/keyring.h"
#include "services/up/up.h"

#define CHILDREN_MAX         64
#define LOOK_AGAIN_MS        30000
#define LOOK_MS              1000 /* for new keys: one readdir */
#define TURN_MS              50
#define PATIENCE_START_MS    60000 /* PostgreSQL may have to recover first */
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
	int n_ingest;
	char installation[RAND_UUID];   /* of this data folder: names the slots of its workers */
	struct crew_size *crew;         /* NULL: a number of workers was given */
	int key_fds[CHILDREN_MAX];      /* our ends of the roles' --keys; 0: none */
	size_t keys_sent[CHILDREN_MAX]; /* of keys.later */
	struct timer look;              /* for new keys in DIR/secrets */
	int lock_fd;
};

static void on_stop(void *owner);
static void on_role_changed(struct child *c);
static void on_postgres_changed(struct child *c);
static void on_size(void *owner, int n);
static void on_look(struct timer *t);

static int fail(int code, const char *thing, const char *cause, const char *remedy)
{
	(void)fprintf(stderr, "replyd up: %s: %s; %s\n", thing, cause, remedy);
	return code;
}

/* ---- the data folder ---- */

static int open_data_dir(struct up *u, const char *dir)
{
	char path[DATA_DIR_PATH];

	if (mkdir(dir, 0700) == 0) {
		/* As root, PostgreSQL and the roles run as others and have to get through. */
		if (geteuid() == 0)
			chmod(dir, 0711);
	} else if (errno != EEXIST) {
		return fail(EX_CANTCREAT, dir, strerror(errno), "choose another --data");
	}
	if (!realpath(dir, u->data_dir))
		return fail(EX_CANTCREAT, dir, strerror(errno), "choose another --data");
	if (strlen(u->data_dir) > 300)
		return fail(EX_CONFIG, dir, "the path is longer than 300 bytes",
			    "choose a shorter --data");
	data_dir_lock(u->data_dir, path);
	u->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (u->lock_fd < 0)
		return fail(EX_CANTCREAT, path, strerror(errno),
			    "the data folder must be writable");
	if (flock(u->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return fail(EX_TEMPFAIL, u->data_dir, "another `replyd up` is running here",
			    "stop it first, or choose another --data");
	return 0;
}

/* Made once: a worker's successor in its slot is known by it.  -errno. */
static int read_installation(struct up *u)
{
	char path[PATH_MAX + 16];
	FILE *f;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/installation", u->data_dir);
	f = fopen(path, "re");
	if (f && fgets(u->installation, sizeof(u->installation), f) &&
	    strlen(u->installation) == RAND_UUID - 1)
		goto out;
	if (f)
		(void)fclose(f);
	rand_uuid(u->installation);
	f = fopen(path, "we");
	if (!f || fputs(u->installation, f) < 0 || fflush(f) != 0)
		r = -EIO;
out:
	if (f)
		(void)fclose(f);
	return r;
}

static json_t *child_json(const struct child *c)
{
	json_t *j = json_object();

	json_put_text(j, "role", text_of(c->role));
	json_put_int(j, "n", c->n);
	json_put_text(j, "state", text_of(child_state_name(c->state)));
	json_put_int(j, "pid", c->proc ? proc_pid(c->proc) : 0);
	json_put_int(j, "starts", c->starts);
	return j;
}

static json_t *state_json(const struct up *u)
{
	json_t *j = json_object(), *api = json_object(), *roles = json_array();

	json_put_text(api, "address", text_of(u->settings->api_address));
	json_put_int(api, "port", u->settings->api_port);
	json_put_text(api, "url", text_of(u->settings->api_public_url));
	for (size_t i = 0; i < u->n_roles; i++)
		json_append(roles, child_json(&u->roles[i]));
	json_put_int(j, "up", getpid());
	json_put(j, "api", api);
	json_put_text(j, "conninfo", text_of(u->place));
	json_put_int(j, "postgres", u->postgres.proc ? proc_pid(u->postgres.proc) : 0);
	json_put(j, "roles", roles);
	return j;
}

/* Who runs where, for scripts and for the command line.  Holds no secret.  Written aside: readers
 * see all or the last. */
static void write_state(const struct up *u)
{
	char path[PATH_MAX + 32], tmp[PATH_MAX + 32];
	cleanup_json json_t *j = state_json(u);

	(void)snprintf(path, sizeof(path), "%s/replyd.state", u->data_dir);
	(void)snprintf(tmp, sizeof(tmp), "%s/replyd.state.new", u->data_dir);
	if (json_dump_file(j, tmp, JSON_INDENT(1)) != 0 || rename(tmp, path) != 0)
		log_warn(&u->log, "state.not_written", "path=%s cause=%s", path, strerror(errno));
}

/* What the roles read: every setting as it holds now; no secret stands in settings. */
static int write_settings(const struct up *u)
{
	char path[DATA_DIR_PATH];
	FILE *f;

	data_dir_settings(u->data_dir, path);
	f = fopen(path, "we");
	if (!f)
		return fail(EX_CANTCREAT, path, strerror(errno),
			    "the data folder must be writable");
	(void)fputs("# written by `replyd up` at each start for its children; edit your own file "
		    "instead\n",
		    f);
	settings_write(u->settings, u->place, f);
	if (fclose(f) != 0)
		return fail(EX_CANTCREAT, path, strerror(errno), "is the disk full?");
	chmod(path, 0644);
	return 0;
}

/* ---- children ---- */

static int start_postgres(struct child *c, struct proc_params *p, struct proc **ret)
{
	struct up *u = c->owner;

	return cluster_start(&u->cluster, &u->loop, p, ret);
}

static void keep_keys_fd(struct up *u, const struct child *c, int fd)
{
	int *kept = &u->key_fds[c - u->roles];

	if (*kept > 0)
		close(*kept);
	*kept = fd;
}

static int start_role(struct child *c, struct proc_params *p, struct proc **ret)
{
	struct up *u = c->owner;
	char self[] = "replyd", role[32], flag_cred[] = "--credentials", fd3[] = "fd:3",
	     flag_conf[] = "--config", conf[DATA_DIR_PATH], flag_slot[] = "--slot", slot[64],
	     flag_keys[] = "--keys", fd4[] = "fd:4";
	char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C.UTF-8", zone[] = "TZ=UTC";
	char *argv[] = { self,      role, flag_cred, fd3, flag_conf, conf,
			 flag_slot, slot, flag_keys, fd4, NULL };
	char *env[] = { path, locale, zone, NULL };
	int r, fd, keys[2];

	(void)snprintf(role, sizeof(role), "%s", c->role);
	data_dir_settings(u->data_dir, conf);
	/* We hold the data folder's lock, and start a slot again only when its process has ended.
	 */
	(void)snprintf(slot, sizeof(slot), "%s/%s-%d", u->installation, c->role, c->n);
	fd = credentials_pipe(&u->keys, u->settings, c->role);
	if (fd < 0)
		return fd;
	p->file = "/proc/self/exe";
	p->argv = argv;
	p->env = env;
	p->uid = u->role_account.uid;
	p->gid = u->role_account.gid;
	p->in_fd = fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keys) != 0) {
		r = -errno;
		close(fd);
		return r;
	}
	p->keys_fd = keys[1];
	r = proc_open(&u->loop, p, ret);
	close(fd);
	close(keys[1]);
	keep_keys_fd(u, c, r ? -1 : keys[0]);
	u->keys_sent[c - u->roles] = u->keys.n_later;
	if (r)
		close(keys[0]);
	return r;
}

static void add_role(struct up *u, const char *role, int n)
{
	struct child *c = &u->roles[u->n_roles++];

	c->owner = u;
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
	struct up *u = c->owner;

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
	struct up *u = c->owner;

	write_state(u);
	if (c->state == CHILD_STOPPED)
		close_all(u);
}

/* A broker that is cut between a provider's rotation and its save loses the grant: it may end its
 * requests.  A worker waits until others have taken over; when all are told to end, for nobody. */
static uint64_t patience_of(const struct up *u, const struct child *c)
{
	if (strcmp(c->role, "broker") == 0)
		return PATIENCE_ROLE_MS + u->settings->broker_timeout_ms;
	if (strcmp(c->role, "ingest") == 0)
		return PATIENCE_ROLE_MS + u->settings->ingest_drain_ms;
	return PATIENCE_ROLE_MS;
}

static void on_stop(void *owner)
{
	struct up *u = owner;

	log_info(&u->log, "up.stopping", "roles=%zu", u->n_roles);
	crew_size_drop(u->crew);
	u->crew = NULL;
	if (u->look.fired)
		timer_drop(&u->look, NULL);
	for (size_t i = 0; i < u->n_roles; i++)
		child_stop(&u->roles[i], patience_of(u, &u->roles[i]));
	if (u->n_roles == 0 && u->private_cluster)
		child_stop(&u->postgres, PATIENCE_POSTGRES_MS);
}

/* ---- keys ---- */

/* Until it is in the socket: one that stands still has it full. */
static void send_keys(struct up *u, size_t role)
{
	int r;

	/* One that has just ended gets all of them at its start. */
	if (u->key_fds[role] <= 0 || u->keys_sent[role] == u->keys.n_later)
		return;
	r = credentials_send(&u->keys, u->roles[role].role, u->key_fds[role]);
	if (r == 0)
		u->keys_sent[role] = u->keys.n_later;
	else
		log_warn(&u->log, "keys.not_sent", "role=%s cause=%s", u->roles[role].role,
			 strerror(-r));
}

/* `replyd key rotate` makes a key; the roles get it while they work. */
static void on_look(struct timer *t)
{
	struct up *u = container_of(t, struct up, look);
	size_t had = u->keys.n_later;
	char why[512];
	int r = keyring_look(&u->keys, u->data_dir, why);

	timer_in(t, r < 0 ? LOOK_AGAIN_MS : LOOK_MS);
	if (r < 0)
		log_warn(&u->log, "keys.not_read", "cause=\"%s\"", why);
	if (u->keys.n_later > had)
		log_info(&u->log, "keys.found", "n=%zu", u->keys.n_later - had);
	for (size_t i = 0; i < u->n_roles; i++)
		send_keys(u, i);
}

/* ---- workers ---- */

static void add_workers(struct up *u, int n)
{
	while (u->n_ingest < n && u->n_roles < CHILDREN_MAX)
		add_role(u, "ingest", u->n_ingest++);
}

static void on_size(void *owner, int n)
{
	struct up *u = owner;

	add_workers(u, n);
	write_state(u);
}

static int start_workers(struct up *u)
{
	const struct crew_size_params p = {
		.loop = &u->loop,
		.log = &u->log,
		.place = u->place,
		.password = &u->keys.is[KEYRING_ADMIN],
		.capacity = worker_capacity(u->settings->ingest_capacity),
		.owner = u,
		.on_size = on_size,
	};
	int r;

	if (u->settings->ingest_workers) {
		add_workers(u, (int)u->settings->ingest_workers);
		return 0;
	}
	add_workers(u, 1);
	r = crew_size_open(&p, &u->crew);
	return r ? fail(EX_CONFIG, "ingest.workers", strerror(-r), "give a number") : 0;
}

/* ---- the straight line ---- */

/* PostgreSQL is started again where it ended, and we stop when we are told to. */
static bool turn(void *owner)
{
	struct up *u = owner;

	loop_turn(&u->loop, TURN_MS);
	return !loop_is_stopping(&u->loop);
}

static int ready_private(struct up *u)
{
	const struct database_patience patience = { PATIENCE_START_MS, turn, u };
	char why[512];
	int r = cluster_prepare(&u->cluster, u->data_dir, u->settings->database_bin_dir,
				&u->keys.is[KEYRING_ROOT], why);

	if (r) {
		(void)fprintf(stderr, "replyd up: %s\n", why);
		return r == -EACCES ? EX_NOPERM : r == -ENOENT ? EX_UNAVAILABLE : EX_CANTCREAT;
	}
	u->private_cluster = true;
	cluster_conninfo(&u->cluster, u->place);
	u->postgres.owner = u;
	u->postgres.role = "postgres";
	u->postgres.stop_signal = SIGINT;
	u->postgres.start = start_postgres;
	u->postgres.changed = on_postgres_changed;
	child_open(&u->postgres, &u->loop, &u->jitter, &u->log);
	r = database_ready(u->place, "replyd_root", &u->keys.is[KEYRING_ROOT], &u->keys, &patience);
	if (r && !loop_is_stopping(&u->loop))
		(void)fprintf(
			stderr,
			"replyd up: PostgreSQL: the private cluster is not usable; its own log "
			"says more: %s/pg/postgres.log\n",
			u->data_dir);
	return r;
}

static int ready_given(struct up *u)
{
	const struct database_patience none = { 0 };
	struct secret password = { 0 };
	char user[64], why[256];
	int code;

	if (conninfo_split(u->settings->database_url, u->place, user, &password, why) != 0)
		return fail(EX_CONFIG, "database.url", why, "see `replyd config print`");
	code = database_ready(u->place, user[0] ? user : "postgres", &password, &u->keys, &none);
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
	return r ? fail(EX_OSERR, "api.port", "no free port was found", "name one") : 0;
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

/* The roles read settings.conf as their own account. */
static int check_reach(const struct up *u)
{
	char path[DATA_DIR_PATH], closed[512], cause[128];

	data_dir_settings(u->data_dir, path);
	if (account_can_reach(&u->role_account, path, closed) == 0)
		return 0;
	(void)snprintf(cause, sizeof(cause), "is closed to the account %s, which runs the roles",
		       u->role_account.name);
	return fail(EX_NOPERM, closed, cause,
		    "choose --data in a folder open to it, such as /var/lib/replyd, or chmod o+x "
		    "that one");
}

static int start_everything(struct up *u)
{
	char why[512];
	int code;

	code = keyring_open(&u->keys, u->data_dir, u->settings->key_command, why);
	if (code) {
		(void)fprintf(stderr, "replyd up: %s\n", why);
		return keyring_exit_code(code);
	}
	if (account_choose("replyd", &u->role_account) != 0)
		return fail(EX_NOPERM, "accounts", "there is neither `replyd` nor `nobody`",
			    "start replyd as another user than root");
	code = check_reach(u);
	if (code)
		return code;
	code = choose_port(u);
	if (code)
		return code;
	code = check_client_secrets(u);
	if (code)
		return code;
	code = *u->settings->database_url ? ready_given(u) : ready_private(u);
	if (loop_is_stopping(&u->loop))
		return 0;
	if (code)
		return code;
	code = write_settings(u);
	if (code == 0 && read_installation(u) != 0)
		code = fail(EX_CANTCREAT, u->data_dir, strerror(errno),
			    "the data folder must be writable");
	if (code)
		return code;
	add_role(u, "broker", 0);
	add_role(u, "dispatch", 0);
	add_role(u, "rotation", 0);
	add_role(u, "api", 0);
	code = start_workers(u);
	if (code)
		return code;
	timer_open(&u->look, &u->loop, on_look);
	timer_in(&u->look, LOOK_MS);
	log_info(&u->log, "up.started", "data=%s api=%s", u->data_dir, u->settings->api_public_url);
	return 0;
}

int up_run(struct settings *s, const char *data_dir)
{
	struct up *u = mem_new(sizeof(*u));
	int code;

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
