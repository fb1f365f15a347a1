#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/io/proc.h"
#include "base/rand.h"
#include "base/seal.h"
#include "db/conninfo.h"
#include "services/key_hook.h"
#include "services/role.h"

static enum log_level level_of(const char *s)
{
	return strcmp(s, "debug") == 0   ? LOG_DEBUG
	       : strcmp(s, "warn") == 0  ? LOG_WARN
	       : strcmp(s, "error") == 0 ? LOG_ERROR
					 : LOG_INFO;
}

void role_log_setup(const char *name, const struct settings *s)
{
	bool json = strcmp(s->log_format, "json") == 0 ||
		    (strcmp(s->log_format, "auto") == 0 && !isatty(2));

	log_setup(name, level_of(s->log_level), json ? LOG_JSON : LOG_KEY_VALUE);
}

static void raise_files(void)
{
	struct rlimit files;

	/* As many connections as the machine allows. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int reach_database(struct role *r)
{
	char place[CONNINFO_MAX], user[64], why[256];

	if (!*r->settings->database_url) {
		(void)fprintf(
			stderr,
			"replyd %s: database.url is empty; set it to postgresql://host/database "
			"(or DATABASE_URL), "
			"or use `replyd up`\n",
			r->name);
		return EX_CONFIG;
	}
	(void)snprintf(user, sizeof(user), "replyd_%s", r->name);
	if (conninfo_split(r->settings->database_url, place, NULL, NULL, why) != 0) {
		(void)fprintf(stderr, "replyd %s: %s\n", r->name, why);
		return EX_CONFIG;
	}
	if (conninfo_join(place, user, r->conninfo) != 0) {
		(void)fprintf(stderr,
			      "replyd %s: database.url is longer than %d bytes; shorten it\n",
			      r->name, CONNINFO_MAX);
		return EX_CONFIG;
	}
	return 0;
}

struct unwrapping {
	const char *command;
	char why[512];
};

static int unwrap(void *arg, const char *name, struct secret *value)
{
	struct unwrapping *u = arg;

	(void)name;
	return key_hook_open(u->command, KEY_HOOK_LIMIT_MS, value, u->why);
}

static int unwrap_all(struct role *r)
{
	struct unwrapping u = { .command = r->settings->key_command };
	char name[CRED_NAME];
	int res = cred_each(r->cred, unwrap, &u, name);

	if (res)
		(void)fprintf(stderr, "replyd %s: the credential %s: %s\n", r->name, name, u.why);
	return res;
}

int role_open(struct role *r, const char *name, const struct settings *s, const char *credentials)
{
	char why[256];
	int res;

	*r = (struct role){
		.name = name, .settings = s, .credentials = credentials, .keys_fd = -1
	};
	rand_uuid(r->instance);
	role_log_setup(name, s);
	log_child(&r->log, NULL, "%s", "");
	raise_files();
	/* A child of `replyd up` ends with it; started by hand or by systemd it does not. */
	if (strncmp(credentials, "fd:", 3) == 0)
		proc_die_with_parent();

	res = cred_load(credentials, &r->cred, why);
	if (res) {
		(void)fprintf(stderr, "replyd %s: --credentials %s: %s\n", name, credentials, why);
		return EX_CONFIG;
	}
	if (unwrap_all(r) != 0)
		return EX_CONFIG;
	r->db_password = role_want(r, "db.password");
	if (!r->db_password)
		return EX_CONFIG;
	res = tls_context_new(*s->tls_ca_file ? s->tls_ca_file : NULL, &r->tls);
	if (res) {
		(void)fprintf(stderr,
			      "replyd %s: tls.ca_file %s: %s; name a PEM file with at least one "
			      "certificate\n",
			      name, s->tls_ca_file,
			      res == -EINVAL ? "holds no certificate" : strerror(-res));
		return EX_CONFIG;
	}
	return reach_database(r);
}

const struct secret *role_want(struct role *r, const char *name)
{
	const struct secret *s = cred_get(r->cred, name);

	if (s && strncmp(name, "key.", 4) == 0 && s->len != SEAL_KEY) {
		(void)fprintf(
			stderr,
			"replyd %s: the credential %s has %zu bytes; keys have %d, written as "
			"base64:...\n",
			r->name, name, s->len, SEAL_KEY);
		return NULL;
	}
	if (!s)
		(void)fprintf(stderr,
			      "replyd %s: the credential %s is missing; see the table in "
			      "docs/interfaces.md\n",
			      r->name, name);
	return s;
}

void role_close(struct role *r)
{
	tls_context_free(r->tls);
	cred_free(r->cred);
}
