#ifndef SERVICES_UP_CLUSTER_H
#define SERVICES_UP_CLUSTER_H

#include "base/io/proc.h"
#include "base/secret.h"
#include "db/conninfo.h"
#include "services/up/account.h"

/*
 * The private PostgreSQL of one machine: made in DIR/pg on the first start, kept
 * afterwards, reachable by a Unix socket only, SCRAM for everybody.  It is an
 * ordinary child of `replyd up`; one that an earlier `replyd up` left behind
 * (kill -9) is stopped first.
 */
struct cluster {
	struct account account;
	char bin[256];    /* folder of initdb and postgres */
	char dir[400];    /* DIR/pg */
	char socket[108]; /* folder of the socket; short, since sun_path is */
};

/*
 * Find the programs, make the cluster if it is not there.  -ENOENT: no PostgreSQL
 * found, -EACCES: the account cannot reach the folder, -EIO: initdb failed; `why`
 * names the thing, the cause and the remedy.
 */
int cluster_prepare(struct cluster *c, const char *data_dir, const char *bin_dir,
		    const struct secret *root_password, char why[512]);
/* Start it as a child.  The owner and on_exit of `p` are kept; the rest is filled in.  -errno. */
int cluster_start(const struct cluster *c, struct loop *l, struct proc_params *p,
		  struct proc **ret);
/* libpq key words without user and password. */
void cluster_conninfo(const struct cluster *c, char ret[CONNINFO_MAX]);

#endif
