#ifndef DB_LEASE_H
#define DB_LEASE_H

#include <stddef.h>
#include <stdint.h>

#include "db/pg.h"

/*
 * Which worker watches which inbox.  A worker proves itself with one row; an
 * inbox belongs to whoever is named in its lease, at the epoch that the taking
 * raised.  Across workspaces, as replyd_ingest.
 *
 * All requests are embedded by the caller, zeroed before their first use, and
 * may be used again after `done`; 0 and -errno as pg_tx_start().
 */
#define LEASE_UUID 37

/* ---- the worker's own row, and everybody's ---- */

struct lease_worker {
	char worker[LEASE_UUID];
	int64_t beat;     /* counts up */
	int64_t capacity; /* inboxes it can hold */
};

struct lease_beat {
	struct pg_tx tx;
	struct outcome outcome;
	struct lease_worker *workers; /* all there are, ourselves too; good inside `done` */
	size_t n_workers;
	void (*done)(struct lease_beat *q);
};
/* Beat once (the row is made when it is not there) and see everybody's beat. */
int lease_beat_start(struct pg *pg, struct lease_beat *q, const char *worker, const char *host,
		     int pid, int64_t capacity, void (*done)(struct lease_beat *));

/* ---- inboxes ---- */

/* One inbox with its lease; texts are good inside the call only. */
struct lease_inbox {
	const char *workspace, *inbox; /* uuid */
	int64_t epoch;
	const char *admin_state; /* "enabled", "paused", "removed" */
	const char *address, *provider;
	const char *imap_host, *imap_security; /* "tls", "starttls" */
	int64_t imap_port;
	const char *login_name;
	int64_t token_version; /* of what there is to log in with; 0: nothing yet */
};

struct lease_list {
	struct pg_tx tx;
	struct outcome outcome;
	int64_t watchable; /* lease_mine: inboxes there are to watch in all, by whomever; else -1 */
	int64_t free;      /* lease_mine: of them those of nobody; else -1 */
	void (*each)(struct lease_list *q,
		     const struct lease_inbox *i); /* before `done`, per row */
	void (*done)(struct lease_list *q);
};
/* The truth: what is leased to `worker` now. */
int lease_mine_start(struct pg *pg, struct lease_list *q, const char *worker,
		     void (*each)(struct lease_list *, const struct lease_inbox *),
		     void (*done)(struct lease_list *));
/*
 * Take at most `most` inboxes that are enabled and nobody's, or of a worker named
 * in `dead` (n uuids).  Rows that somebody holds right now are passed over.  Rows of
 * dead workers that have nothing left are removed.
 */
int lease_take_start(struct pg *pg, struct lease_list *q, const char *worker,
		     const char *const *dead, size_t n_dead, int64_t most,
		     void (*each)(struct lease_list *, const struct lease_inbox *),
		     void (*done)(struct lease_list *));

struct lease_release {
	struct pg_tx tx;
	struct outcome outcome;
	void (*done)(struct lease_release *q);
};
/* Give `inbox` back, which is said of it as "unwatched"; NULL: all of them, and the worker's row
 * goes too. */
int lease_release_start(struct pg *pg, struct lease_release *q, const char *worker,
			const char *inbox, void (*done)(struct lease_release *));

/* ---- mails to look at again, of all inboxes of a worker ---- */

struct lease_recheck {
	const char *inbox, *folder; /* uuid */
	int64_t uidvalidity, uid;
};
struct lease_rechecks {
	struct pg_tx tx;
	struct outcome outcome;
	void (*each)(struct lease_rechecks *q, const struct lease_recheck *r);
	void (*done)(struct lease_rechecks *q);
};
int lease_rechecks_start(struct pg *pg, struct lease_rechecks *q, const char *worker,
			 void (*each)(struct lease_rechecks *, const struct lease_recheck *),
			 void (*done)(struct lease_rechecks *));

#endif
