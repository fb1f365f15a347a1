#ifndef SERVICES_ROLE_H
#define SERVICES_ROLE_H

#include "base/cred.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/tls.h"
#include "services/settings.h"

/*
 * What every long-running role starts with: settings, its own credentials, a
 * loop, a log, trust anchors, and how to reach PostgreSQL as its own user.
 *
 * A role is one function, `<name>_role_run(r)`: open what it needs on r->loop,
 * loop_run(), clear, and return an exit code (sysexits).  On SIGTERM the loop calls the
 * role's on_stop, which drops everything; loop_run() then returns.
 */
struct role {
	const char *name; /* "ingest" */
	const struct settings *settings;
	struct cred *cred; /* role_want(r, "key.digest"); master keys: services/keyholder */
	struct log log;
	struct loop loop; /* loop_init() is the role's first call */
	struct tls_context *tls;
	char conninfo[1024]; /* libpq key words, with user and without password */
	const struct secret *db_password;
	char instance[37];       /* uuid of this process */
	const char *credentials; /* where they came from: "fd:3" or a file */
	int keys_fd;             /* new keys come here as credential lines; -1: nowhere */
	char slot[64]; /* who starts it vouches: one process of this slot at a time; "": nobody */
};

int ingest_role_run(struct role *r);
int broker_role_run(struct role *r);
int dispatch_role_run(struct role *r);
int rotation_role_run(struct role *r);
int api_role_run(struct role *r);

/* Fill in `r` from settings and credentials; 0 or an exit code, having said why on stderr. */
int role_open(struct role *r, const char *name, const struct settings *s, const char *credentials);
void role_close(struct role *r);
/* Level and format of the log, as the settings say; for the command line too. */
void role_log_setup(const char *name, const struct settings *s);
/* A credential that must be there, and of the right length if it is a key: NULL after an error line
 * naming it. */
const struct secret *role_want(struct role *r, const char *name);

#endif
